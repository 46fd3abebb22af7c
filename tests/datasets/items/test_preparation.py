"""What the network sees is what was registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.datasets.items.indexing import index_dataset
from app.datasets.items.mask_rules import settled_mask_rule
from app.datasets.items.preparation import PreparedItems, prepare_items
from app.datasets.items.resizing import resize_nearest
from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec, MaskSpec
from app.domain.errors import ConflictError


@pytest.fixture
def items(root: Path, write_pair: Any, tmp_path: Path) -> Any:
    for name in ("a", "b"):
        write_pair(name)
    found = index_dataset(
        root,
        ImportSpec(),
        DatasetEdits(),
        max_pixels=10_000,
        thumbnails_dir=tmp_path / "thumbnails",
        on_progress=lambda _done, _total: None,
    )
    return found.items


def prepare(items: Any, root: Path, *, height: int = 12, width: int = 16, channels: int = 3) -> PreparedItems:
    return prepare_items(
        items,
        root=root,
        height=height,
        width=width,
        channels=channels,
        mask_rule=settled_mask_rule(MaskSpec(), threshold=127.5),
        intensity_low=0,
        intensity_high=255,
        max_pixels=10_000,
    )


def test_native_size_is_exact(items: Any, root: Path) -> None:
    prepared = prepare(items, root)
    assert (str(prepared.images.dtype), str(prepared.masks.dtype)) == ("float32", "uint8")
    image = np.asarray(Image.open(root / "images" / "b.png"))
    np.testing.assert_array_equal(prepared.images[1], image.astype(np.float32) / np.float32(255))
    assert prepared.masks[..., 0].sum(axis=(1, 2)).tolist() == [48, 48]


@pytest.mark.parametrize("channels", [1, 3])
def test_resized(items: Any, root: Path, channels: int) -> None:
    prepared = prepare(items[::-1], root, height=7, width=32, channels=channels)
    assert prepared.images.shape == (2, 7, 32, channels)
    assert prepared.images.min() >= 0
    assert prepared.images.max() <= 1
    mask = np.asarray(Image.open(root / "masks" / "b.png")) > 127
    np.testing.assert_array_equal(prepared.masks[0, ..., 0], resize_nearest(mask, height=7, width=32))


def test_masks_are_binarised_before_they_are_resized(items: Any, root: Path) -> None:
    assert set(np.unique(prepare(items, root, height=5, width=5).masks)) == {0, 1}


def test_a_changed_file_is_named(items: Any, root: Path, write_pair: Any) -> None:
    write_pair("b", value=254)
    with pytest.raises(ConflictError, match=r"'masks/b\.png'.*changed since it was registered.*register .* again"):
        prepare(items, root)


def test_a_missing_file_is_named(items: Any, root: Path) -> None:
    (root / "images" / "a.png").unlink()
    with pytest.raises(ConflictError, match=r"'images/a\.png': received no such file"):
        prepare(items, root)


def test_a_link_put_in_place_later_is_not_followed(items: Any, root: Path, tmp_path: Path) -> None:
    (root / "images" / "a.png").rename(tmp_path / "a.png")
    (root / "images" / "a.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(ConflictError, match="leaves the dataset"):
        prepare(items, root)


def test_no_items(root: Path) -> None:
    assert prepare([], root).images.shape == (0, 12, 16, 3)
