"""The documentation names every setting with its default, and no command or file that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from app.cli import cli
from app.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ROWS = {
    name: (default, meaning)
    for name, default, meaning in re.findall(
        r"^\| `SEGSCOPE_(\w+)` \| (.+?) \| (.+) \|$",
        (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
COMMANDS = set(getattr(typer.main.get_command(cli), "commands", {}))


def code_of(document: Path) -> str:
    """Return the fenced blocks and inline code of a document, a line for each inline piece."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*fenced, *inline])


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_listed_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else str(field.default)
    assert ROWS[name.upper()] == (f"`{default}`" if default else "empty", field.description)


def test_no_setting_is_listed_that_is_gone() -> None:
    assert {name.lower() for name in ROWS} == set(Settings.model_fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_commands_and_variables_exist(document: Path) -> None:
    code = code_of(document)
    assert set(re.findall(r"^make ([a-z-]+)", code, flags=re.MULTILINE)) <= TARGETS
    assert set(re.findall(r"^(?:segscope|\.venv/bin/segscope|python -m app) ([a-z-]+)", code, re.MULTILINE)) <= COMMANDS
    assert {name.lower() for name in re.findall(r"SEGSCOPE_([A-Z_]+)", code)} <= set(Settings.model_fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_linked_files_exist(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = {link for link in links if not (document.parent / link).exists()}
    assert not missing


def test_readme_names_every_command_of_the_command_line() -> None:
    code = code_of(ROOT / "README.md")
    assert {"run", "test"} <= set(re.findall(r"^make ([a-z-]+)", code, flags=re.MULTILINE))
    assert set(re.findall(r"^segscope ([a-z-]+)", code, flags=re.MULTILINE)) == COMMANDS
