"""`docs/findings.md` explains every code, and no code that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.domain.findings import FindingCode

TEXT = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("code", FindingCode)
def test_every_code_says_what_it_means_and_what_to_do(code: FindingCode) -> None:
    section = SECTIONS[code.value]
    assert "**What it means.**" in section
    assert "**What to do.**" in section
    assert "hreshold" in section


def test_no_section_is_left_of_a_code_that_is_gone() -> None:
    assert set(SECTIONS) == {code.value for code in FindingCode}
