"""Training loss that loses what it had gained."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.diagnosis.divergence import detect_divergence
from app.diagnosis.history_table import HistoryTable
from app.domain.findings import Finding, Severity


def find(loss: Sequence[float | str]) -> tuple[Finding, ...]:
    return detect_divergence(HistoryTable.from_csv_columns({"loss": loss}))


def test_half_of_the_gain_is_lost_for_three_epochs() -> None:
    curve = [1.0, 0.5, 0.2, 0.7, 0.7, 0.7]
    assert find(curve[:5]) == ()
    (finding,) = find(curve)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (4, None, Severity.WARNING)
    assert finding.evidence["kind"] == "lost-gain"
    assert "from 0.2 (epoch 3) to 0.7" in finding.message
    assert "62%" in finding.message


def test_it_is_serious_when_nothing_is_left() -> None:
    (finding,) = find([1.0, 0.5, 0.2, 0.7, 0.7, 0.7, 1.1, 1.2, 1.3])
    assert (finding.epoch, finding.severity) == (4, Severity.SERIOUS)
    assert "By epoch 9 nothing" in finding.message


def test_an_explosion_needs_no_gain() -> None:
    (finding,) = find([0.5, 2.0, 40.0])
    assert (finding.epoch, finding.evidence["kind"]) == (2, "explosion")


@pytest.mark.parametrize(
    "curve",
    [
        [1.0, 0.5, 0.2, 0.15, 0.1],
        [1.0, 0.5, 0.2, 0.9, 0.9, 0.2, 0.9],
        [0.82, 0.78, 0.85, 0.8, 0.86, 0.86, 0.86],
        [0.1, 0.01, 0.004, 0.005, 0.008, 0.012],
        [-0.2, -0.5, -0.8, -0.7, -0.75],
        [],
    ],
    ids=["falls", "short", "jitter", "small-against-the-gain", "negative", "empty"],
)
def test_what_is_no_divergence(curve: list[float]) -> None:
    assert find(curve) == ()


def test_a_negative_loss_can_diverge() -> None:
    assert len(find([-0.2, -0.8, -0.3, -0.3, -0.3])) == 1


def test_it_closes_when_the_gain_is_back() -> None:
    (finding,) = find([1.0, 0.2, 0.8, 0.8, 0.8, 0.3, 0.25, 0.2])
    assert (finding.epoch, finding.until_epoch) == (3, 5)


def test_numbers_that_are_none_are_left_to_another_detector() -> None:
    assert find([1.0, 0.2, "nan", "inf", "nan"]) == ()
