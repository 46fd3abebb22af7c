"""Small pictures of items for the gallery; the browser lays the mask over the image itself."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.datasets.items.resizing import resize_nearest

LONGEST_SIDE = 256
_SAMPLED_PIXELS = 1_000_000
_JPEG_QUALITY = 85


def image_thumbnail_name(position: int) -> str:
    """Return the file name of the image's thumbnail."""
    return f"{position}-image.jpg"


def mask_thumbnail_name(position: int) -> str:
    """Return the file name of the mask's thumbnail."""
    return f"{position}-mask.png"


class ThumbnailDrafts:
    """Thumbnails that are written before it is known which items stay, in what order.

    A context manager: the folder appears with `publish`, and drafts that are never published vanish.

    Parameters
    ----------
    folder : Path
        Where the thumbnails shall be; its parents are created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}.part")
        self._written = 0

    def __enter__(self) -> Self:
        self._drafts.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._drafts, ignore_errors=True)

    def add(self, image: NDArray[Any], mask: NDArray[np.bool_]) -> int:
        """Write both thumbnails of an item; return the number of the draft."""
        number = self._written
        write_image_thumbnail(image, self._drafts / f"draft-{image_thumbnail_name(number)}")
        write_mask_thumbnail(mask, self._drafts / f"draft-{mask_thumbnail_name(number)}")
        self._written += 1
        return number

    def publish(self, drafts: Sequence[int]) -> None:
        """Put the drafts with these numbers, in this order, in place of whatever the folder held."""
        for position, number in enumerate(drafts):
            for file_name in (image_thumbnail_name, mask_thumbnail_name):
                (self._drafts / f"draft-{file_name(number)}").rename(self._drafts / file_name(position))
        for draft in self._drafts.glob("draft-*"):
            draft.unlink()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._drafts.rename(self._folder)


def write_image_thumbnail(image: NDArray[Any], path: Path) -> None:
    """Write an 8-bit JPEG of at most 256 pixels a side.

    Parameters
    ----------
    image : ndarray
        (H, W) or (H, W, 3). Unless it has 8 bits, its 1st to 99th percentile are stretched over 0 to 255.
    path : Path
        Where to; appears only when complete.
    """
    height, width = thumbnail_size(*image.shape[:2])
    picture = Image.fromarray(np.ascontiguousarray(_to_eight_bits(image)))
    _save(picture.resize((width, height), Image.Resampling.BOX), path, file_format="JPEG", quality=_JPEG_QUALITY)


def write_mask_thumbnail(mask: NDArray[np.bool_], path: Path) -> None:
    """Write an 8-bit grey PNG (0 or 255) of at most 256 pixels a side, by nearest neighbour.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W).
    path : Path
        Where to; appears only when complete.
    """
    height, width = thumbnail_size(*mask.shape)
    small = resize_nearest(mask, height=height, width=width)
    _save(Image.fromarray(np.where(small, np.uint8(255), np.uint8(0))), path, file_format="PNG", optimize=True)


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) with the longest side at most 256, never enlarged."""
    longest = max(height, width)
    if longest <= LONGEST_SIDE:
        return height, width
    return max(1, round(height * LONGEST_SIDE / longest)), max(1, round(width * LONGEST_SIDE / longest))


def _to_eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return image
    stride = max(1, image.size // _SAMPLED_PIXELS)
    low, high = np.percentile(image.reshape(-1)[::stride].astype(np.float64), (1, 99))
    if high <= low:
        low, high = float(image.min()), float(image.max())
    span = (high - low) or 1.0
    stretched = np.clip((image.astype(np.float32) - np.float32(low)) / np.float32(span), 0, 1)
    return np.asarray(np.rint(stretched * 255), np.uint8)


def _save(picture: Image.Image, path: Path, *, file_format: str, **options: Any) -> None:
    partial = path.with_name(f".{path.name}.part")
    picture.save(partial, format=file_format, **options)
    partial.replace(path)
