"""Which pages of a TIFF are pictures of a stack, and which files are ambiguous as one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tifffile import TiffFile, TiffPage

from app.datasets.files.ome import ome_pixels
from app.datasets.files.tiff_chain import MOST_PAGES
from app.datasets.files.unreadable import UnreadableImageError, unreadable

#: Axes along which pictures may follow each other: time, depth, and what no program named.
_PICTURE_AXES = frozenset("TZIQ")


@dataclass(frozen=True, slots=True)
class StackLayout:
    """Where the pictures of a TIFF are.

    Parameters
    ----------
    directories : range or tuple of int
        For each picture the index of its directory.
    is_virtual : bool
        Only the first picture has a directory; the bare pixels of the others follow its own.
    """

    directories: range | tuple[int, ...]
    is_virtual: bool = False

    def __len__(self) -> int:
        return len(self.directories)


def stack_layout(tiff: TiffFile, first: TiffPage, *, directories: int, name: str) -> StackLayout:
    """Find the pictures of a TIFF.

    Smaller copies of a picture (pyramids, previews) do not count.

    Parameters
    ----------
    tiff, first
        Open file and its first page.
    directories : int
        Length of its chain of pages.
    name : str
        For messages.

    Raises
    ------
    UnreadableImageError
        The file has channels as pages, is a volume in one page, or has several axes without names.
    """
    if first.imagedepth > 1 or first.is_stk or first.is_lsm:
        kind = "a volume in one page" if first.imagedepth > 1 else "a file of the STK or LSM kind"
        raise _ambiguous(name, kind)
    announced = _announced_pictures(tiff, first, name=name)
    if directories == 1 and announced > 1:
        if not first.is_contiguous:
            raise _ambiguous(name, f"one page where its metadata names {announced}")
        return StackLayout(range(announced), is_virtual=True)
    if directories == 1:
        return StackLayout(range(1))
    whole = tuple(index for index in range(directories) if not tiff.pages[index].aspage().is_reduced)
    if not whole:
        raise _ambiguous(name, "only reduced copies of a picture")
    return StackLayout(whole)


def _announced_pictures(tiff: TiffFile, first: TiffPage, *, name: str) -> int:
    """Return how many pictures the metadata names (1 without any), after a look at their axes."""
    if tiff.is_imagej:
        return _imagej_pictures(tiff.imagej_metadata or {}, name=name)
    if tiff.is_ome:
        channels = _count(ome_pixels(first.description), "SizeC")
        if channels > 1 and channels != first.samplesperpixel:
            raise _ambiguous(name, f"an OME-TIFF of {channels} channels")
    elif tiff.is_shaped:
        return _shaped_pictures(dict((tiff.shaped_metadata or ({},))[0]), first, name=name)
    return 1


def _imagej_pictures(metadata: Mapping[str, Any], *, name: str) -> int:
    channels = _count(metadata, "channels")
    if channels > 1:
        raise _ambiguous(
            name,
            f"an ImageJ hyperstack of {channels} channels",
            action="duplicate the channel to segment, or re-order channels that are really slices or frames "
            "(Image › Hyperstacks › Re-order Hyperstack)",
        )
    return _count(metadata, "images", most=MOST_PAGES)


def _shaped_pictures(metadata: Mapping[str, Any], first: TiffPage, *, name: str) -> int:
    shape = [int(length) for length in metadata.get("shape", ())]
    leading = shape[: max(0, len(shape) - first.ndim)]
    lengths = [length for length in leading if length > 1]
    axes = str(metadata.get("axes", ""))[: len(leading)]
    named = {axis for axis, length in zip(axes, leading, strict=False) if length > 1}
    if named - _PICTURE_AXES or (len(lengths) > 1 and len(axes) != len(leading)):
        shown = f"{'×'.join(map(str, shape))}{f' with the axes {axes}' if axes else ''}"
        raise _ambiguous(name, f"an array of {shown}")
    return min(math.prod(lengths), MOST_PAGES)


def _count(metadata: Mapping[str, Any], key: str, *, most: int = 2**31) -> int:
    try:
        return min(max(1, int(metadata.get(key, 1))), most)
    except (TypeError, ValueError):
        return 1


def _ambiguous(
    name: str, received: str, *, action: str = "export the channel to segment as a plain multi-page TIFF"
) -> UnreadableImageError:
    expected = "a picture, or a stack whose pages follow each other in time or depth"
    return unreadable(name, received=received, expected=expected, action=action)
