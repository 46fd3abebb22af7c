"""TIFF files, by tifffile; shape, type and storage are checked on the tags, before a pixel is decoded."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from app.datasets.files.raster import Raster
from app.datasets.files.unreadable import UnreadableImageError, check_pixels, unreadable

# Damaged files are reported by our own errors; tifffile's log lines would only repeat them without a name.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_TILE_PIXELS = 1024 * 1024
_SUPPORTED_AXES = ("YX", "YXS", "SYX")


def decode_tiff(data: bytes, *, name: str, max_pixels: int) -> Raster:
    """Decode the only page of a TIFF.

    Raises
    ------
    UnreadableImageError
        The file is damaged, cut short, too large or a stack, or its pixels are neither grey nor RGB.
    """
    try:
        with TiffFile(BytesIO(data)) as tiff:
            page = tiff.pages[0].aspage()
            _check_single(tiff, page, name=name)
            _check_layout(page, name=name, max_pixels=max_pixels)
            _check_complete(page, name=name, size=len(data))
            return _raster(page, name=name)
    except UnreadableImageError:
        raise
    except Exception as error:
        # tifffile and its codecs raise whatever the damage leads them to.
        raise unreadable(
            name,
            received=f"a TIFF file that is damaged or cut short ({len(data):,} bytes)",
            expected="a complete TIFF with one page",
            action="copy or export it again",
        ) from error


def _check_single(tiff: TiffFile, page: TiffPage, *, name: str) -> None:
    pages = len(tiff.pages)
    if tiff.is_imagej and tiff.imagej_metadata:
        # ImageJ writes large stacks as one page followed by bare pixels.
        pages = max(pages, int(tiff.imagej_metadata.get("images", 1)))
    pages = max(pages, page.imagedepth)
    if pages != 1:
        raise unreadable(
            name,
            received=f"a stack, which is not supported yet: {pages} pages",
            expected="one page",
            action="export each page as a file of its own",
        )


def _check_layout(page: TiffPage, *, name: str, max_pixels: int) -> None:
    check_pixels(name, height=page.imagelength, width=page.imagewidth, max_pixels=max_pixels)
    if page.is_tiled:
        # A tile is decoded whole, however little of it the picture uses.
        check_pixels(name, height=page.tilelength, width=page.tilewidth, max_pixels=max(max_pixels, _TILE_PIXELS))
    kind = page.dtype
    is_supported = kind is not None and (kind.kind == "b" or (kind.kind in "iuf" and kind.itemsize <= 8))
    if not is_supported:
        raise unreadable(
            name,
            received=f"pixels of type {kind}",
            expected="integers or floats",
            action="export it with 8 or 16 bits per channel",
        )
    if page.axes not in _SUPPORTED_AXES or page.samplesperpixel > 4 or page.photometric == PHOTOMETRIC.SEPARATED:
        raise unreadable(
            name,
            received=f"{page.samplesperpixel} channels (shape {'×'.join(map(str, page.shape))})",
            expected="grey or RGB, with or without alpha",
            action="export the channel to segment as grey, or a composite as RGB",
        )


def _check_complete(page: TiffPage, *, name: str, size: int) -> None:
    # tifffile fills what is missing with zeros; a mask with an empty half must not pass as one.
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    end = max(ends, default=0)
    if end > size or min(page.databytecounts, default=0) == 0:
        raise unreadable(
            name,
            received=f"a TIFF file that is cut short ({size:,} bytes, its pixels end at {end:,})",
            expected="a complete TIFF",
            action="copy or export it again",
        )


def _raster(page: TiffPage, *, name: str) -> Raster:
    pixels: NDArray[Any] = np.asarray(page.asarray(maxworkers=1))
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        count = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        raise unreadable(
            name,
            received=f"{count:,} pixels that are NaN or infinite",
            expected="finite numbers",
            action="replace them, for example by the background value",
        )
    colormap = page.colormap if page.photometric == PHOTOMETRIC.PALETTE else None
    palette = None if colormap is None else (np.asarray(colormap).T >> 8).astype(np.uint8)
    return Raster(pixels, palette=palette, white_is_zero=page.photometric == PHOTOMETRIC.MINISWHITE)
