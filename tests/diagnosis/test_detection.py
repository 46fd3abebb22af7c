"""What holds for all detectors together: the same history, the same findings; and none vanishes."""

from __future__ import annotations

import math
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagnosis.detection import detect
from app.diagnosis.history_table import HistoryTable
from app.domain.findings import Finding, FindingCode, Severity
from app.domain.metrics import Baselines

Row = dict[str, float | None]

RANK = {severity: rank for rank, severity in enumerate(Severity)}

jaccards = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.5e-12, 0.127283, 0.127, 0.05, 0.5, 0.9, math.nan, math.inf]),
    st.floats(0, 1),
)
losses = st.one_of(st.none(), st.sampled_from([math.nan, -math.inf]), st.floats(-1, 15))
accuracies = st.one_of(st.none(), st.sampled_from([0.0814, 0.8187, 0.127283]), st.floats(0, 1))
rates = st.sampled_from([None, 1e-3, 5e-4, 1e-6, 0.0, math.nan])
fractions = st.one_of(st.none(), st.sampled_from([0.0, 0.999, 1.0]), st.floats(0, 1))
epochs = st.fixed_dictionaries(
    {"jaccard": jaccards, "val_jaccard": jaccards, "val_loss": losses},
    optional={
        "val_predicted_foreground": fractions,
        "loss": losses,
        "val_accuracy": accuracies,
        "learning_rate": rates,
    },
)


@st.composite
def phases(draw: st.DrawFn) -> list[Row]:
    """Histories that linger: each drawn epoch is repeated, so that findings open and close."""
    rows: list[Row] = []
    for row, times in draw(st.lists(st.tuples(epochs, st.integers(1, 14)), max_size=8)):
        rows.extend([row] * times)
    return rows


contexts = st.fixed_dictionaries(
    {
        "baselines": st.sampled_from([None, Baselines(0.127283, 0.0), Baselines(0.0, 1.0)]),
        "planned_updates": st.sampled_from([None, 80, 10_000]),
        "batchnorm_momentum": st.sampled_from([None, 0.0, 0.9, 0.99]),
        "steps_per_epoch": st.sampled_from([None, 1, 5, 60]),
    }
)


@settings(deadline=None, max_examples=300)
@given(rows=st.one_of(phases(), st.lists(epochs, max_size=30)), context=contexts)
def test_a_finding_persists_in_every_longer_history(rows: list[Row], context: dict[str, Any]) -> None:
    history = HistoryTable.from_rows(rows)
    earlier: dict[tuple[FindingCode, int], Finding] = {}
    for count in range(len(rows) + 1):
        now = {(finding.code, finding.epoch): finding for finding in detect(history.head(count), **context)}
        for key, before in earlier.items():
            after = now[key]
            assert after.title == before.title
            assert after.evidence == before.evidence
            assert RANK[after.severity] >= RANK[before.severity]
            if not before.is_open:
                assert after == before
        for key, finding in now.items():
            assert finding.epoch <= (finding.until_epoch or count) <= count
            if key not in earlier:
                assert finding.is_open or finding.code is FindingCode.NON_FINITE
        earlier = now


@settings(deadline=None)
@given(rows=phases(), context=contexts)
def test_findings_are_ordered_unique_and_deterministic(rows: list[Row], context: dict[str, Any]) -> None:
    history = HistoryTable.from_rows(rows)
    findings = detect(history, **context)
    assert findings == detect(history, **context)
    keys = [(finding.code, finding.epoch) for finding in findings]
    assert len(set(keys)) == len(keys)
    assert [finding.epoch for finding in findings] == sorted(finding.epoch for finding in findings)


@settings(deadline=None)
@given(rows=phases(), context=contexts)
def test_the_end_only_raises_the_severity_of_what_is_open(rows: list[Row], context: dict[str, Any]) -> None:
    history = HistoryTable.from_rows(rows)
    running, ended = detect(history, **context), detect(history, **context, ended=True)
    assert [(f.code, f.epoch, f.until_epoch) for f in running] == [(f.code, f.epoch, f.until_epoch) for f in ended]
    for before, after in zip(running, ended, strict=True):
        if before.is_open and before.code in {FindingCode.COLLAPSE, FindingCode.AT_TRIVIAL_BASELINE}:
            assert after.severity is Severity.SERIOUS
        else:
            assert after == before


@settings(deadline=None)
@given(rows=phases(), context=contexts)
def test_messages_are_sentences_and_evidence_is_json(rows: list[Row], context: dict[str, Any]) -> None:
    for finding in detect(HistoryTable.from_rows(rows), **context):
        assert len(finding.title) <= 40
        assert finding.message.endswith(".")
        assert "  " not in finding.message
        assert all(not isinstance(value, float) or math.isfinite(value) for value in finding.evidence.values())


def test_an_empty_history_has_no_findings() -> None:
    assert detect(HistoryTable.from_rows([])) == ()


def test_a_long_history_is_read_quickly() -> None:
    rows: list[Row] = [{"jaccard": 0.8, "val_jaccard": 0.7, "loss": 0.1, "val_loss": 0.1}] * 10_000
    history = HistoryTable.from_rows(rows)
    start = time.perf_counter()
    assert detect(history) == ()
    # Some 60 ms here; the limit only catches a detector that has become quadratic.
    assert time.perf_counter() - start < 5
