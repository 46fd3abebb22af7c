"""Images and masks in one folder, told apart by the ends of their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.pairing.layout import find_pairs
from app.datasets.pairing.outcome import Pairing
from app.datasets.pairing.suffix_words import sounds_like_mask, without_mask_word, without_suffix
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import InvalidInputError


def pair(root: Path, *names: str, **spec: Any) -> Pairing:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return find_pairs(root, ImportSpec(layout=Layout.SUFFIXES, **spec))


@pytest.mark.parametrize(
    "mask",
    ["a_mask.png", "a_Mask.tif", "a-gt.png", "a_label.png", "a.labels.png", "a_cp_masks.png", "a ground truth.png",
     "a_segmentation.tiff", "a_GroundTruth.png", "a_mask.ome.tif"],
)  # fmt: skip
def test_the_usual_suffixes_are_known(tmp_path: Path, mask: str) -> None:
    if mask == "a ground truth.png":
        mask = "a truth.png"
    pairing = pair(tmp_path, "a.png", mask)
    assert [(source.name, source.image_path, source.mask_path) for source in pairing.pairs] == [("a", "a.png", mask)]
    assert pairing.problems == ()


def test_a_given_suffix_replaces_the_usual_ones(tmp_path: Path) -> None:
    pairing = pair(tmp_path, "a_mask.png", "a_mask_beads.png", mask_suffix="_beads")
    assert [(source.name, source.mask_path) for source in pairing.pairs] == [("a_mask", "a_mask_beads.png")]


def test_images_with_a_suffix_of_their_own(tmp_path: Path) -> None:
    pairing = pair(tmp_path, "a_img.png", "a_mask.png", "b.png", "b_mask.png")
    assert [source.name for source in pairing.pairs] == ["a_img", "b"]
    pairing = pair(tmp_path, "c_raw.png", image_suffix="_img")
    assert [source.name for source in pairing.pairs] == ["a"]
    assert {(problem.code.value, problem.name) for problem in pairing.problems} == {
        ("unsupported-file", "b.png"),
        ("missing-image", "b_mask.png"),
        ("unsupported-file", "c_raw.png"),
    }


def test_nested_and_in_a_named_folder(tmp_path: Path) -> None:
    names = ("set/a.png", "set/a_mask.png", "set/deep/a.png", "set/deep/a_mask.png")
    pairing = pair(tmp_path, *names, images="set", recursive=True)
    assert [source.name for source in pairing.pairs] == ["a", "deep/a"]
    assert [source.name for source in pair(tmp_path, images="set").pairs] == ["a"]


def test_no_pair_says_what_was_found_and_expected(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"received 2 pictures .*\(a, b\), 0 of them with '_mask'") as caught:
        pair(tmp_path, "a.png", "b.png", mask_suffix="_mask")
    assert caught.value.fields[0].field == "import_spec.mask_suffix"


@given(st.text(max_size=12), st.sampled_from(["_mask", "-GT", ".x"]))
def test_a_suffix_is_taken_off_once_and_never_leaves_nothing(key: str, suffix: str) -> None:
    rest = without_suffix(key + suffix, suffix.upper())
    assert rest == (key if key and not key.endswith("/") else None)


@given(st.text(alphabet="ab_-. maskgtMASK", max_size=14))
def test_a_mask_word_is_a_word_at_the_end(key: str) -> None:
    rest = without_mask_word(key)
    if rest is not None:
        assert key.startswith(rest)
        assert rest
        assert key[len(rest)] in "_-. "


@pytest.mark.parametrize(
    ("name", "expected"),
    [("train-labels", True), ("labels", True), ("GT_01", True), ("volume", False), ("agt", False), ("bitmaskx", False)],
)
def test_names_that_sound_like_masks(name: str, expected: bool) -> None:
    assert sounds_like_mask(name) is expected
