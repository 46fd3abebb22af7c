"""What lies in a folder is found out, or the person is told what was found and what is expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.datasets.pairing.layout import find_pairs, resolve_layout
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import InvalidInputError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"image,mask\n" if name.endswith(".csv") else b"")


def resolve(root: Path, *names: str, **spec: Any) -> tuple[str, str, str, str]:
    touch(root, *names)
    found = resolve_layout(root, ImportSpec(**spec))
    assert resolve_layout(root, found) == found
    return found.layout.value, found.images, found.masks, found.table


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["images/a.png", "masks/a.png"], ("folders", "images", "masks", "")),
        (["Raw/a.png", "GT/a.png"], ("folders", "Raw", "GT", "")),
        (["x/y/img/a.png", "x/y/labels/a.png", "x/readme.txt"], ("folders", "x/y/img", "x/y/labels", "")),
        (["a.png", "a_mask.png", "b.png"], ("suffixes", ".", ".", "")),
        (["set/a.png", "set/a-gt.png"], ("suffixes", "set", "set", "")),
        (["p/a.png", "q/a.png", "pairs.csv"], ("table", "images", "masks", "pairs.csv")),
        (["set/p/a.png", "set/q/a.png", "set/pairs.csv"], ("table", "images", "masks", "set/pairs.csv")),
        (["volume.tif", "train-labels.tif"], ("stacks", "volume.tif", "train-labels.tif", "")),
        (["set/beads.tif", "set/gt_beads.tif"], ("stacks", "set/beads.tif", "set/gt_beads.tif", "")),
    ],
)
def test_found_out(tmp_path: Path, names: list[str], expected: tuple[str, ...]) -> None:
    assert resolve(tmp_path, *names) == expected


def test_folders_come_first_then_suffixes_then_the_table(tmp_path: Path) -> None:
    names = ["images/a.png", "masks/a.png", "b.png", "b_mask.png", "pairs.csv"]
    assert resolve(tmp_path / "one", *names)[0] == "folders"
    assert resolve(tmp_path / "two", *names[2:])[0] == "suffixes"


def test_what_a_person_names_is_not_guessed_over(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "other/a.png", "t.csv", "x.tif", "y.tif")
    assert resolve(tmp_path, images="other")[:3] == ("folders", "other", "masks")
    assert resolve(tmp_path, images="nowhere")[:3] == ("folders", "nowhere", "masks")
    assert resolve(tmp_path, images="x.tif", masks="y.tif")[:3] == ("stacks", "x.tif", "y.tif")
    assert resolve(tmp_path, table="t.csv")[::3] == ("table", "t.csv")
    assert resolve(tmp_path, layout=Layout.SUFFIXES)[1] == "images"
    assert resolve(tmp_path, layout=Layout.SUFFIXES, images="other")[1] == "other"
    (tmp_path / "images" / "a.png").unlink()
    (tmp_path / "images").rmdir()
    assert resolve(tmp_path, layout=Layout.SUFFIXES)[1] == "."


def test_two_tables_or_two_stacks_without_a_word_for_masks_are_not_guessed(tmp_path: Path) -> None:
    for names in (["one.csv", "two.csv"], ["one.tif", "two.tif"], ["masks.tif", "labels.tif"]):
        folder = tmp_path / names[0]
        with pytest.raises(InvalidInputError, match="expected one of these"):
            resolve(folder, *names)


def test_nothing_found_says_what_there_is(tmp_path: Path) -> None:
    touch(tmp_path, "pictures/deep/a.png", "notes.txt", "b.png")
    with pytest.raises(InvalidInputError) as caught:
        find_pairs(tmp_path, ImportSpec())
    for part in (
        "'pictures', 'pictures/deep'",
        "2 files at the top",
        "1 with a picture's type",
        "'b.png'",
        "cell_mask.png",
    ):
        assert part in caught.value.message
    assert caught.value.fields[0].field == "import_spec.layout"


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="received no folders and 0 files at the top"):
        find_pairs(tmp_path, ImportSpec())
