"""How far a mask lies from the objects of its image: the translation, over the whole picture and in parts of it.

A mask is laid over its image at every translation up to a tenth of the longer side. Two things are compared: grey
values (freed from the illumination) with the mask, and their gradients with the outline of the mask. The first sees
objects that are brighter or darker than what surrounds them, the second also those of which only the rim shows.
Both are normalised cross-correlations computed by Fourier transform (J. P. Lewis, "Fast normalized cross-correlation",
1995), here by global norms: at a tenth of the side, the overlap hardly changes.

The search starts on a reduced picture and ends at full resolution on a grid of windows. The sum over the windows gives
the translation of the item, each window alone the translation in its part: a mask that was scaled or turned fits no
single one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.alignment_trust import (
    Match,
    best_shift,
    find_match,
    fits_better_at_another_size,
    gain_over,
    rise_confidence,
    shows_relief,
    windows_agree,
)
from app.datasets.checks.alignment_windows import GRID, cut_windows, window_corners, window_shifts
from app.datasets.checks.correlation import (
    Stack,
    correlation_everywhere,
    edge_feature,
    energy,
    grey_feature,
    limited_edges,
    limited_grey,
    within_radius,
)

#: Least confidence from which a shift says something. 600 masks laid over images of other items reached 6.4 at most.
CONFIDENT = 8.0

_SEARCH_SHARE = 0.1
_COARSE_SIDE = 320
_LARGEST_WINDOW = 256
_LEAST_SIDE = 24
_LEAST_WINDOW = 24
_LEAST_REACH = 15
#: Correlations are smoothed by so many pixels: a mask drawn a little smaller or larger than its objects fits equally
#: well at several translations, and the smoothed maximum lies in their middle.
_SMOOTHING = 2.5
_LEAST_SIGMA = 0.8
#: Grey values and edges contradict each other if their translations differ by more pixels than this. Then the one that
#: is more prominent by this share is believed, or none.
_CONTRADICTION = 3.0
_LEAD = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """How a mask lies on its image.

    Parameters
    ----------
    shift : tuple of int
        (dy, dx) in pixels: the translation that brings the mask onto the image.
    confidence : float
        How many standard deviations the best translation stands above all others, lowered where it is hardly better
        than none. 0 where grey values and edges contradict each other, where the translation only lays rim on rim,
        where there is nothing to compare, and for pictures below 24 pixels.
    gain : float
        By which share of its best value the match falls without the shift (0 to 1, or above where it fell below 0).
    match : float
        Correlation of grey values and mask at the shift, -1 to 1: negative where the foreground is darker.
    local_shifts : ndarray of float32, shape (4, 4, 2)
        (dy, dx) in each window of a grid; NaN where there is no foreground, infinity where the best lies at the rim of
        the search.
    """

    shift: tuple[int, int]
    confidence: float
    gain: float
    match: float
    local_shifts: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """Of an image or of a mask: what stands out from its surroundings, and where it changes."""

    grey: Stack
    edges: Stack


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """What the search on the picture reduced by `factor` found."""

    factor: int
    reach: int
    features: _Features
    mask: NDArray[np.bool_]
    polarity: float
    both: Match
    grey: Match
    edges: Match

    def match_of(self, mask: NDArray[np.bool_], believed: Match) -> float:
        """Return how well another mask lies on the image, by what is believed."""
        features = _mask_features(mask.astype(np.float32), reach=self.reach)
        grey = self.polarity * _correlation(self.features.grey, features.grey)
        edges = _correlation(self.features.edges, features.edges)
        return (0.0 if believed is self.edges else grey) + (0.0 if believed is self.grey else edges)


@dataclass(frozen=True, slots=True, eq=False)
class _Fine:
    """Matches at full resolution around `centre`: of all windows together, and of each."""

    centre: tuple[int, int]
    radius: int
    grey: Stack
    edges: Stack
    local_shifts: NDArray[np.float32]


def align(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> Alignment:
    """Estimate how far a mask lies from its image.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        Grey values in any unit.
    mask : ndarray of bool, shape (H, W)
        Foreground; objects may be dark or bright, and need not all be in the mask.
    """
    if min(image.shape) < _LEAST_SIDE or mask.all() or not mask.any() or image.min() == image.max():
        return Alignment((0, 0), 0.0, 0.0, 0.0, np.full((GRID, GRID, 2), np.nan, np.float32))
    coarse = _search(image, mask)
    fine = _refine(image, mask, coarse=coarse)
    match, believed = _believed(fine, coarse)
    best = best_shift(match)
    shift = (best[0] + fine.centre[0], best[1] + fine.centre[1])
    is_near = max(abs(fine.centre[0]), abs(fine.centre[1])) <= fine.radius
    unshifted = (fine.radius - fine.centre[0], fine.radius - fine.centre[1])
    gain = gain_over(match, unshifted) if is_near else (believed or coarse.both).gain()
    return Alignment(
        shift=shift,
        confidence=0.0 if believed is None else _confidence(believed, coarse=coarse, fine=fine, shift=shift),
        gain=gain,
        match=float(coarse.polarity * fine.grey[fine.radius + best[0], fine.radius + best[1]]),
        local_shifts=fine.local_shifts,
    )


def _search(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> _Coarse:
    factor = -(-max(image.shape) // _COARSE_SIDE)
    small, cover = _reduced(image, factor), _reduced(mask, factor)
    longest = max(small.shape)
    radius = min(int(np.ceil(_SEARCH_SHARE * longest)) + 1, min(small.shape) - 1)
    reach = max(_LEAST_REACH, longest // 8 | 1)
    of_image, of_mask = _image_features(small, reach=reach), _mask_features(cover, reach=reach)
    grey = correlation_everywhere(of_image.grey, of_mask.grey, padding=radius)
    edges = correlation_everywhere(of_image.edges, of_mask.edges, padding=radius)
    grey /= np.sqrt(energy(of_image.grey) * energy(of_mask.grey))
    edges /= np.sqrt(energy(of_image.edges) * energy(of_mask.edges))
    near = within_radius(grey, radius)
    polarity = -1.0 if -near.min() > near.max() else 1.0
    grey, edges = (_smoothed(match, _SMOOTHING / factor, mode="wrap") for match in (polarity * grey, edges))
    return _Coarse(
        factor=factor,
        reach=reach,
        features=of_image,
        mask=cover > 1 / 2,
        polarity=polarity,
        both=find_match(grey + edges, radius),
        grey=find_match(grey, radius),
        edges=find_match(edges, radius),
    )


def _refine(image: NDArray[np.float32], mask: NDArray[np.bool_], *, coarse: _Coarse) -> _Fine:
    first = coarse.edges if shows_relief(coarse.grey) else coarse.both
    is_clear = first.prominence >= CONFIDENT
    centre = (first.shift[0] * coarse.factor, first.shift[1] * coarse.factor) if is_clear else (0, 0)
    grid = max(1, min(GRID, min(image.shape) // _LEAST_WINDOW))
    height, width = (min(side // grid, _LARGEST_WINDOW) for side in image.shape)
    radius = max(4, min(16, min(height, width) // 8), coarse.factor + 2)
    size = (height + 2 * radius, width + 2 * radius)
    corners = window_corners(mask, grid=grid, size=(height, width))
    at_mask = [(row - radius, column - radius) for row, column in corners]
    at_image = [(row + centre[0], column + centre[1]) for row, column in at_mask]
    reach = max(_LEAST_REACH, max(image.shape) // 8 | 1)
    masks = cut_windows(mask, at_mask, size=size)
    of_image = _image_features(cut_windows(image, at_image, size=size), reach=reach)
    of_mask = _mask_features(masks, reach=reach)
    inner = np.zeros(size, np.float32)
    inner[radius:-radius, radius:-radius] = 1
    cover, outline = _within(of_mask.grey, inner), _within(of_mask.edges, inner)
    # The rim of the windows takes the place of padding.
    grey = coarse.polarity * within_radius(correlation_everywhere(of_image.grey, cover, padding=0), radius)
    edges = within_radius(correlation_everywhere(of_image.edges, outline, padding=0), radius)
    share = inner.mean()
    grey_energy, cover_energy = share * energy(of_image.grey), energy(cover)
    edge_energy, outline_energy = share * energy(of_image.edges), energy(outline)
    local = grey / np.sqrt(grey_energy * cover_energy) + edges / np.sqrt(edge_energy * outline_energy)
    whole_grey = grey.sum(axis=0) / np.sqrt(grey_energy.sum() * cover_energy.sum())
    whole_edges = edges.sum(axis=0) / np.sqrt(edge_energy.sum() * outline_energy.sum())
    return _Fine(
        centre=centre,
        radius=radius,
        grey=_smoothed(whole_grey, _SMOOTHING),
        edges=_smoothed(whole_edges, _SMOOTHING),
        local_shifts=window_shifts(_smoothed(local, _SMOOTHING), masks * inner, centre=centre, grid=grid),
    )


def _believed(fine: _Fine, coarse: _Coarse) -> tuple[Stack, Match | None]:
    """Return the matches to believe, at full resolution and reduced; None where there are none."""
    if shows_relief(coarse.grey):
        return fine.edges, coarse.edges
    if np.hypot(*np.subtract(best_shift(fine.grey), best_shift(fine.edges))) <= _CONTRADICTION:
        return fine.grey + fine.edges, coarse.both
    lead = coarse.grey.prominence - coarse.edges.prominence
    if abs(lead) < _LEAD * max(coarse.grey.prominence, coarse.edges.prominence):
        return fine.grey + fine.edges, None
    return (fine.grey, coarse.grey) if lead > 0 else (fine.edges, coarse.edges)


def _confidence(match: Match, *, coarse: _Coarse, fine: _Fine, shift: tuple[int, int]) -> float:
    reduced = (shift[0] / coarse.factor, shift[1] / coarse.factor)
    confidence = rise_confidence(match, reduced)
    if confidence < CONFIDENT:
        return confidence
    is_far = max(abs(shift[0]), abs(shift[1])) > fine.radius
    if is_far and not windows_agree(fine.local_shifts, shift):
        return 0.0
    steps = (round(reduced[0]), round(reduced[1]))
    match_of = partial(coarse.match_of, believed=match)
    return 0.0 if fits_better_at_another_size(coarse.mask, match_of, shift=steps) else confidence


def _reduced(picture: NDArray[np.float32] | NDArray[np.bool_], factor: int) -> Stack:
    height, width = (side // factor for side in picture.shape)
    blocks = picture[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32), np.float32)


def _image_features(image: Stack, *, reach: int) -> _Features:
    grey = limited_grey(grey_feature(image, reach=reach))
    return _Features(grey, limited_edges(edge_feature(grey)))


def _mask_features(mask: Stack, *, reach: int) -> _Features:
    return _Features(grey_feature(mask, reach=reach), edge_feature(mask))


def _correlation(first: Stack, second: Stack) -> float:
    return float((first * second).sum()) / float(np.sqrt(energy(first) * energy(second)).item())


def _within(feature: Stack, inner: Stack) -> Stack:
    mean = (feature * inner).mean(axis=(-2, -1), keepdims=True) / inner.mean()
    return np.asarray((feature - mean) * inner, np.float32)


def _smoothed(match: Stack, sigma: float, *, mode: str = "reflect") -> Stack:
    smooth = ndimage.gaussian_filter(match, max(sigma, _LEAST_SIGMA), truncate=3.0, mode=mode, axes=(-2, -1))
    return np.asarray(smooth, np.float32)
