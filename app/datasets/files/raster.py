"""The decoded content of one picture, before it is read as an image or as a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray


class PixelSize(NamedTuple):
    """Height and width of a pixel in µm."""

    height: float
    width: float


@dataclass(frozen=True, slots=True)
class Raster:
    """Pixels as they are stored.

    Parameters
    ----------
    pixels : ndarray
        (H, W), or (H, W, S) with S = 2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha).
    palette : ndarray of uint8 or None
        (N, 3); given when `pixels` holds indices into it.
    white_is_zero : bool
        Whether the file asks viewers to show small values bright.
    pixel_size : PixelSize or None
        As the file says, where it does.
    """

    pixels: NDArray[Any]
    palette: NDArray[Any] | None = None
    white_is_zero: bool = False
    pixel_size: PixelSize | None = None
