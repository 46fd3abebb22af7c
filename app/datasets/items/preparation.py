"""From registered items to the arrays that a network sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets.files.channels import normalise, to_channels
from app.datasets.files.picture_files import OutsideRootError, PictureFiles
from app.datasets.items.loading import corrected_mask, load_pair
from app.datasets.items.mask_rules import ResolvedMaskRule
from app.datasets.items.resizing import resize_image, resize_nearest
from app.datasets.items.source import RegisteredItem, source_of
from app.domain.errors import ConflictError


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
    mask_rule: ResolvedMaskRule,
    intensity_low: float,
    intensity_high: float,
    max_pixels: int,
) -> PreparedItems:
    """Read, check, scale and resize items, in the order given.

    Parameters
    ----------
    items : sequence of RegisteredItem
        What to read, with pages, tiles and corrections.
    root : Path
        The dataset's folder.
    height, width, channels : int
        What the network sees; images are resized with antialiasing.
    mask_rule : ResolvedMaskRule
        Which mask values are foreground. Masks are binarised and corrected first and then resized by nearest
        neighbour, so that no pixel lies between background and foreground.
    intensity_low, intensity_high : float
        Mapped to 0 and 1.
    max_pixels : int
        Limit of one picture.

    Raises
    ------
    ConflictError
        A file is missing or is not the one that was registered.
    UnusablePairError
        A file exceeds a limit that was lowered since.
    """
    images = np.zeros((len(items), height, width, channels), np.float32)
    masks = np.zeros((len(items), height, width, 1), np.uint8)
    with PictureFiles(root, max_pixels=max_pixels) as files:
        # Tiles and pages of one file follow each other, so that it is decoded once.
        for index in sorted(range(len(items)), key=lambda index: _place(items[index])):
            item = items[index]
            source = source_of(item)
            _check(item.image_path, item.image_page, sha256=item.image_sha256, files=files)
            _check(item.mask_path, item.mask_page, sha256=item.mask_sha256, files=files)
            pair = load_pair(source, files=files)
            scaled = normalise(to_channels(pair.image, channels), low=intensity_low, high=intensity_high)
            images[index] = resize_image(scaled, height=height, width=width)
            mask = corrected_mask(pair.raw_mask, mask_rule, source.correction)
            masks[index, ..., 0] = resize_nearest(mask, height=height, width=width)
    return PreparedItems(images, masks)


def _place(item: RegisteredItem) -> tuple[str, int, tuple[int, ...]]:
    return item.image_path, item.image_page or 0, tuple(item.window or ())


def _check(relative: str, page: int | None, *, sha256: str, files: PictureFiles) -> None:
    try:
        is_file = files.path(relative).is_file()
    except OutsideRootError as error:
        raise _changed(relative, "a link that leaves the dataset's folder") from error
    if not is_file:
        raise _changed(relative, "no such file")
    if files.facts(relative, page=page).sha256 != sha256:
        raise _changed(relative, "other content")


def _changed(relative: str, received: str) -> ConflictError:
    return ConflictError(
        f"Invalid file '{relative}': received {received}, expected the registered file. It changed since it "
        "was registered; register the dataset again."
    )
