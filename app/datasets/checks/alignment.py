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

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.correlation import (
    Stack,
    cross_correlation,
    edge_feature,
    energy,
    energy_sum,
    grey_feature,
    limited_edges,
    limited_grey,
)

#: Windows along each side.
GRID = 4
#: Least confidence from which a shift says something. 600 masks laid over images of other items reached 6.6 at most.
CONFIDENT = 7.0

_SEARCH_SHARE = 0.1
_COARSE_SIDE = 320
_LARGEST_WINDOW = 256
_LEAST_SIDE = 24
_LEAST_WINDOW = 24
#: Correlations are smoothed by so many pixels: a mask drawn smaller or larger than its objects fits equally well at
#: several translations, and the smoothed maximum lies in their middle.
_SMOOTHING = 2.5
#: Grey values and edges contradict each other if their translations differ by more pixels than this. Then the one that
#: is clearer by so many standard deviations is believed, or none.
_CONTRADICTION = 3.0
_LEAD = 1.0
_WINDOW_CHOICES = 5
_LEAST_FOREGROUND = 10


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """How a mask lies on its image.

    Parameters
    ----------
    shift : tuple of int
        (dy, dx) in pixels: the translation that brings the mask onto the image.
    confidence : float
        How many standard deviations the best translation stands above all others; 0 where grey values and edges
        contradict each other, where there is nothing to compare, and for pictures below 24 pixels.
    gain : float
        By which share of its best value the match falls without the shift (0 to 1, or above where it fell below 0).
    match : float
        Correlation of grey values and mask at the shift, -1 to 1: negative where the foreground is darker.
    local_shifts : ndarray of float32, shape (4, 4, 2)
        (dy, dx) in each window of a grid; NaN where there is nothing to compare or the best lies at the search's rim.
    """

    shift: tuple[int, int]
    confidence: float
    gain: float
    match: float
    local_shifts: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    grey: Stack
    cover: Stack
    edges: Stack
    outline: Stack


@dataclass(frozen=True, slots=True)
class _Peak:
    """The best translation of a correlation map; prominence is 0 at the map's rim."""

    shift: tuple[int, int]
    prominence: float


@dataclass(frozen=True, slots=True)
class _Coarse:
    polarity: float
    both: _Peak
    grey: _Peak
    edges: _Peak
    gain: float


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
        return _nothing()
    factor = -(-max(image.shape) // _COARSE_SIDE)
    coarse = _search(_reduced(image, factor), _reduced(mask, factor), factor=factor)
    return _refine(image, mask, coarse=coarse, factor=factor)


def _nothing() -> Alignment:
    return Alignment((0, 0), 0.0, 0.0, 0.0, np.full((GRID, GRID, 2), np.nan, np.float32))


def _reduced(picture: NDArray[np.float32] | NDArray[np.bool_], factor: int) -> Stack:
    height, width = (side // factor for side in picture.shape)
    blocks = picture[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32), np.float32)


def _features(image: Stack, mask: Stack, *, reach: int) -> _Features:
    grey = limited_grey(grey_feature(image, reach=reach))
    return _Features(
        grey=grey,
        cover=grey_feature(mask, reach=reach),
        edges=limited_edges(edge_feature(grey)),
        outline=edge_feature(mask),
    )


def _search(image: Stack, mask: Stack, *, factor: int) -> _Coarse:
    longest = max(image.shape)
    radius = min(int(np.ceil(_SEARCH_SHARE * longest)) + 1, min(image.shape) - 1)
    features = _features(image, mask, reach=max(15, longest // 8 | 1))
    grey = cross_correlation(features.grey, features.cover, radius=radius)
    edges = cross_correlation(features.edges, features.outline, radius=radius)
    grey /= np.sqrt(energy(features.grey) * energy(features.cover))
    edges /= np.sqrt(energy(features.edges) * energy(features.outline))
    polarity = -1.0 if -grey.min() > grey.max() else 1.0
    grey, edges = _smoothed(polarity * grey, factor=factor), _smoothed(edges, factor=factor)
    return _Coarse(
        polarity=polarity,
        both=_peak(grey + edges),
        grey=_peak(grey),
        edges=_peak(edges),
        gain=_gain(grey + edges, (radius, radius)),
    )


def _refine(image: NDArray[np.float32], mask: NDArray[np.bool_], *, coarse: _Coarse, factor: int) -> Alignment:
    is_confident = coarse.both.prominence >= CONFIDENT
    centre = (coarse.both.shift[0] * factor, coarse.both.shift[1] * factor) if is_confident else (0, 0)
    grid = max(1, min(GRID, min(image.shape) // _LEAST_WINDOW))
    height, width = (min(side // grid, _LARGEST_WINDOW) for side in image.shape)
    radius = max(4, min(16, min(height, width) // 8), factor + 2)
    corners = _corners(mask, grid=grid, height=height, width=width)
    size = (height + 2 * radius, width + 2 * radius)
    masks = _windows(mask, [(row - radius, column - radius) for row, column in corners], size=size)
    windows = _windows(
        image, [(row - radius + centre[0], column - radius + centre[1]) for row, column in corners], size=size
    )
    features = _features(windows, masks, reach=max(15, max(image.shape) // 8 | 1))
    inner = np.zeros(size, np.float32)
    inner[radius:-radius, radius:-radius] = 1
    cover, outline = _within(features.cover, inner), _within(features.outline, inner)
    grey = coarse.polarity * cross_correlation(features.grey, cover, radius=radius, has_rim=True)
    edges = cross_correlation(features.edges, outline, radius=radius, has_rim=True)
    share = inner.mean()
    whole_grey = grey.sum(axis=0) / np.sqrt(share * energy_sum(features.grey) * energy_sum(cover))
    whole_edges = edges.sum(axis=0) / np.sqrt(share * energy_sum(features.edges) * energy_sum(outline))
    whole_grey, whole_edges = _smoothed(whole_grey, factor=1), _smoothed(whole_edges, factor=1)
    whole, confidence = _agreed(whole_grey, whole_edges, coarse=coarse)
    best = np.unravel_index(whole.argmax(), whole.shape)
    is_near = max(abs(centre[0]), abs(centre[1])) <= radius
    grey /= np.sqrt(share * energy(features.grey) * energy(cover))
    edges /= np.sqrt(share * energy(features.edges) * energy(outline))
    return Alignment(
        shift=(int(best[0]) - radius + centre[0], int(best[1]) - radius + centre[1]),
        confidence=confidence,
        gain=_gain(whole, (radius - centre[0], radius - centre[1])) if is_near else coarse.gain,
        match=float(coarse.polarity * whole_grey[best]),
        local_shifts=_local_shifts(_smoothed(grey + edges, factor=1), masks * inner, centre=centre, grid=grid),
    )


def _agreed(grey: Stack, edges: Stack, *, coarse: _Coarse) -> tuple[Stack, float]:
    """Return the correlations to believe, and how far they are to be believed."""
    down, across = np.subtract(_peak(grey).shift, _peak(edges).shift)
    if np.hypot(down, across) <= _CONTRADICTION:
        return grey + edges, coarse.both.prominence
    lead = coarse.grey.prominence - coarse.edges.prominence
    if abs(lead) < _LEAD:
        return grey + edges, 0.0
    return (grey, coarse.grey.prominence) if lead > 0 else (edges, coarse.edges.prominence)


def _corners(mask: NDArray[np.bool_], *, grid: int, height: int, width: int) -> list[tuple[int, int]]:
    """Return the upper left corner of the window in each cell of a grid: where most of the outline is."""
    outline = np.zeros(mask.shape, np.int32)
    outline[1:] += mask[1:] != mask[:-1]
    outline[:, 1:] += mask[:, 1:] != mask[:, :-1]
    totals = np.pad(outline, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    corners = []
    for cell_row in range(grid):
        for cell_column in range(grid):
            rows = _starts(mask.shape[0], grid=grid, cell=cell_row, size=height)
            columns = _starts(mask.shape[1], grid=grid, cell=cell_column, size=width)
            row, column = rows[:, np.newaxis], columns[np.newaxis, :]
            inside = (
                totals[row + height, column + width] - totals[row, column + width]
                - totals[row + height, column] + totals[row, column]
            )  # fmt: skip
            best = np.unravel_index(inside.argmax(), inside.shape)
            corners.append((int(rows[best[0]]), int(columns[best[1]])))
    return corners


def _starts(side: int, *, grid: int, cell: int, size: int) -> NDArray[np.int64]:
    first, behind = cell * side // grid, (cell + 1) * side // grid
    return np.unique(np.linspace(first, behind - size, _WINDOW_CHOICES).astype(np.int64))


def _windows(
    picture: NDArray[np.float32] | NDArray[np.bool_], corners: list[tuple[int, int]], *, size: tuple[int, int]
) -> Stack:
    """Cut (N, height, width) out of a picture whose edges are thought to continue."""
    height, width = picture.shape
    stack = np.empty((len(corners), *size), np.float32)
    for index, (row, column) in enumerate(corners):
        rows = np.clip(np.arange(row, row + size[0]), 0, height - 1)
        columns = np.clip(np.arange(column, column + size[1]), 0, width - 1)
        stack[index] = picture[rows[:, np.newaxis], columns]
    return stack


def _within(feature: Stack, inner: Stack) -> Stack:
    mean = (feature * inner).mean(axis=(-2, -1), keepdims=True) / inner.mean()
    return np.asarray((feature - mean) * inner, np.float32)


def _smoothed(match: Stack, *, factor: int) -> Stack:
    sigma = max(_SMOOTHING / factor, 0.8)
    return np.asarray(ndimage.gaussian_filter(match, sigma, truncate=3.0, axes=(-2, -1)), np.float32)


def _peak(match: Stack) -> _Peak:
    side = match.shape[-1]
    row, column = (int(index) for index in np.unravel_index(match.argmax(), match.shape))
    spread = float(match.std())
    is_inside = 0 < min(row, column) and max(row, column) < side - 1
    return _Peak(
        shift=(row - side // 2, column - side // 2),
        prominence=(float(match.max()) - float(match.mean())) / spread if spread > 0 and is_inside else 0.0,
    )


def _gain(match: Stack, unshifted: tuple[int, int]) -> float:
    best = float(match.max())
    return 1 - float(match[unshifted]) / best if best > 0 else 0.0


def _local_shifts(local: Stack, masks: Stack, *, centre: tuple[int, int], grid: int) -> NDArray[np.float32]:
    count, side = local.shape[0], local.shape[-1]
    radius = side // 2
    rows, columns = np.divmod(local.reshape(count, -1).argmax(axis=1), side)
    shifts = np.stack([rows - radius + centre[0], columns - radius + centre[1]], axis=-1).astype(np.float32)
    at_rim = (np.minimum(rows, columns) == 0) | (np.maximum(rows, columns) == side - 1)
    foreground = masks.sum(axis=(-2, -1))
    shifts[at_rim | (foreground < _LEAST_FOREGROUND)] = np.nan
    cells = np.full((GRID, GRID, 2), np.nan, np.float32)
    cells[:grid, :grid] = shifts.reshape(grid, grid, 2)
    return cells
