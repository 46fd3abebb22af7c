"""How unevenly an image is lit: a smooth surface through its background."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

_CELLS = 32
#: A cell of the grid counts if so much of it is background.
_LEAST_BACKGROUND = 0.05
#: Objects have halos, and outlines are drawn tightly: so many pixels around the foreground are no background.
_HALO = 2
_LEAST_CELLS = 24
_ROUNDS = 4
_OUTLIER_DEVIATIONS = 2.5
_MAD_TO_DEVIATION = 1.4826


class Illumination(NamedTuple):
    """The background's light.

    Parameters
    ----------
    gradient : float
        Range of the fitted surface divided by its mean; 0 where there is too little background.
    level : float
        Its mean, in the unit of the image.
    """

    gradient: float
    level: float


def measure_illumination(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> Illumination:
    """Fit a second-order polynomial to the background of an image.

    Prospective shading correction with a fitted surface (e.g. Tomaževič, Likar, Pernuš, "Comparative evaluation of
    retrospective shading correction methods", 2002). Cells that deviate by more than 2.5 robust standard deviations are
    left out in turn: objects without an annotation, debris.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        Grey values.
    mask : ndarray of bool, shape (H, W)
        Foreground.
    """
    free = ~ndimage.binary_dilation(mask, np.ones((3, 3), np.bool_), iterations=_HALO) if mask.any() else ~mask
    if free.mean() < _LEAST_BACKGROUND:
        free = ~mask
    share = _cells(free.astype(np.float32))
    kept = share >= _LEAST_BACKGROUND
    if np.count_nonzero(kept) < _LEAST_CELLS:
        return Illumination(0.0, float(image[free].mean()) if free.any() else float(image.mean()))
    levels = (_cells(np.where(free, image, np.float32(0))) / np.where(kept, share, 1))[kept].astype(np.float64)
    rows, columns = (axis.astype(np.float64) / (_CELLS - 1) * 2 - 1 for axis in np.nonzero(kept))
    terms = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2], axis=1)
    surface = _robust_fit(terms, levels, weights=np.sqrt(share[kept].astype(np.float64)))
    level = float(surface.mean())
    return Illumination(float(np.ptp(surface)) / level if level > 0 else 0.0, level)


def _cells(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(picture).resize((_CELLS, _CELLS), Image.Resampling.BOX), np.float32)


def _robust_fit(
    terms: NDArray[np.float64], levels: NDArray[np.float64], *, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    good = np.ones(len(levels), np.bool_)
    surface = np.full(len(levels), levels.mean())
    for _ in range(_ROUNDS):
        chosen = terms[good] * weights[good, np.newaxis]
        coefficients, *_ = np.linalg.lstsq(chosen, levels[good] * weights[good], rcond=None)
        surface = terms @ coefficients
        residuals = levels - surface
        spread = _MAD_TO_DEVIATION * float(np.median(np.abs(residuals[good] - np.median(residuals[good]))))
        near = np.abs(residuals) <= max(_OUTLIER_DEVIATIONS * spread, 1e-6 * abs(float(levels.mean())))
        if np.count_nonzero(near) < _LEAST_CELLS or (near == good).all():
            break
        good = near
    return surface
