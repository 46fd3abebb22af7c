"""Every code that a dataset check may raise is explained, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from app.domain.data_findings import DataFindingCode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-findings.md"


def test_every_code_has_a_row_and_every_row_a_code() -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(code.value for code in DataFindingCode)
