"""Nothing outside the roots can be registered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.files.roots import confine, confined_child
from app.domain.errors import InvalidInputError


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    (folder / "set" / "images").mkdir(parents=True)
    (tmp_path / "allowed-not").mkdir()
    (tmp_path / "secret").mkdir()
    (folder / "file").write_text("x")
    return folder


def test_folders_inside_are_returned_resolved(allowed: Path) -> None:
    (allowed / "link").symlink_to(allowed / "set")
    assert confine(str(allowed / "link" / ".." / "set"), [allowed]) == (allowed / "set").resolve()
    assert confine(allowed, [allowed]) == allowed.resolve()


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "../allowed-not",
        "link",
        "nowhere",
        "file",
        "set/../../secret",
        "a\0b",
        "\udcff\ud800",
        "x" * 5000,
    ],
)
def test_everything_else_is_refused(allowed: Path, path: str) -> None:
    (allowed / "link").symlink_to(allowed.parent / "secret")
    with pytest.raises(InvalidInputError, match=r"received .*expected .*; ") as caught:
        confine(f"{allowed}/{path}", [allowed])
    assert caught.value.fields[0].field == "root"


@pytest.mark.parametrize("path", ["", ".", "set", "~", "~root"])
def test_relative_paths_are_refused(allowed: Path, path: str) -> None:
    with pytest.raises(InvalidInputError, match="absolute"):
        confine(path, [allowed])


def test_outside_says_the_same_whether_it_exists_or_not(allowed: Path) -> None:
    messages = []
    for name in ("secret", "absent"):
        with pytest.raises(InvalidInputError) as caught:
            confine(allowed.parent / name, [allowed])
        messages.append(caught.value.message.replace(name, ""))
    assert messages[0] == messages[1]


def test_links_in_circles_are_refused(allowed: Path) -> None:
    (allowed / "one").symlink_to(allowed / "two")
    (allowed / "two").symlink_to(allowed / "one")
    with pytest.raises(InvalidInputError):
        confine(allowed / "one", [allowed])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["..", ".", "set", "images", "secret", "allowed", "allowed-not", "//"]), max_size=6))
def test_what_is_returned_always_lies_inside(allowed: Path, parts: list[str]) -> None:
    try:
        found = confine("/".join([str(allowed), *parts]), [allowed])
    except InvalidInputError:
        return
    assert found.is_dir()
    assert found.is_relative_to(allowed.resolve())


def test_child(allowed: Path) -> None:
    assert confined_child(allowed / "set", "images", field="images") == (allowed / "set" / "images").resolve()
    assert confined_child(allowed / "set", ".", field="images") == (allowed / "set").resolve()


@pytest.mark.parametrize("name", ["", " ", "..", "../../secret", "/etc", "nowhere", "a\0", "images/../../.."])
def test_child_may_not_leave(allowed: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="received") as caught:
        confined_child(allowed / "set", name, field="masks_dir")
    assert caught.value.fields[0].field == "masks_dir"
