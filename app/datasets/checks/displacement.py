"""How a mask is displaced over its picture: moved, scaled, turned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

#: Least number of windows, and least share of them, that one movement must explain.
_LEAST_WINDOWS = 6
_LEAST_SHARE = 0.6
#: A window is explained if it is this near, in pixels.
_NEAR = 1.6
#: More than this from its mean, in pixels, and the displacement is no translation. A translation by half a pixel gives
#: windows one pixel apart.
_VARIES = 1.0


@dataclass(frozen=True, slots=True)
class Displacement:
    """A movement that brings a mask onto its image: a translation that grows evenly over the picture.

    Parameters
    ----------
    centre : tuple of float
        (dy, dx) in the middle of the picture, in pixels.
    typical : float
        Median length over the windows, in pixels.
    corners : tuple of tuple of float
        (dy, dx) in the middle of the outer windows: upper left, upper right, lower left, lower right.
    varies : bool
        Whether no single translation fits.
    scale_rows, scale_columns : float
        By which factor the mask has to be stretched.
    turn_degrees : float
        By which angle it has to be turned, clockwise.
    """

    centre: tuple[float, float]
    typical: float
    corners: tuple[tuple[float, float], ...]
    varies: bool
    scale_rows: float
    scale_columns: float
    turn_degrees: float


def find_displacement(local_shifts: NDArray[np.float32], *, height: int, width: int) -> Displacement | None:
    """Fit an affine movement to the shifts of the windows.

    The slopes are medians over all pairs of windows (Theil, 1950; Sen, 1968), then the windows that fit are fitted
    again by least squares.

    Parameters
    ----------
    local_shifts : ndarray of float32, shape (G, G, 2)
        From `app.datasets.checks.alignment`.
    height, width : int
        Of the picture, in pixels.

    Returns
    -------
    Displacement or None
        None where fewer than six windows, or less than 60 % of those with foreground, follow one movement.
    """
    grid = local_shifts.shape[0]
    has_foreground = ~np.isnan(local_shifts[..., 0])
    rows, columns = np.nonzero(has_foreground & np.isfinite(local_shifts[..., 0]))
    judged = int(np.count_nonzero(has_foreground))
    if len(rows) < _LEAST_WINDOWS:
        return None
    places = np.stack([rows, columns], axis=1).astype(np.float64) - (grid - 1) / 2
    shifts = local_shifts[rows, columns].astype(np.float64)
    slopes = _median_slopes(places, shifts)
    middle = np.median(shifts - places @ slopes, axis=0)
    near = np.abs(shifts - places @ slopes - middle).max(axis=1) <= _NEAR
    if np.count_nonzero(near) < max(_LEAST_WINDOWS, _LEAST_SHARE * judged):
        return None
    terms = np.column_stack([np.ones(len(places)), places])[near]
    fitted, _, rank, _ = np.linalg.lstsq(terms, shifts[near], rcond=None)
    if rank < terms.shape[1]:
        return None
    movement = terms @ fitted
    deviation = np.hypot(*(movement - movement.mean(axis=0)).T)
    # Slopes are pixels per window.
    per_pixel = fitted[1:] / np.array([[height / grid], [width / grid]])
    edge = (grid - 1) / 2
    corners = [fitted[0] + row * fitted[1] + column * fitted[2] for row in (-edge, edge) for column in (-edge, edge)]
    return Displacement(
        centre=(float(fitted[0, 0]), float(fitted[0, 1])),
        typical=float(np.median(np.hypot(*movement.T))),
        corners=tuple((float(down), float(across)) for down, across in corners),
        varies=bool(deviation.max() > _VARIES),
        scale_rows=1 + float(per_pixel[0, 0]),
        scale_columns=1 + float(per_pixel[1, 1]),
        turn_degrees=math.degrees(float(per_pixel[1, 0] - per_pixel[0, 1]) / 2),
    )


def _median_slopes(places: NDArray[np.float64], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (2, 2): the change of the shift per window down and across, from windows in one column and one row."""
    slopes = np.zeros((2, 2))
    first, second = (np.array(index) for index in zip(*combinations(range(len(places)), 2), strict=True))
    steps, changes = places[second] - places[first], shifts[second] - shifts[first]
    for axis in (0, 1):
        along = (steps[:, 1 - axis] == 0) & (steps[:, axis] != 0)
        if along.any():
            slopes[axis] = np.median(changes[along] / steps[along, axis, np.newaxis], axis=0)
    return slopes
