"""Validation that declines, or only its loss, while training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.overfitting import detect_overfitting
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity
from app.domain.metrics import Baselines


def find(context: RunContext | None = None, **columns: Sequence[float]) -> tuple[Finding, ...]:
    return detect_overfitting(HistoryTable.from_csv_columns(columns), context or RunContext())


RISING = [0.5 + 0.4 * epoch / 29 for epoch in range(30)]
UP_AND_DOWN = [0.5, 0.6, 0.7, 0.75, 0.8, 0.8, 0.8] + [0.8 - 0.015 * epoch for epoch in range(23)]


def test_validation_declines_while_training_improves() -> None:
    (finding,) = find(jaccard=RISING, val_jaccard=UP_AND_DOWN)
    assert (finding.severity, finding.until_epoch, finding.title) == (
        Severity.WARNING,
        None,
        "Overfitting: validation declines",
    )
    # The median of three is 10 % below its best from epoch 15 on.
    assert (finding.epoch, finding.evidence["raised_epoch"]) == (15, 19)
    assert finding.evidence["best_val_jaccard"] == 0.8


def test_not_before_five_epochs() -> None:
    assert find(jaccard=RISING[:18], val_jaccard=UP_AND_DOWN[:18]) == ()
    assert len(find(jaccard=RISING[:19], val_jaccard=UP_AND_DOWN[:19])) == 1


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (RISING, RISING),
        (RISING, [0.8] * 30),
        (list(reversed(RISING)), UP_AND_DOWN),
        (RISING, [0.5, 0.8, 0.8, 0.8] + [0.01] * 26),
        (RISING, [0.25 * value for value in UP_AND_DOWN]),
    ],
    ids=["both-improve", "holds", "training-forgets", "collapse", "never-learned"],
)
def test_what_is_no_overfitting(training: list[float], validation: list[float]) -> None:
    assert find(jaccard=training, val_jaccard=validation) == ()


def test_a_loss_that_falls_speaks_against_it() -> None:
    falling = [1 - 0.03 * epoch for epoch in range(30)]
    assert find(jaccard=RISING, val_jaccard=UP_AND_DOWN, val_loss=falling) == ()
    rising = [0.2] * 7 + [0.2 + 0.02 * epoch for epoch in range(23)]
    assert len(find(jaccard=RISING, val_jaccard=UP_AND_DOWN, val_loss=rising)) == 1


def test_of_curves_that_jump_few_count_as_declining() -> None:
    random = np.random.default_rng(5)
    training = [0.8 + 0.002 * epoch for epoch in range(60)]
    curves = [(0.7 + random.normal(0, 0.05, 60)).tolist() for _ in range(60)]
    assert sum(bool(find(jaccard=training, val_jaccard=curve)) for curve in curves) <= 8


def test_a_level_that_painting_everything_reaches_is_none() -> None:
    context = RunContext(baselines=Baselines(all_foreground=0.79, empty=0.0))
    assert find(context, jaccard=RISING, val_jaccard=UP_AND_DOWN) == ()


def test_it_closes_when_validation_is_back() -> None:
    back = [*UP_AND_DOWN[:22], 0.8, 0.8, 0.8, 0.8]
    (finding,) = find(jaccard=RISING[:26], val_jaccard=back)
    assert (finding.epoch, finding.until_epoch) == (15, 23)
    assert "ended after epoch 23" in finding.message


def test_loss_alone_is_information() -> None:
    columns: dict[str, Any] = {
        "jaccard": RISING,
        "val_jaccard": [0.8] * 30,
        "loss": [1 / (1 + epoch) for epoch in range(30)],
        "val_loss": [0.2] * 8 + [0.2 + 0.02 * epoch for epoch in range(22)],
    }
    (finding,) = find(**columns)
    assert (finding.severity, finding.title) == (Severity.INFO, "Overfitting: validation loss rises")
    assert finding.evidence["kind"] == "loss"
    # A loss that training shares is no overfitting.
    assert find(**(columns | {"loss": columns["val_loss"]})) == ()


def test_loss_alone_becomes_a_warning_when_jaccard_follows() -> None:
    (finding,) = find(
        jaccard=[0.5 + 0.01 * epoch for epoch in range(45)],
        val_jaccard=[0.8] * 30 + [0.8 - 0.02 * epoch for epoch in range(15)],
        loss=[1 / (1 + epoch) for epoch in range(45)],
        val_loss=[0.2] * 8 + [0.2 + 0.02 * epoch for epoch in range(37)],
    )
    assert (finding.severity, finding.evidence["kind"]) == (Severity.WARNING, "loss")
    assert "declined as well" in finding.message
