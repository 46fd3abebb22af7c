"""Reading one file as an image or as a mask, whatever it is stored as and however hostile it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.files.png_jpeg import decode_jpeg, decode_png
from app.datasets.files.raster import Raster
from app.datasets.files.tiff import decode_tiff
from app.datasets.files.unreadable import ImageTooLargeError, unreadable

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_BYTES_PER_PIXEL = 32
_ALLOWANCE_BYTES = 64 * 1024**2


def read_image(path: Path, *, max_pixels: int) -> NDArray[Any]:
    """Read a microscope image.

    Parameters
    ----------
    path : Path
        TIFF, PNG or JPEG; the content decides, not the suffix.
    max_pixels : int
        Height × width above which the file is refused before it is decoded.

    Returns
    -------
    ndarray
        (H, W) grey or (H, W, 3) RGB in the stored dtype. Alpha is dropped, a palette is replaced by its
        colours, one-bit pixels are 0 or 255, a file that is stored white-is-zero is inverted.

    Raises
    ------
    UnreadableImageError
        The message names the file and says what to do.
    """
    data = load_bytes(path, name=path.name, max_pixels=max_pixels)
    return as_image(decode(data, name=path.name, max_pixels=max_pixels), name=path.name)


def read_mask(path: Path, *, max_pixels: int) -> NDArray[Any]:
    """Read a mask.

    Parameters
    ----------
    path, max_pixels
        As for `read_image`.

    Returns
    -------
    ndarray
        (H, W) in the stored dtype. A palette whose used entries are all grey gives those grey levels (what a
        person sees: optimisers shuffle the indices), any other palette gives its indices (class labels).
        RGB must be grey in disguise, three equal channels. One-bit pixels are 0 or 255. Values are never
        inverted: ImageJ stores masks white-is-zero with 255 as the object.

    Raises
    ------
    UnreadableImageError
        The message names the file and says what to do.
    """
    data = load_bytes(path, name=path.name, max_pixels=max_pixels)
    return as_mask(decode(data, name=path.name, max_pixels=max_pixels), name=path.name)


def load_bytes(path: Path, *, name: str, max_pixels: int) -> bytes:
    """Return the content of a regular file, bounded by what `max_pixels` can take at most.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What messages call it.
    max_pixels : int
        As for `read_image`.

    Raises
    ------
    UnreadableImageError
        The file is missing, empty, too large, not a regular file, or may not be read.
    """
    limit = max_pixels * _MOST_BYTES_PER_PIXEL + _ALLOWANCE_BYTES
    action = "copy or export it again"
    try:
        if not path.is_file():
            # Opening a named pipe would wait for ever.
            received = "something that is not a file" if path.exists() else "no file (missing or a broken link)"
            raise unreadable(name, received=received, expected="a picture file", action=action)
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "an impossible name"
        raise unreadable(
            name,
            received=f"an error of the disk ({reason})",
            expected="a readable file",
            action="check its permissions and the disk",
        ) from error
    if len(data) > limit:
        raise ImageTooLargeError(
            f"Invalid file '{name}': received more than {limit:,} bytes, expected at most what "
            f"{max_pixels:,} pixels need; cut it into tiles or raise SEGSCOPE_IMAGE_MAX_PIXELS."
        )
    if not data:
        raise unreadable(name, received="an empty file (0 bytes)", expected="a picture", action=action)
    return data


def decode(data: bytes, *, name: str, max_pixels: int) -> Raster:
    """Decode a file with one picture; `name` is the file's name for messages.

    Raises
    ------
    UnreadableImageError
        As `read_image`.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return decode_png(data, name=name, max_pixels=max_pixels)
    if data.startswith(b"\xff\xd8\xff"):
        return decode_jpeg(data, name=name, max_pixels=max_pixels)
    if data.startswith(TIFF_MAGIC):
        return decode_tiff(data, name=name, max_pixels=max_pixels)
    raise unreadable(
        name,
        received=f"content that starts with {data[:8]!r}",
        expected="a TIFF, PNG or JPEG picture",
        action="export it again in one of these formats",
    )


def as_image(raster: Raster, *, name: str) -> NDArray[Any]:
    """Return decoded pixels as `read_image` does."""
    pixels = raster.pixels
    if raster.palette is not None:
        return _look_up(raster.palette, pixels, name=name)
    if raster.white_is_zero and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    if pixels.ndim == 2:
        return pixels
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]


def as_mask(raster: Raster, *, name: str) -> NDArray[Any]:
    """Return decoded pixels as `read_mask` does."""
    pixels = raster.pixels
    if raster.palette is not None:
        return _palette_mask(raster.palette, pixels, name=name)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[-1] == 2:
        return pixels[..., 0]
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        raise unreadable(
            name,
            received="a colour picture",
            expected="a mask with one value per pixel",
            action="export it as grey, black for background and white for objects",
        )
    return red


def _look_up(palette: NDArray[Any], indices: NDArray[Any], *, name: str) -> NDArray[Any]:
    if int(indices.max()) >= len(palette):
        raise unreadable(
            name,
            received=f"colour index {int(indices.max())} in a palette of {len(palette)} colours",
            expected="indices within the palette",
            action="export it again without a palette",
        )
    return np.asarray(palette[indices])


def _palette_mask(palette: NDArray[Any], indices: NDArray[Any], *, name: str) -> NDArray[Any]:
    used = _look_up(palette, np.unique(indices), name=name)
    is_grey = bool((used == used[:, :1]).all())
    return np.asarray(palette[indices][..., 0]) if is_grey else indices
