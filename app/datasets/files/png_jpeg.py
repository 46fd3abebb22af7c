"""PNG and JPEG files, by Pillow; sizes are checked on the header, before a pixel is decoded."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from app.datasets.files.raster import Raster
from app.datasets.files.unreadable import UnreadableImageError, check_pixels, unreadable

_BIT_DEPTH_OFFSET = 24
_COLOUR_TYPE_OFFSET = 25
_GREY = 0


def decode_png(data: bytes, *, name: str, max_pixels: int) -> Raster:
    """Decode a PNG of any colour type; 16-bit channels keep their 16 bits.

    Raises
    ------
    UnreadableImageError
        The file is damaged, cut short or too large.
    """
    return _decode(PngImageFile, data, name=name, kind="PNG", max_pixels=max_pixels)


def decode_jpeg(data: bytes, *, name: str, max_pixels: int) -> Raster:
    """Decode a JPEG; CMYK becomes RGB. The EXIF orientation is ignored: masks seldom carry one.

    Raises
    ------
    UnreadableImageError
        The file is damaged, cut short or too large.
    """
    return _decode(JpegImageFile, data, name=name, kind="JPEG", max_pixels=max_pixels)


def _decode(reader: type[ImageFile], data: bytes, *, name: str, kind: str, max_pixels: int) -> Raster:
    try:
        # The reader class instead of `Image.open`: no other format can be smuggled in, and Pillow's own
        # pixel limit, one global for the process, does not interfere with ours.
        with reader(BytesIO(data)) as image:
            check_pixels(name, height=image.height, width=image.width, max_pixels=max_pixels)
            if kind == "PNG" and data[_BIT_DEPTH_OFFSET] == 16 and data[_COLOUR_TYPE_OFFSET] != _GREY:
                # Pillow reduces these to eight bits. Loading them first checks the checksums and the end.
                image.load()
                return Raster(np.asarray(imagecodecs.png_decode(data)))
            return _from_pillow(image)
    except UnreadableImageError:
        raise
    except Exception as error:
        # Decoders answer damaged files with OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise unreadable(
            name,
            received=f"a {kind} file that is damaged or cut short ({len(data):,} bytes)",
            expected=f"a complete {kind}",
            action="copy or export it again",
        ) from error


def _from_pillow(image: ImageFile) -> Raster:
    image.load()
    if image.mode == "P":
        return Raster(np.asarray(image), palette=_palette(image))
    if image.mode == "1":
        return Raster(np.asarray(image.convert("L")))
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return Raster(np.asarray(image))
    if image.mode.startswith("I"):
        return Raster(np.asarray(image).astype(np.uint16))
    return Raster(np.asarray(image.convert("RGB")))


def _palette(image: ImageFile) -> NDArray[Any]:
    colours = np.zeros((256, 3), np.uint8)
    listed = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)[:256]
    colours[: len(listed)] = listed
    return colours
