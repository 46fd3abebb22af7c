"""How far an estimated translation is to be believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.correlation import Stack, within_radius

#: Grey values show relief where the worst translation is as bad as this share of what the best is good.
_RELIEF = 0.6
#: A translation is not believed if the opposite one brings this share of its rise over none: a small mask fits
#: everywhere along the rim of a large object.
_SYMMETRY = 0.4
#: The rise of the match over no translation counts as confidence: so many times its standard deviations.
_RISE_WEIGHT = 4.0
#: How far the outline may be from where it was drawn, as shares of the objects' radius.
_SIZES = (-0.4, -0.25, -0.12, 0.0, 0.12, 0.25, 0.4)
#: Far translations must be right for this share of the windows: one object of a few may lie on another by chance.
_LEAST_AGREEMENT = 0.5
_AGREEMENT_PIXELS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """How well a mask lies at every translation, circularly.

    Parameters
    ----------
    everywhere : ndarray of float32
        From `correlation_everywhere`, smoothed.
    radius : int
        Of the search.
    shift : tuple of int
        The best translation within it.
    prominence : float
        How many standard deviations of all translations it stands above their mean; 0 at the rim of the search.
    """

    everywhere: Stack
    radius: int
    shift: tuple[int, int]
    prominence: float

    def near(self) -> Stack:
        """Return the translations within the radius; none is in the middle."""
        return within_radius(self.everywhere, self.radius)

    def gain(self) -> float:
        """Return by which share of its best value the match falls without a translation."""
        return gain_over(self.near(), (self.radius, self.radius))


def find_match(everywhere: Stack, radius: int) -> Match:
    """Find the best translation within a radius."""
    near = within_radius(everywhere, radius)
    shift = best_shift(near)
    spread = float(everywhere.std())
    is_inside = max(abs(shift[0]), abs(shift[1])) < radius
    prominence = (float(near.max()) - float(everywhere.mean())) / spread if spread > 0 and is_inside else 0.0
    return Match(everywhere, radius, shift, prominence)


def best_shift(match: Stack) -> tuple[int, int]:
    """Return (dy, dx) of the largest value of a map with its origin in the middle."""
    row, column = (int(index) for index in np.unravel_index(match.argmax(), match.shape))
    return row - match.shape[0] // 2, column - match.shape[1] // 2


def gain_over(match: Stack, unshifted: tuple[int, int]) -> float:
    """Return by which share of its largest value a map is lower at [unshifted]."""
    best = float(match.max())
    return 1 - float(match[unshifted]) / best if best > 0 else 0.0


def shows_relief(grey: Match) -> bool:
    """Whether objects look lit from one side, as in differential interference contrast: dark beside bright.

    Then the grey values fit best beside the objects.
    """
    near = grey.near()
    return bool(-near.min() > _RELIEF * near.max())


def rise_confidence(match: Match, shift: tuple[float, float]) -> float:
    """Return how sure it is that a mask lies better with a translation than without.

    The rise is compared with how much the match changes by this translation anywhere, by chance. 0 where the opposite
    translation is nearly as good.

    Parameters
    ----------
    match : Match
        What is believed.
    shift : tuple of float
        (dy, dx) in the pixels of the match.
    """
    length = math.hypot(*shift)
    if length == 0:
        return match.prominence
    near = match.near()
    points = [[match.radius + factor * part for factor in (0.0, 1.0, -1.0)] for part in shift]
    unshifted, shifted, opposite = ndimage.map_coordinates(near, points, order=3, mode="nearest")
    rise = float(shifted - unshifted)
    if rise <= 0 or float(opposite - unshifted) > _SYMMETRY * rise:
        return 0.0
    down, across = (math.copysign(math.ceil(abs(part)), part) for part in shift)
    step = (-int(down), -int(across))
    chance = float((np.roll(match.everywhere, step, (0, 1)) - match.everywhere).std())
    chance *= length / math.hypot(*step)
    return min(match.prominence, _RISE_WEIGHT * rise / chance) if chance > 0 else 0.0


def fits_better_at_another_size(
    mask: NDArray[np.bool_], match_of: Callable[[NDArray[np.bool_]], float], *, shift: tuple[int, int]
) -> bool:
    """Whether a mask, once it is drawn larger or smaller, fits better where it is than with a translation.

    The rim of a small mask lies on the rim of a large object when it is moved aside.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        The mask.
    match_of : callable
        How well a mask lies on the image as it is.
    shift : tuple of int
        The translation.
    """
    if shift == (0, 0) or not mask.any() or mask.all():
        return False
    radius = _typical_radius(mask)
    distance = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    at_rest, moved = -np.inf, -np.inf
    for share in _SIZES:
        # Distances jump from -1 to 1 at the outline.
        sized = distance > -share * radius
        if sized.any() and not sized.all():
            at_rest = max(at_rest, match_of(sized))
            moved = max(moved, match_of(ndimage.shift(sized, shift, order=0, mode="nearest")))
    return at_rest > moved


def windows_agree(local_shifts: NDArray[np.float32], shift: tuple[int, int]) -> bool:
    """Whether enough windows with foreground come to the same translation."""
    local = local_shifts.reshape(-1, 2)
    judged = local[~np.isnan(local[:, 0])]
    if not len(judged):
        return False
    agreeing = np.abs(judged - np.array(shift)).max(axis=1) <= _AGREEMENT_PIXELS
    return bool(agreeing.mean() >= _LEAST_AGREEMENT)


def _typical_radius(mask: NDArray[np.bool_]) -> float:
    """Return the radius of discs with the mask's ratio of area to outline, in pixels."""
    steps = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    # The steps around a disc are 4/π times its circumference.
    return 2 * np.count_nonzero(mask) / (steps * np.pi / 4) if steps else 0.0
