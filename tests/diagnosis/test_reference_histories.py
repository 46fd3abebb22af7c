"""The 30 histories of the reference study: every collapse is seen, soon, and no healthy run is accused at its end."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from app.diagnosis.detection import detect
from app.diagnosis.history_table import HistoryTable
from app.domain.findings import Finding, FindingCode, Severity
from app.domain.metrics import Baselines

HISTORIES = Path(__file__).parents[3] / "shared" / "data" / "histories"
pytestmark = pytest.mark.skipif(not HISTORIES.is_dir(), reason=f"reference histories are absent: {HISTORIES}")

FAILURES = {FindingCode.COLLAPSE, FindingCode.AT_TRIVIAL_BASELINE}

#: Steps an epoch of the report's runs: 65 training images in batches of 8 and 16.
REPORT_STEPS = {
    "microscope-training-20251008-unet.csv": 9,
    "microscope-training-20251008-attention-unet.csv": 5,
    "microscope-training-20251008-attention-resunet.csv": 5,
}
REPORT_BASELINES = Baselines(all_foreground=0.127283, empty=0.0)


def load(name: str) -> HistoryTable:
    with (HISTORIES / name).open(newline="") as file:
        header, *rows = list(csv.reader(file))
    return HistoryTable.from_csv_columns({name: [row[i] for row in rows] for i, name in enumerate(header)})


def labels() -> list[tuple[str, str]]:
    if not HISTORIES.is_dir():
        return []
    with (HISTORIES / "labels.csv").open(newline="") as file:
        return [(row["name"], row["label"]) for row in csv.DictReader(file)]


def facts(name: str) -> dict[str, Any]:
    if name not in REPORT_STEPS:
        return {}
    return {
        "baselines": REPORT_BASELINES,
        "batchnorm_momentum": 0.99,
        "steps_per_epoch": REPORT_STEPS[name],
        "planned_updates": 100 * REPORT_STEPS[name],
    }


def is_accused(findings: tuple[Finding, ...]) -> bool:
    return any(f.is_open and f.severity is Severity.SERIOUS and f.code in FAILURES for f in findings)


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
@pytest.mark.parametrize("known", [False, True], ids=["nothing-known", "facts-known"])
@pytest.mark.parametrize(("name", "label"), labels())
def test_the_verdict_at_the_end(name: str, label: str, known: bool, ended: bool) -> None:
    findings = detect(load(name), **(facts(name) if known else {}), ended=ended)
    if label == "collapsed" or name in REPORT_STEPS:
        assert is_accused(findings)
    elif label == "held":
        assert not is_accused(findings)


@pytest.mark.parametrize("name", [name for name, label in labels() if label == "collapsed" or name in REPORT_STEPS])
def test_a_collapse_is_seen_within_two_epochs(name: str) -> None:
    """Onset by the catalogue's and the labels' own rules, for two epochs; written apart from the detector."""
    history = load(name)
    training, validation = history.column("jaccard"), history.column("val_jaccard")
    low = [
        (training[i] >= 0.3 and validation[i] < 0.3 * training[i])
        or (i > 0 and validation[:i].max() >= 0.02 and validation[i] < 0.2 * validation[:i].max())
        for i in range(len(history))
    ]
    onset = next(i for i in range(len(history) - 1) if low[i] and low[i + 1]) + 1
    seen = next(
        n
        for n in range(1, len(history) + 1)
        if any(f.is_open and f.code is FindingCode.COLLAPSE for f in detect(history.head(n)))
    )
    assert seen - onset <= 2


@pytest.mark.parametrize("name", REPORT_STEPS)
def test_the_report_is_told_about_the_moving_statistics(name: str) -> None:
    """The user's own case: a warning that may heal at first, serious before the run ends."""
    history = load(name)
    epochs: dict[Severity, int] = {}
    for n in range(1, len(history) + 1):
        for finding in detect(history.head(n), **facts(name)):
            if finding.code is FindingCode.COLLAPSE:
                epochs.setdefault(finding.severity, n)
                assert "may heal by itself" in finding.message
    assert epochs[Severity.WARNING] <= 5
    assert epochs[Severity.WARNING] < epochs[Severity.SERIOUS] <= len(history)


def test_the_unet_went_from_everything_to_nothing() -> None:
    name = "microscope-training-20251008-unet.csv"
    found = [
        (finding.evidence["kind"], finding.epoch, finding.until_epoch)
        for finding in detect(load(name), **facts(name))
        if finding.code is FindingCode.AT_TRIVIAL_BASELINE
    ]
    assert found == [("all-foreground", 1, 7), ("empty", 9, None)]


@pytest.mark.parametrize("name", [name for name, _ in labels()])
def test_findings_persist_in_real_histories(name: str) -> None:
    history = load(name)
    earlier: set[tuple[FindingCode, int]] = set()
    for n in range(len(history) + 1):
        now = {(f.code, f.epoch) for f in detect(history.head(n), **facts(name))}
        assert earlier <= now
        earlier = now
