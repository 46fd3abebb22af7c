"""How large a pixel is in the specimen, as the metadata of a TIFF says."""

from __future__ import annotations

import math
import re
from typing import Any

from tifffile import TiffFile, TiffPage

from app.datasets.files.ome import ome_pixels
from app.datasets.files.raster import PixelSize

_MICROMETRES = {
    "": 1.0, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "nm": 1e-3, "pm": 1e-6, "å": 1e-4, "mm": 1e3, "cm": 1e4, "m": 1e6, "inch": 25_400.0, "in": 25_400.0,
}  # fmt: skip
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_RESOLUTION_MICROMETRES = {2: 25_400.0, 3: 10_000.0}
#: 72 to 600 dots per inch (353 to 42 µm) are what programs write for printers when they know nothing.
_COARSEST_RESOLUTION_MICROMETRES = 20.0
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


def pixel_size_of(tiff: TiffFile, page: TiffPage) -> PixelSize | None:
    """Return the size of a pixel from OME-XML, ImageJ's metadata or the resolution tags, in this order.

    Resolution tags count up to 20 µm a pixel only: coarser ones are defaults for printers.

    Parameters
    ----------
    tiff : TiffFile
        Open file.
    page : TiffPage
        Its first page.
    """
    if tiff.is_ome:
        pixels = ome_pixels(page.description)
        return _size(
            _number(pixels.get("PhysicalSizeY")) * _unit(pixels.get("PhysicalSizeYUnit", "")),
            _number(pixels.get("PhysicalSizeX")) * _unit(pixels.get("PhysicalSizeXUnit", "")),
        )
    height, width = (_length(page.tags.valueof(tag)) for tag in (_Y_RESOLUTION, _X_RESOLUTION))
    if tiff.is_imagej:
        unit = _unit(str((tiff.imagej_metadata or {}).get("unit", "pixel")))
        return _size(height * unit, width * unit)
    unit = _RESOLUTION_MICROMETRES.get(_integer(page.tags.valueof(_RESOLUTION_UNIT)), math.nan)
    size = _size(height * unit, width * unit)
    return size if size is not None and max(size) <= _COARSEST_RESOLUTION_MICROMETRES else None


def _size(height: float, width: float) -> PixelSize | None:
    is_known = all(math.isfinite(length) and length > 0 for length in (height, width))
    return PixelSize(height, width) if is_known else None


def _unit(text: str) -> float:
    # ImageJ writes the letter µ as the six characters \u00B5.
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).strip().strip("\0").casefold()
    return _MICROMETRES.get(plain, math.nan)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _integer(value: Any) -> int:
    return int(value) if isinstance(value, int) else 0


def _length(resolution: Any) -> float:
    """Return the units per pixel of a resolution tag, a fraction of pixels per unit."""
    try:
        pixels, units = resolution
        return float(units) / float(pixels)
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan
