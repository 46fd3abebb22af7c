"""States against labels, alarms and delays over synthetic histories: `python -m benchmarks.history_states [--json]`.

The label says what the last three epochs hold (held, collapsed, ambiguous). Exits with 1 if a state contradicts it: a
collapsed history that is not called so (or never-learned, with a best below 0.001), or a held one that is.
The reference histories are counted too, where they are (`--references FOLDER`).
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.diagnosis.detection import detect
from app.diagnosis.diagnose import Diagnosis, diagnose
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.importing import decode_history, parse_history
from app.diagnosis.state import HistoryState
from app.domain.findings import FindingCode, Severity
from benchmarks.synthetic_histories import GOOD, Kind, Label, SyntheticHistory, histories

COUNT = 3000
SEED = 20251008
REFERENCES = Path(__file__).resolve().parents[2] / "shared" / "data" / "histories"
TIMED_EPOCHS = 200
TIMED_CALLS = 50


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT, help=f"synthetic histories ({COUNT})")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--references", type=Path, default=REFERENCES)
    arguments = parser.parse_args()
    synthetic = list(histories(arguments.count, seed=arguments.seed))
    result: dict[str, Any] = {
        "synthetic": _judged([(one.label, diagnose(_table(one)), one.kind.value) for one in synthetic]),
        "alarms": _alarms(synthetic),
        "delays": _delays(synthetic),
        "milliseconds": _milliseconds(),
    }
    references = list(_references(arguments.references))
    if references:
        result["references"] = _judged(references)
    if arguments.json:
        print(json.dumps(result))
    else:
        _print(result)
    wrong = [*result["synthetic"]["wrong"], *result.get("references", {}).get("wrong", [])]
    return 1 if wrong else 0


def _table(one: SyntheticHistory) -> HistoryTable:
    return HistoryTable.from_csv_columns(one.columns)


def _references(folder: Path) -> Iterator[tuple[Label, Diagnosis, str]]:
    labels = folder / "labels.csv"
    if not labels.is_file():
        return
    with labels.open(newline="") as file:
        for row in csv.DictReader(file):
            history = parse_history(decode_history((folder / row["name"]).read_bytes()))
            yield Label(row["label"]), diagnose(history), row["name"]


def _judged(cases: list[tuple[Label, Diagnosis, str]]) -> dict[str, Any]:
    confusion: dict[str, Counter[str]] = {label.value: Counter() for label in Label}
    wrong, inconsistent = [], []
    for label, diagnosis, name in cases:
        confusion[label][diagnosis.state.value] += 1
        if _contradicts(label, diagnosis):
            wrong.append(f"{name}: {label} but {diagnosis.state}")
        if not _is_consistent(diagnosis):
            inconsistent.append(f"{name}: {diagnosis.state}")
    return {
        "histories": len(cases),
        "confusion": {label: dict(counts) for label, counts in confusion.items()},
        "wrong": wrong,
        "state_and_findings_disagree": inconsistent,
    }


def _contradicts(label: Label, diagnosis: Diagnosis) -> bool:
    if label is Label.COLLAPSED:
        never = diagnosis.state is HistoryState.NEVER_LEARNED and (diagnosis.best_val_jaccard or 0) < 0.001
        return diagnosis.state is not HistoryState.COLLAPSED and not never
    return diagnosis.state is HistoryState.COLLAPSED


def _is_consistent(diagnosis: Diagnosis) -> bool:
    serious = {one.code for one in diagnosis.findings if one.is_open and one.severity is Severity.SERIOUS}
    if diagnosis.state is HistoryState.COLLAPSED:
        return FindingCode.COLLAPSE in serious
    if diagnosis.state in {HistoryState.HEALTHY, HistoryState.RECOVERED}:
        return not serious
    return True


def _alarms(synthetic: list[SyntheticHistory]) -> dict[str, Any]:
    """Count findings above info that are open at the end of histories that held a good level."""
    counts: dict[str, Counter[str]] = {}
    total: Counter[str] = Counter()
    for one in synthetic:
        if one.label is not Label.HELD or max(one.validation) < GOOD:
            continue
        total[one.kind] += 1
        for finding in diagnose(_table(one)).findings:
            if finding.is_open and finding.severity is not Severity.INFO:
                counts.setdefault(one.kind, Counter())[f"{finding.severity} {finding.code}"] += 1
    return {
        kind.value: {"histories": total[kind], "open_at_the_end": dict(counts.get(kind, {}))}
        for kind in Kind
        if total[kind]
    }


def _delays(synthetic: list[SyntheticHistory]) -> dict[str, float | int]:
    """Measure from the first of two epochs below a fifth of the best to the epoch at which `collapse` is raised."""
    delays = []
    missed = 0
    for one in synthetic:
        if one.kind is not Kind.COLLAPSE or one.label is not Label.COLLAPSED:
            continue
        values, history = one.validation, _table(one)
        low = [values[index] < 0.2 * max(values[: index + 1]) for index in range(len(values))]
        onset = next((index for index in range(1, len(low)) if low[index] and low[index - 1]), None)
        if onset is None:
            continue
        raised = next(
            (
                rows
                for rows in range(onset, len(values) + 1)
                if any(found.code is FindingCode.COLLAPSE and found.is_open for found in detect(history.head(rows)))
            ),
            None,
        )
        if raised is None:
            missed += 1
        else:
            delays.append(raised - onset)
    return {
        "collapses": len(delays) + missed,
        "missed": missed,
        "median_epochs": statistics.median(delays),
        "most_epochs": max(delays),
    }


def _milliseconds() -> dict[str, float]:
    """Time one call on a history of 200 epochs."""
    one = next(one for one in histories(1000, seed=1) if one.kind is Kind.SLOW_START)
    columns = {name: (values * TIMED_EPOCHS)[:TIMED_EPOCHS] for name, values in one.columns.items()}
    history = HistoryTable.from_csv_columns(columns)
    result = {}
    for name, call in (("detect_200_epochs", detect), ("diagnose_200_epochs", diagnose)):
        times = []
        for _ in range(TIMED_CALLS):
            start = time.perf_counter()
            call(history)
            times.append(1000 * (time.perf_counter() - start))
        result[name] = statistics.median(times)
    return result


def _print(result: dict[str, Any]) -> None:
    for source in ("synthetic", "references"):
        if source not in result:
            continue
        judged = result[source]
        print(f"{source}: {judged['histories']} histories")
        print(f"  {'state':<14}" + "".join(f"{label.value:>11}" for label in Label))
        for state in HistoryState:
            counts = [judged["confusion"][label].get(state.value, 0) for label in Label]
            if any(counts):
                print(f"  {state.value:<14}" + "".join(f"{count:>11}" for count in counts))
        print(f"  contradictions: {len(judged['wrong'])}", *judged["wrong"][:10], sep="\n    ")
        print(f"  state and findings disagree: {len(judged['state_and_findings_disagree'])}")
    print("findings above info, open at the end of histories that held 0.8 or more")
    for kind, entry in result["alarms"].items():
        print(f"  {kind:<18}{entry['histories']:>5}  {entry['open_at_the_end'] or 'none'}")
    delays = result["delays"]
    print(
        f"collapse: {delays['collapses']} with two low epochs in a row, {delays['missed']} missed, raised after "
        f"{delays['median_epochs']:g} epochs (median), {delays['most_epochs']} at most"
    )
    for name, value in result["milliseconds"].items():
        print(f"{name}: {value:.2f} ms")


if __name__ == "__main__":
    sys.exit(main())
