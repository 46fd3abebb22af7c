"""From registered items to the arrays that a network sees."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.datasets.files.channels import normalise, to_channels
from app.datasets.files.reading import decode_image, decode_mask, load_bytes
from app.datasets.items.mask_rules import binarise
from app.datasets.items.resizing import resize_image, resize_nearest
from app.domain.errors import ConflictError


class RegisteredItem(Protocol):
    """What preparation needs to know of an item; a database row has it."""

    @property
    def name(self) -> str:
        """Name of the item."""

    @property
    def image_path(self) -> str:
        """Path of the image, relative to the dataset's root."""

    @property
    def mask_path(self) -> str:
        """Path of the mask, relative to the dataset's root."""

    @property
    def image_sha256(self) -> str:
        """Hash of the image file at registration."""

    @property
    def mask_sha256(self) -> str:
        """Hash of the mask file at registration."""


@dataclass(frozen=True, slots=True)
class PreparedItems:
    """Arrays for a network.

    Parameters
    ----------
    images : ndarray of float32
        (N, H, W, C), 0 to 1.
    masks : ndarray of uint8
        (N, H, W, 1), 0 or 1.
    """

    images: NDArray[np.float32]
    masks: NDArray[np.uint8]


def prepare_items(
    items: Sequence[RegisteredItem],
    *,
    root: Path,
    height: int,
    width: int,
    channels: int,
    mask_threshold: float,
    intensity_low: float,
    intensity_high: float,
    max_pixels: int,
) -> PreparedItems:
    """Read, check, scale and resize items, in the order given.

    Parameters
    ----------
    items : sequence of RegisteredItem
        What to read.
    root : Path
        The dataset's folder.
    height, width, channels : int
        What the network sees; images are resized with antialiasing.
    mask_threshold : float
        Foreground is strictly above it. Masks are binarised first and then resized by nearest neighbour, so
        that no pixel lies between background and foreground.
    intensity_low, intensity_high : float
        Mapped to 0 and 1.
    max_pixels : int
        Limit of one file.

    Raises
    ------
    ConflictError
        A file is missing or is not the one that was registered.
    UnreadableImageError
        A file exceeds a limit that was lowered since.
    """
    images = np.zeros((len(items), height, width, channels), np.float32)
    masks = np.zeros((len(items), height, width, 1), np.uint8)
    for index, item in enumerate(items):
        data = _load(root, item.image_path, sha256=item.image_sha256, max_pixels=max_pixels)
        image = to_channels(decode_image(data, name=item.image_path, max_pixels=max_pixels), channels)
        scaled = normalise(image, low=intensity_low, high=intensity_high)
        images[index] = resize_image(scaled, height=height, width=width)
        data = _load(root, item.mask_path, sha256=item.mask_sha256, max_pixels=max_pixels)
        mask = binarise(decode_mask(data, name=item.mask_path, max_pixels=max_pixels), mask_threshold)
        masks[index, ..., 0] = resize_nearest(mask, height=height, width=width)
    return PreparedItems(images, masks)


def _load(root: Path, relative: str, *, sha256: str, max_pixels: int) -> bytes:
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise _changed(relative, "a link that leaves the dataset's folder")
    if not path.is_file():
        raise _changed(relative, "no such file")
    data = load_bytes(path, max_pixels=max_pixels)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _changed(relative, "other content")
    return data


def _changed(relative: str, received: str) -> ConflictError:
    return ConflictError(
        f"Invalid file '{relative}': received {received}, expected the registered file. It changed since it "
        "was registered; register the dataset again."
    )
