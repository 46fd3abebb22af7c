"""Pairs are found by name, whatever the order, and everything else is named as a problem."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.pairing.stems import Pairing, ProblemCode, find_pairs
from app.domain.errors import InvalidInputError


def pair(root: Path) -> Pairing:
    return find_pairs(root / "images", root / "masks", root=root)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).write_bytes(b"")


def codes(pairing: Pairing) -> list[tuple[str, str]]:
    return [(problem.code.value, problem.name) for problem in pairing.problems]


def test_pairs_by_stem_across_suffixes_sorted(root: Path) -> None:
    touch(root, "images/b.png", "images/a.tif", "masks/a.png", "masks/b.PNG")
    assert [found.name for found in pair(root).pairs] == ["a", "b"]
    assert pair(root).problems == ()


def test_case_and_unicode_form_are_a_fallback(root: Path) -> None:
    touch(root, "images/Cell.png", "masks/cell.png", "images/e\u0301.png", "masks/\u00e9.png", "images/x.png")
    touch(root, "masks/x.png", "masks/X.png")
    pairing = pair(root)
    assert [(found.image.name, found.mask.name) for found in pairing.pairs] == [
        ("Cell.png", "cell.png"),
        ("e\u0301.png", "\u00e9.png"),
        ("x.png", "x.png"),
    ]
    assert codes(pairing) == [("missing-image", "X.png")]


def test_ambiguous_case_is_a_problem(root: Path) -> None:
    touch(root, "images/a.png", "masks/a.png", "images/Cell.png", "images/CELL.png", "masks/cell.png")
    assert codes(pair(root)) == [("duplicate-stem", name) for name in ("CELL", "Cell", "cell")]


def test_every_leftover_is_named(root: Path) -> None:
    touch(root, "images/a.png", "masks/a.png", "images/lone.png", "masks/other.png", "images/notes.txt")
    touch(root, "images/twice.png", "images/twice.tif", "masks/twice.png")
    assert codes(pair(root)) == [
        ("missing-mask", "lone.png"),
        ("unsupported-file", "notes.txt"),
        ("missing-image", "other.png"),
        ("duplicate-stem", "twice"),
    ]
    for problem in pair(root).problems:
        assert problem.message.startswith("Invalid ")
        assert "expected" in problem.message


def test_droppings_are_ignored(root: Path) -> None:
    touch(root, "images/a.png", "masks/a.png", "images/.DS_Store", "images/Thumbs.db", "masks/._a.png")
    (root / "images" / "__MACOSX").mkdir()
    assert pair(root).problems == ()


def test_links_may_not_leave_the_root(root: Path, tmp_path: Path) -> None:
    touch(root, "images/a.png", "masks/a.png", "images/b.png")
    touch(tmp_path, "secret.png")
    (root / "masks" / "b.png").symlink_to(tmp_path / "secret.png")
    (root / "masks" / "c.png").symlink_to(root / "images" / "b.png")
    (root / "images" / "c.png").symlink_to(root / "images" / "b.png")
    pairing = pair(root)
    assert [found.name for found in pairing.pairs] == ["a", "c"]
    assert ("outside-root", "b.png") in codes(pairing)


def test_markup_and_unicode_names_are_only_names(root: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", "Ünïcødé 微珠 🔬", "a' OR 1=1 --", "%2e%2e"]
    touch(root, *(f"{side}/{name}.png" for side in ("images", "masks") for name in names))
    assert [found.name for found in pair(root).pairs] == sorted(names)


def test_bytes_that_are_no_unicode_are_a_problem_that_can_be_stored(root: Path) -> None:
    touch(root, "images/a.png", "masks/a.png")
    with open(os.fsencode(root / "images") + b"/\xff\xfe.png", "wb"):
        pass
    (problem,) = pair(root).problems
    assert problem.code is ProblemCode.UNSUPPORTED_FILE
    assert problem.name.encode("utf-8") == b"??.png"


def test_no_pair_says_what_was_found(root: Path) -> None:
    touch(root, "images/a.png", "masks/b.png")
    (root / "masks" / "inner").mkdir()
    with pytest.raises(InvalidInputError) as caught:
        pair(root)
    for part in ("1 picture in", "(a)", "(b)", "subfolders inner", "same name"):
        assert part in caught.value.message


def test_missing_folder_names_the_field(root: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"'.*nowhere'") as caught:
        find_pairs(root / "images", root / "nowhere")
    assert caught.value.fields[0].field == "masks_dir"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(order=st.permutations(["c", "a", "B", "b2", "lone"]))
def test_listing_order_does_not_matter(root: Path, order: list[str]) -> None:
    touch(root, *(f"images/{name}.png" for name in order))
    touch(root, "masks/a.png", "masks/b.png", "masks/b2.png", "masks/c.tif")
    expected = pair(root)
    listed = Path.iterdir

    def shuffled(folder: Path) -> list[Path]:
        return sorted(listed(folder), key=lambda path: order.index(path.stem) if path.stem in order else -1)

    with patch.object(Path, "iterdir", shuffled):
        assert pair(root) == expected
    assert [found.name for found in expected.pairs] == ["B", "a", "b2", "c"]
