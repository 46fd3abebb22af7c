"""Numbers that are not numbers: NaN or ±∞ in a recorded metric."""

from __future__ import annotations

import numpy as np

from app.diagnosis.history_table import HistoryTable
from app.domain.findings import Finding, FindingCode, Severity
from app.domain.history import number_to_json


def detect_non_finite(history: HistoryTable) -> tuple[Finding, ...]:
    """Find recorded NaN and ±∞; one finding from the first such value until every affected metric is finite again.

    A value that was not recorded is not a NaN. A metric that is recorded only now and then keeps its last value in
    between, so that it does not seem to heal. Always serious.
    """
    broken: dict[str, str] = {}
    seen: dict[str, str] = {}
    findings: list[Finding] = []
    first: dict[str, str] = {}
    start = last = 0
    recorded = {name: history.recorded(name) for name in history.names}
    wrong = {name: recorded[name] & ~np.isfinite(history.column(name)) for name in history.names}
    # Only these rows can open anything; the others are visited while something is open.
    suspicious = np.zeros(len(history), dtype=bool)
    for mask in wrong.values():
        suspicious |= mask
    for row, epoch in enumerate(history.epochs.tolist()):
        if not suspicious[row] and not broken:
            continue
        was_broken = bool(broken)
        for name in history.names:
            if wrong[name][row]:
                broken[name] = str(number_to_json(float(history.column(name)[row])))
            elif recorded[name][row]:
                broken.pop(name, None)
        if broken and not was_broken:
            start, first, seen = epoch, dict(broken), {}
        for name, value in broken.items():
            seen.setdefault(name, value)
        if broken:
            last = epoch
        elif was_broken:
            findings.append(_finding(start, first=first, seen=seen, until=last))
    if broken:
        findings.append(_finding(start, first=first, seen=seen, until=None))
    return tuple(findings)


def _finding(start: int, *, first: dict[str, str], seen: dict[str, str], until: int | None) -> Finding:
    sentences = [
        f"In epoch {start} {_listed(first)}. A training rarely comes back from this: the weights themselves may hold "
        "such values."
    ]
    later = {name: value for name, value in seen.items() if name not in first}
    if later:
        sentences.append(f"Later {_listed(later)}.")
    if until is not None:
        sentences.append(f"After epoch {until} all of them were numbers again.")
    return Finding(
        code=FindingCode.NON_FINITE,
        severity=Severity.SERIOUS,
        epoch=start,
        until_epoch=until,
        title="A metric is not a number",
        message=" ".join(sentences),
        evidence={"columns": ", ".join(first), **first},
    )


def _listed(values: dict[str, str]) -> str:
    words = {"nan": "not a number (NaN)", "inf": "infinite (+∞)", "-inf": "infinite (-∞)"}
    return ", ".join(f"{name} was {words[value]}" for name, value in values.items())
