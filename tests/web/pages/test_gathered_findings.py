from __future__ import annotations

from typing import Any

from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.web.pages.gathered_findings import gather


def finding(code: DataFindingCode, *items: str, **fields: Any) -> DataFinding:
    title = f"about {', '.join(items)}"
    return DataFinding(
        code=code, severity=DataSeverity.SERIOUS, title=title, message=title, fix="f", items=items, **fields
    )


def test_shifted_masks_become_one_row_that_keeps_every_shift() -> None:
    empty = finding(DataFindingCode.MASK_EMPTY, "x")
    shifted = [
        finding(DataFindingCode.MASK_SHIFTED, name, shift=shift, shifts={name: shift})
        for name, shift in [("a", (1, 2)), ("b", (3, 4)), ("c", (5, 6))]
    ]
    together = finding(DataFindingCode.MASK_SHIFTED_SYSTEMATIC, "d", "e", shift=(7, 8))

    first, row, last = gather([empty, *shifted, together])

    assert (first, last) == (empty, together)
    assert row.items == ("a", "b", "c")
    assert row.shifts == {"a": (1, 2), "b": (3, 4), "c": (5, 6)}
    assert row.message.splitlines() == ["about a", "about b", "about c"]


def test_other_findings_stay_as_they_are() -> None:
    findings = [finding(DataFindingCode.MASK_EMPTY, "a"), finding(DataFindingCode.MASK_EMPTY, "b")]
    assert gather(findings) == findings
    assert gather([]) == []
