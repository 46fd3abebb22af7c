"""TIFF files, by tifffile; shape, type and storage are checked on the tags, before a pixel is decoded."""

from __future__ import annotations

import logging
import math
from io import BytesIO
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from app.datasets.files.pixel_size import pixel_size_of
from app.datasets.files.raster import Raster
from app.datasets.files.tiff_chain import count_directories
from app.datasets.files.tiff_stacks import StackLayout, stack_layout
from app.datasets.files.unreadable import UnreadableImageError, check_pixels, unreadable

# Damaged files are reported by our own errors; tifffile's log lines would only repeat them without a name.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_TILE_PIXELS = 1024 * 1024
_SUPPORTED_AXES = ("YX", "YXS", "SYX")


class TiffPictures:
    """The pictures of an open TIFF; each is decoded alone, when it is asked for.

    Parameters
    ----------
    stream : binary file
        Seekable; stays open as long as the pictures are read.
    name : str
        For messages.

    Raises
    ------
    UnreadableImageError
        The file is damaged or its pages have more axes than time or depth.
    """

    def __init__(self, stream: BinaryIO, *, name: str) -> None:
        self._name = name
        self._size = stream.seek(0, 2)
        self._stream = stream
        directories = count_directories(stream, name=name, size=self._size)
        try:
            stream.seek(0)
            # For these formats tifffile would read more than the first page while it opens a file.
            self._tiff = TiffFile(stream, is_lsm=False, is_scanimage=False, is_ndpi=False, is_philips=False)
            self._first = self._page(0)
            self._layout: StackLayout = stack_layout(self._tiff, self._first, directories=directories, name=name)
            self._pixel_size = pixel_size_of(self._tiff, self._first)
            if self._layout.is_virtual and (end := self._virtual_start(len(self._layout))) > self._size:
                raise _cut_short(name, size=self._size, end=end)
        except UnreadableImageError:
            raise
        except Exception as error:
            raise self._damaged() from error

    def __len__(self) -> int:
        return len(self._layout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tiff.close()

    def read(self, index: int, *, max_pixels: int) -> Raster:
        """Decode one picture.

        Raises
        ------
        UnreadableImageError
            There is no such picture, it is damaged, cut short or too large, or neither grey nor RGB.
        """
        if not 0 <= index < len(self):
            raise unreadable(
                self._name,
                received=f"{len(self)} page{'' if len(self) == 1 else 's'}",
                expected=f"a page {index + 1}",
                action="register the dataset again",
            )
        try:
            page = self._first if self._layout.is_virtual else self._page(self._layout.directories[index])
            self._check(page, index=index, max_pixels=max_pixels)
            return self._raster(page, self._virtual(page, index) if self._layout.is_virtual else self._decode(page))
        except UnreadableImageError:
            raise
        except Exception as error:
            # tifffile and its codecs raise whatever the damage leads them to.
            raise self._damaged() from error

    def _page(self, index: int) -> TiffPage:
        return self._tiff.pages[index].aspage()

    def _check(self, page: TiffPage, *, index: int, max_pixels: int) -> None:
        _check_layout(page, name=self._name, max_pixels=max_pixels)
        if (page.shape, page.dtype) != (self._first.shape, self._first.dtype):
            raise unreadable(
                self._name,
                received=f"page {index + 1} with {_description(page)} after a first page with "
                f"{_description(self._first)}",
                expected="the pages of a stack to be alike",
                action="export the pages as files of their own",
            )
        if not self._layout.is_virtual:
            _check_complete(page, name=self._name, size=self._size)

    def _decode(self, page: TiffPage) -> NDArray[Any]:
        return np.asarray(page.asarray(maxworkers=1))

    def _virtual(self, page: TiffPage, index: int) -> NDArray[Any]:
        start, end = self._virtual_start(index), self._virtual_start(index + 1)
        self._stream.seek(start)
        dtype = np.dtype(page.dtype).newbyteorder(self._tiff.byteorder)
        return np.frombuffer(self._stream.read(end - start), dtype).reshape(page.shape)

    def _virtual_start(self, index: int) -> int:
        page = self._first
        return int(page.dataoffsets[0]) + index * math.prod(page.shape) * np.dtype(page.dtype).itemsize

    def _raster(self, page: TiffPage, pixels: NDArray[Any]) -> Raster:
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
                self._name,
                received=f"{count:,} pixels that are NaN or infinite",
                expected="finite numbers",
                action="replace them, for example by the background value",
            )
        colormap = page.colormap if page.photometric == PHOTOMETRIC.PALETTE else None
        return Raster(
            pixels,
            palette=None if colormap is None else (np.asarray(colormap).T >> 8).astype(np.uint8),
            white_is_zero=page.photometric == PHOTOMETRIC.MINISWHITE,
            pixel_size=self._pixel_size,
        )

    def _damaged(self) -> UnreadableImageError:
        return unreadable(
            self._name,
            received=f"a TIFF file that is damaged or cut short ({self._size:,} bytes)",
            expected="a complete TIFF",
            action="copy or export it again",
        )


def decode_tiff(data: bytes, *, name: str, max_pixels: int) -> Raster:
    """Decode the only picture of a TIFF.

    Raises
    ------
    UnreadableImageError
        The file is damaged, cut short, too large or a stack, or its pixels are neither grey nor RGB.
    """
    with TiffPictures(BytesIO(data), name=name) as pictures:
        if len(pictures) != 1:
            raise unreadable(
                name,
                received=f"a stack of {len(pictures)} pages",
                expected="one page, or a mask and an image that are stacks of equally many",
                action="export the other file as a stack too, or each page as a file of its own",
            )
        return pictures.read(0, max_pixels=max_pixels)


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
        raise _cut_short(name, size=size, end=end)


def _cut_short(name: str, *, size: int, end: int) -> UnreadableImageError:
    return unreadable(
        name,
        received=f"a TIFF file that is cut short ({size:,} bytes, its pixels end at {end:,})",
        expected="a complete TIFF",
        action="copy or export it again",
    )


def _description(page: TiffPage) -> str:
    return f"{page.imagewidth}×{page.imagelength} pixels of {page.dtype}"
