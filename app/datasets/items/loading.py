"""Reading one item: the only way from files to an item's pixels, for registration, checks, training and pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.files.picture_files import FileFacts, Picture, PictureFiles
from app.datasets.files.raster import PixelSize
from app.datasets.files.unreadable import ImageTooLargeError, UnreadableImageError
from app.datasets.items.mask_rules import ResolvedMaskRule, binarise
from app.datasets.items.source import ItemSource, Window
from app.datasets.pairing.outcome import Problem, ProblemCode
from app.domain.corrections import Correction
from app.domain.errors import InvalidInputError


class UnusablePairError(InvalidInputError):
    """A pair that cannot become an item; `problem` says why."""

    code = "unusable-pair"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPair:
    """The pixels of an image and of its mask as they are stored, not to be written to.

    Parameters
    ----------
    image : ndarray
        (H, W) or (H, W, 3).
    raw_mask : ndarray
        (H, W); which values are foreground is still open, see `corrected_mask`.
    image_file, mask_file : FileFacts
        Hash and size of the whole files.
    pixel_size : PixelSize or None
        In µm, as the image's file says.
    """

    image: NDArray[Any]
    raw_mask: NDArray[Any]
    image_file: FileFacts
    mask_file: FileFacts
    pixel_size: PixelSize | None

    def cut(self, window: Window) -> LoadedPair:
        """Return a tile, which shares the memory of the whole."""
        rows = slice(window.row, window.row + window.height)
        columns = slice(window.column, window.column + window.width)
        return replace(self, image=self.image[rows, columns], raw_mask=self.raw_mask[rows, columns])


def load_pair(source: ItemSource, *, files: PictureFiles) -> LoadedPair:
    """Read an item's image and mask: its page, then its tile.

    Parameters
    ----------
    source : ItemSource
        What to read. Its correction is left to `corrected_mask`.
    files : PictureFiles
        Of the dataset's root; keeps what consecutive pages and tiles share.

    Raises
    ------
    UnusablePairError
        A file cannot be read, or mask and image differ in size, or the tile lies outside.
    """
    image = _picture(source.image_path, source.image_page, files=files, is_mask=False)
    mask = _picture(source.mask_path, source.mask_page, files=files, is_mask=True)
    height, width = image.pixels.shape[:2]
    if mask.pixels.shape != (height, width):
        raise UnusablePairError(
            Problem(
                source.name,
                ProblemCode.SIZE_MISMATCH,
                f"Invalid pair '{source.name}': received an image of {width}×{height} pixels with a mask of "
                f"{mask.pixels.shape[1]}×{mask.pixels.shape[0]}, expected the same size; export the mask at the "
                "image's size.",
            )
        )
    pair = LoadedPair(
        image=image.pixels,
        raw_mask=mask.pixels,
        image_file=files.facts(source.image_path, page=source.image_page),
        mask_file=files.facts(source.mask_path, page=source.mask_page),
        pixel_size=image.pixel_size,
    )
    if source.window is None:
        return pair
    window = source.window
    fits = window.row + window.height <= height and window.column + window.width <= width and min(window) >= 0
    if not fits or min(window.height, window.width) < 1:
        raise UnusablePairError(
            Problem(
                source.name,
                ProblemCode.SIZE_MISMATCH,
                f"Invalid tile '{source.name}': received {window.width}×{window.height} pixels at row {window.row}, "
                f"column {window.column}, expected a tile inside the image of {width}×{height}; register the dataset "
                "again.",
            )
        )
    return pair.cut(window)


def corrected_mask(raw: NDArray[Any], rule: ResolvedMaskRule, correction: Correction) -> NDArray[np.bool_]:
    """Return an item's foreground: the rule (or the item's own threshold), then inversion, then the shift.

    Parameters
    ----------
    raw : ndarray
        (H, W) as stored.
    rule : ResolvedMaskRule
        Of the set.
    correction : Correction
        Of the item. A shift by (dy, dx) moves the foreground dy rows down and dx columns to the right; what enters
        at an edge is background, in tiles too.

    Returns
    -------
    ndarray of bool
        (H, W).
    """
    threshold = correction.mask_threshold
    mask = binarise(raw, rule) if threshold is None else np.asarray(raw > threshold, np.bool_)
    if correction.invert_mask:
        mask = ~mask
    return _shifted(mask, *correction.shift_mask) if correction.shift_mask != (0, 0) else mask


def _shifted(mask: NDArray[np.bool_], down: int, right: int) -> NDArray[np.bool_]:
    height, width = mask.shape
    shifted = np.zeros_like(mask)
    if abs(down) < height and abs(right) < width:
        shifted[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = mask[
            max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
        ]
    return shifted


def _picture(path: str, page: int | None, *, files: PictureFiles, is_mask: bool) -> Picture:
    try:
        return files.mask(path, page=page) if is_mask else files.image(path, page=page)
    except ImageTooLargeError as error:
        raise UnusablePairError(Problem(path, ProblemCode.TOO_LARGE, error.message)) from error
    except UnreadableImageError as error:
        code = ProblemCode.UNREADABLE_MASK if is_mask else ProblemCode.UNREADABLE_IMAGE
        raise UnusablePairError(Problem(path, code, error.message)) from error
