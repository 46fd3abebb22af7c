"""Masks stay binary, images are antialiased."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.datasets.items.resizing import resize_image, resize_nearest
from app.datasets.items.thumbnails import thumbnail_size, write_image_thumbnail, write_mask_thumbnail


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_nearest_takes_the_pixel_under_the_centre(height: int, width: int, new_height: int, new_width: int) -> None:
    mask = np.arange(height * width).reshape(height, width)
    resized = resize_nearest(mask, height=new_height, width=new_width)
    for row in range(new_height):
        for column in range(new_width):
            source = int((row + 0.5) * height / new_height), int((column + 0.5) * width / new_width)
            assert resized[row, column] == mask[source]


def test_image_shrinks_without_aliasing_and_keeps_its_mean() -> None:
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1
    small = resize_image(stripes, height=16, width=16)
    assert small.shape == (16, 16, 3)
    np.testing.assert_allclose(small[:, 2:-2], 0.5, atol=0.05)


def test_same_size_is_exact() -> None:
    image = np.random.default_rng(0).random((8, 8, 1), np.float32)
    np.testing.assert_array_equal(resize_image(image, height=8, width=8), image)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_thumbnails_fit(height: int, width: int) -> None:
    small = thumbnail_size(height, width)
    assert max(small) <= 256
    assert min(small) >= 1
    assert (small == (height, width)) == (max(height, width) <= 256)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_image_thumbnail_uses_the_range(tmp_path: Path, dtype: str) -> None:
    image = (np.linspace(0, 1, 600 * 300).reshape(600, 300) * (1 if dtype == "float32" else 200)).astype(dtype)
    write_image_thumbnail(image, tmp_path / "0-image.jpg")
    with Image.open(tmp_path / "0-image.jpg") as small:
        assert (small.size, small.format, small.mode) == ((128, 256), "JPEG", "L")
        assert np.asarray(small).max() > 190
    assert [path.name for path in tmp_path.iterdir()] == ["0-image.jpg"]


def test_mask_thumbnail_is_binary(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((500, 400)) > 0.5
    write_mask_thumbnail(mask, tmp_path / "0-mask.png")
    with Image.open(tmp_path / "0-mask.png") as small:
        assert small.mode == "L"
        assert set(np.unique(np.asarray(small))) == {0, 255}
