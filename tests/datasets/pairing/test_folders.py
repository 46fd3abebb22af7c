"""Two folders: pairs are found by name, whatever the order, and everything else is named as a problem."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.pairing import listing
from app.datasets.pairing.folders import locate_pair_folders
from app.datasets.pairing.layout import find_pairs
from app.datasets.pairing.outcome import Pairing, ProblemCode
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import InvalidInputError


def pair(root: Path, **spec: Any) -> Pairing:
    return find_pairs(root, ImportSpec(layout=Layout.FOLDERS, **spec))


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def codes(pairing: Pairing) -> list[tuple[str, str]]:
    return [(problem.code.value, problem.name) for problem in pairing.problems]


def paths(pairing: Pairing) -> list[tuple[str, str, str]]:
    return [(source.name, source.image_path, source.mask_path) for source in pairing.pairs]


def test_pairs_by_stem_across_suffixes_sorted(root: Path) -> None:
    touch(root, "images/b.png", "images/a.tif", "masks/a.png", "masks/b.PNG", "images/c.ome.tif", "masks/c.png")
    assert [found.name for found in pair(root).pairs] == ["a", "b", "c"]
    assert pair(root).problems == ()


def test_case_and_unicode_form_are_a_fallback(root: Path) -> None:
    touch(root, "images/Cell.png", "masks/cell.png", "images/e\u0301.png", "masks/\u00e9.png", "images/x.png")
    touch(root, "masks/x.png", "masks/X.png")
    pairing = pair(root)
    assert paths(pairing) == [
        ("Cell", "images/Cell.png", "masks/cell.png"),
        ("e\u0301", "images/e\u0301.png", "masks/\u00e9.png"),
        ("x", "images/x.png", "masks/x.png"),
    ]
    assert codes(pairing) == [("missing-image", "masks/X.png")]


def test_ambiguous_case_is_a_problem(root: Path) -> None:
    touch(root, "images/a.png", "masks/a.png", "images/Cell.png", "images/CELL.png", "masks/cell.png")
    assert codes(pair(root)) == [("duplicate-stem", name) for name in ("CELL", "Cell", "cell")]


def test_usual_suffixes_are_the_last_fallback(root: Path) -> None:
    touch(root, "images/a.png", "masks/a_mask.png", "images/b_img.png", "masks/b-GT.png", "images/c.png")
    touch(root, "masks/c.png", "images/d_mask.png", "masks/d_mask.png")
    assert paths(pair(root)) == [
        ("a", "images/a.png", "masks/a_mask.png"),
        ("b_img", "images/b_img.png", "masks/b-GT.png"),
        ("c", "images/c.png", "masks/c.png"),
        ("d_mask", "images/d_mask.png", "masks/d_mask.png"),
    ]


def test_two_masks_of_one_image_are_ambiguous(root: Path) -> None:
    touch(root, "images/a.png", "masks/a_mask.png", "masks/a_label.png", "images/b.png", "masks/b.png")
    assert codes(pair(root)) == [("duplicate-stem", name) for name in ("a", "a_label", "a_mask")]


def test_given_suffixes_are_taken_off_and_others_are_left_out(root: Path) -> None:
    touch(root, "images/a_red.png", "images/a_green.png", "masks/a_obj.png", "masks/a_mask.png")
    pairing = pair(root, image_suffix="_RED", mask_suffix="_obj")
    assert paths(pairing) == [("a", "images/a_red.png", "masks/a_obj.png")]
    assert codes(pairing) == [("unsupported-file", "images/a_green.png"), ("unsupported-file", "masks/a_mask.png")]


def test_every_leftover_is_named(root: Path) -> None:
    touch(root, "images/a.png", "masks/a.png", "images/lone.png", "masks/other.png", "images/notes.txt")
    touch(root, "images/twice.png", "images/twice.tif", "masks/twice.png")
    assert codes(pair(root)) == [
        ("missing-mask", "images/lone.png"),
        ("unsupported-file", "images/notes.txt"),
        ("missing-image", "masks/other.png"),
        ("duplicate-stem", "twice"),
    ]
    for problem in pair(root).problems:
        assert problem.message.startswith("Invalid ")
        assert "expected" in problem.message


def test_nested_folders_need_the_same_path_in_both_and_make_equal_names_unique(root: Path) -> None:
    touch(root, "images/one/a.png", "images/two/a.png", "images/a.png", "images/three/a.png")
    touch(root, "masks/one/a.png", "masks/two/A_mask.png", "masks/a.png", "masks/four/a.png")
    pairing = pair(root, recursive=True)
    assert [source.name for source in pairing.pairs] == ["a", "one/a", "two/a"]
    assert codes(pairing) == [("missing-mask", "images/three/a.png"), ("missing-image", "masks/four/a.png")]
    assert [source.name for source in pair(root).pairs] == ["a"]


def test_a_masks_folder_inside_the_images_folder_is_not_read_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "plate/b.png", "masks/a.png", "masks/plate/b.png")
    pairing = pair(tmp_path, images=".", masks="masks", recursive=True)
    assert [source.name for source in pairing.pairs] == ["a", "plate/b"]
    assert pairing.problems == ()


def test_links_to_folders_are_not_entered(root: Path, tmp_path: Path) -> None:
    touch(root, "images/a.png", "masks/a.png")
    touch(tmp_path, "elsewhere/b.png")
    (root / "images" / "loop").symlink_to(root / "images")
    (root / "images" / "away").symlink_to(tmp_path / "elsewhere")
    pairing = pair(root, recursive=True)
    assert [source.name for source in pairing.pairs] == ["a"]
    assert codes(pairing) == [("unsupported-file", "images/away"), ("unsupported-file", "images/loop")]


def test_too_many_files_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(root, "images/a.png", "images/b.png", "images/c.png", "masks/a.png")
    monkeypatch.setattr(listing, "MOST_FILES", 2)
    with pytest.raises(InvalidInputError, match="more than 2 files") as caught:
        pair(root)
    assert caught.value.fields[0].field == "import_spec.images"


def test_one_folder_for_both_is_refused(root: Path) -> None:
    with pytest.raises(InvalidInputError, match="'suffixes'"):
        pair(root, images="images", masks="./images")


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
    assert ("outside-root", "masks/b.png") in codes(pairing)


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
    assert problem.name.encode("utf-8") == b"images/??.png"


def test_no_pair_says_what_was_found(root: Path) -> None:
    touch(root, "images/a.png", "masks/b.png")
    (root / "masks" / "inner").mkdir()
    with pytest.raises(InvalidInputError) as caught:
        pair(root)
    for part in ("1 picture in 'images'", "(a)", "(b)", "subfolders inner", "same name"):
        assert part in caught.value.message


def test_missing_folder_names_the_field(root: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"'.*nowhere'") as caught:
        pair(root, masks="nowhere")
    assert caught.value.fields[0].field == "import_spec.masks"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(order=st.permutations(["c", "a", "B", "b2", "lone"]))
def test_listing_order_does_not_matter(root: Path, order: list[str]) -> None:
    touch(root, *(f"images/{name}.png" for name in order))
    touch(root, "masks/a.png", "masks/b.png", "masks/b2.png", "masks/c.tif")
    expected = pair(root)
    listed = os.scandir

    class Shuffled:
        def __init__(self, folder: Path) -> None:
            with listed(folder) as entries:
                self.entries = sorted(
                    entries, key=lambda entry: order.index(name) if (name := entry.name[:-4]) in order else -1
                )

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    with patch.object(os, "scandir", Shuffled):
        assert pair(root) == expected
    assert [found.name for found in expected.pairs] == ["B", "a", "b2", "c"]


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["", "one/", "two/deep/"]),
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/.\\"), min_size=1, max_size=6),
        st.sampled_from(["", "_mask", "-gt", "_img"]),
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(images=NAMES, masks=NAMES)
def test_every_file_is_in_one_pair_or_one_problem(tmp_path_factory: Any, images: Any, masks: Any) -> None:
    root = tmp_path_factory.mktemp("set")
    touch(root, "images/sure.png", "masks/sure.png")
    for side, names in (("images", images), ("masks", masks)):
        touch(root, *(f"{side}/{folder}{name}{suffix}.png" for folder, name, suffix in names))
    pairing = pair(root, recursive=True)
    paired = [path for source in pairing.pairs for path in (source.image_path, source.mask_path)]
    assert len(paired) == len(set(paired))
    assert len({source.name for source in pairing.pairs}) == len(pairing.pairs)
    files = {path.relative_to(root).as_posix() for path in root.rglob("*.png")}
    named = {problem.name for problem in pairing.problems}
    left = {path for path in files - set(paired) if path not in named}
    assert all(path.partition("/")[2].removesuffix(".png") in named for path in left)


@pytest.mark.parametrize("prefix", ["", "set/", "a/set/"])
@pytest.mark.parametrize(("images", "masks"), [("images", "masks"), ("Imgs", "GT"), ("image", "labels")])
def test_pair_folders_are_located(tmp_path: Path, prefix: str, images: str, masks: str) -> None:
    for name in (images, masks, "other"):
        (tmp_path / f"{prefix}{name}").mkdir(parents=True)
    assert locate_pair_folders(tmp_path) == (f"{prefix}{images}", f"{prefix}{masks}")


def test_none_or_several_pair_folders(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "deep").mkdir(parents=True)
    assert locate_pair_folders(tmp_path) is None
    for part in ("train", "test"):
        for name in ("images", "masks"):
            (tmp_path / part / name).mkdir(parents=True)
    with pytest.raises(InvalidInputError, match=r"2 pairs of folders .*'train/images'"):
        locate_pair_folders(tmp_path)
