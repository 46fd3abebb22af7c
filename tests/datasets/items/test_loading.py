"""One way from files to pixels: pages, tiles and corrections, and what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from app.datasets.files.picture_files import PictureFiles
from app.datasets.items.loading import UnusablePairError, corrected_mask, load_pair
from app.datasets.items.mask_rules import ResolvedMaskRule
from app.datasets.items.source import ItemSource, Window, source_of
from app.domain.corrections import Correction

RULE = ResolvedMaskRule(100, "", 255)
RANDOM = np.random.default_rng(3)
VOLUME = RANDOM.integers(0, 60_000, (4, 20, 30), dtype=np.uint16)
LABELS = (VOLUME % 3).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> PictureFiles:
    tifffile.imwrite(
        tmp_path / "volume.tif",
        VOLUME,
        photometric="minisblack",
        resolution=(2e4, 1e4),
        resolutionunit="CENTIMETER",
    )
    tifffile.imwrite(tmp_path / "labels.tif", LABELS, photometric="minisblack", compression="zlib")
    Image.fromarray(VOLUME[0]).save(tmp_path / "one.png")
    Image.fromarray(LABELS[0]).save(tmp_path / "one_mask.png")
    Image.fromarray(LABELS[0][:5]).save(tmp_path / "small.png")
    return PictureFiles(tmp_path, max_pixels=1000)


def page(index: int, window: Window | None = None) -> ItemSource:
    return ItemSource("a", "", "volume.tif", "labels.tif", image_page=index, mask_page=index, window=window)


def test_a_pair_of_files(files: PictureFiles) -> None:
    pair = load_pair(ItemSource("a", "", "one.png", "one_mask.png"), files=files)
    np.testing.assert_array_equal(pair.image, VOLUME[0])
    np.testing.assert_array_equal(pair.raw_mask, LABELS[0])
    assert pair.image_file.bytes == (files.root / "one.png").stat().st_size
    assert (len(pair.image_file.sha256), pair.pixel_size) == (64, None)


def test_a_page_and_a_tile_of_it(files: PictureFiles) -> None:
    with files:
        np.testing.assert_array_equal(load_pair(page(2), files=files).image, VOLUME[2])
        pair = load_pair(page(3, Window(5, 10, 7, 20)), files=files)
    np.testing.assert_array_equal(pair.image, VOLUME[3, 5:12, 10:30])
    np.testing.assert_array_equal(pair.raw_mask, LABELS[3, 5:12, 10:30])
    assert pair.pixel_size == pytest.approx((1.0, 0.5))
    with pytest.raises(ValueError, match="read-only"):
        pair.image[0, 0] = 1


@pytest.mark.parametrize(
    ("source", "code", "match"),
    [
        (ItemSource("a", "", "one.png", "small.png"), "size-mismatch", "30×20 pixels with a mask of 30×5"),
        (ItemSource("a", "", "one.png", "none.png"), "unreadable-mask", "no file"),
        (ItemSource("a", "", "none.tif", "one.png", image_page=0), "unreadable-image", "no file"),
        (ItemSource("a", "", "../one.png", "one.png"), "unreadable-image", "leaves the dataset's folder"),
        (ItemSource("a", "", "volume.tif", "one_mask.png"), "unreadable-image", "a stack of 4 pages"),
        (page(4), "unreadable-image", "4 pages, expected a page 5"),
        (page(-1), "unreadable-image", "4 pages"),
        (page(0, Window(0, 0, 21, 5)), "size-mismatch", "a tile inside"),
        (page(0, Window(-1, 0, 5, 5)), "size-mismatch", "a tile inside"),
        (page(0, Window(0, 0, 0, 5)), "size-mismatch", "a tile inside"),
    ],
)
def test_what_cannot_be_read_is_named(files: PictureFiles, source: ItemSource, code: str, match: str) -> None:
    with files, pytest.raises(UnusablePairError, match=match) as caught:
        load_pair(source, files=files)
    assert caught.value.problem.code.value == code
    assert caught.value.status == 422


def test_the_limit_is_on_one_page(files: PictureFiles, tmp_path: Path) -> None:
    with PictureFiles(tmp_path, max_pixels=600) as enough:
        assert load_pair(page(0), files=enough).image.shape == (20, 30)
    with PictureFiles(tmp_path, max_pixels=599) as less, pytest.raises(UnusablePairError) as caught:
        load_pair(page(0), files=less)
    assert caught.value.problem.code.value == "too-large"


# --- Corrections ------------------------------------------------------------------------------------------------


MASKS = arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)))


@given(MASKS)
def test_no_correction_is_the_rule(raw: np.ndarray) -> None:
    np.testing.assert_array_equal(corrected_mask(raw, RULE, Correction()), raw > 100)


@given(MASKS, st.integers(-7, 7), st.integers(-7, 7), st.integers(0, 255), st.booleans())
def test_threshold_then_inversion_then_shift(
    raw: np.ndarray, down: int, right: int, threshold: int, invert: bool
) -> None:
    correction = Correction(mask_threshold=threshold, invert_mask=invert, shift_mask=(down, right))
    corrected = corrected_mask(raw, RULE, correction)
    for row, column in np.ndindex(*raw.shape):
        before_row, before_column = row - down, column - right
        inside = 0 <= before_row < raw.shape[0] and 0 <= before_column < raw.shape[1]
        assert corrected[row, column] == (inside and bool(raw[before_row, before_column] > threshold) != invert)


def test_an_own_threshold_replaces_chosen_labels() -> None:
    rule = ResolvedMaskRule(None, "", None, (2,))
    raw = np.array([[1, 2, 3]], np.uint8)
    assert corrected_mask(raw, rule, Correction()).tolist() == [[False, True, False]]
    assert corrected_mask(raw, rule, Correction(invert_mask=True)).tolist() == [[True, False, True]]
    assert corrected_mask(raw, rule, Correction(mask_threshold=1)).tolist() == [[False, True, True]]


class Row:
    """As a database row has it."""

    name, group, image_path, mask_path = "a", "g", "i.tif", "m.tif"
    image_page, mask_page = 1, 2
    image_sha256 = mask_sha256 = ""

    def __init__(self, window: list[int] | None, correction: dict[str, object]) -> None:
        self.window, self.correction = window, correction


def test_a_row_becomes_a_source() -> None:
    plain = source_of(Row(None, {}))
    assert (plain.window, plain.correction.is_empty, plain.image_page, plain.mask_page) == (None, True, 1, 2)
    source = source_of(Row([1, 2, 3, 4], {"shift_mask": [1, -2]}))
    assert source.window == Window(row=1, column=2, height=3, width=4)
    assert source.correction == Correction(shift_mask=(1, -2))
