"""Findings of single items, gathered for a page: seven shifted masks are one row, not seven."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.data_findings import DataFinding, DataFindingCode

#: The one check that has a finding for each item: each mask has a shift of its own.
_GATHERED = DataFindingCode.MASK_SHIFTED


def gather(findings: Sequence[DataFinding]) -> list[DataFinding]:
    """Return the findings with those of single shifted masks made into one, in their order."""
    rows: list[DataFinding] = []
    for finding in findings:
        last = rows[-1] if rows else None
        if last is None or finding.code is not _GATHERED or last.code is not _GATHERED:
            rows.append(finding)
            continue
        rows[-1] = last.model_copy(
            update={
                "title": "Shifted masks",
                "message": f"{last.message}\n{finding.message}",
                "fix": "Look at each of them; shift it back in a new version, annotate it again, or leave it out.",
                "items": (*last.items, *finding.items),
                "per_item": {**last.per_item, **finding.per_item},
                "shift": None,
                "shifts": {**last.shifts, **finding.shifts},
            }
        )
    return rows
