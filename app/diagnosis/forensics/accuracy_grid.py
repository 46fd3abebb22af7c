"""The number of validation pixels, from the grid on which the validation accuracies lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.history_table import HistoryTable

#: Sides of square images that trainings use; where the size is unknown, these are tried.
USUAL_SIDES = (64, 96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512, 640, 768, 896, 1024)

#: Keras counts in float32, which is exact up to here; with more pixels the grid is finer than the numbers.
MOST_PIXELS = 2**24

#: The chance that random accuracies lie on one of the grids tried must be below this.
MOST_CHANCE = 1e-3

#: Fewer different values prove nothing; more than the upper limit add nothing.
LEAST_VALUES = 3
MOST_VALUES = 100

#: A value with no more decimals was rounded before it was written.
ROUNDED_DECIMALS = 6

#: A division in float32 is exact to half of a unit in the last place; a little more for values that were printed.
ROUNDING = 0.51

_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class AccuracyGrid:
    """Accuracies that are all whole multiples of one pixel's share.

    Parameters
    ----------
    pixels : int
        The smallest number of pixels N with which every accuracy is k/N. The true one is this, or (if every k
        happened to be a multiple) a multiple of it.
    values : int
        Number of different accuracies.
    example : float
        One of them.
    chance : float
        Probability that random values would lie on this grid or a coarser one, at most 1.
    """

    pixels: int
    values: int
    example: float
    chance: float


def accuracy_grid(history: HistoryTable, facts: TrainingFacts) -> AccuracyGrid | None:
    """Find the number of validation pixels of which every recorded validation accuracy is a whole multiple.

    Accuracy is a count over all pixels, also where Jaccard is a mean over batches: Keras sums it pixel by pixel. None
    if too few accuracies differ, if they were rounded, or if there are too many pixels for float32 to tell.
    """
    values = history.column("val_accuracy")[history.usable("val_accuracy")]
    values = np.unique(_exact(values[(values > 0) & (values < 1)]))
    if values.size < LEAST_VALUES:
        return None
    values = values[:: math.ceil(values.size / MOST_VALUES)]
    tolerance = ROUNDING * np.spacing(values.astype(np.float32)).astype(np.float64)
    candidates = _candidates(facts)
    for start in range(0, candidates.size, _CHUNK):
        pixels = candidates[start : start + _CHUNK, np.newaxis].astype(np.float64)
        counts = values * pixels
        fits = np.all(np.abs(counts - np.rint(counts)) <= tolerance * pixels, axis=1)
        if fits.any():
            tried = start + int(np.argmax(fits))
            break
    else:
        return None
    found = _coarsest(int(candidates[tried]), values)
    log_chance = math.log(tried + 1) + float(np.sum(np.log(np.minimum(1.0, 2 * tolerance * found))))
    if log_chance > math.log(MOST_CHANCE):
        return None
    return AccuracyGrid(found, int(values.size), float(values[-1]), math.exp(log_chance))


def _coarsest(pixels: int, values: NDArray[np.float64]) -> int:
    """Divide a grid by what all its counts have in common: images of another size may have made a coarser one.

    A divisor d that is not the grid's own is common to n random counts with a probability of d⁻ⁿ; it is taken out if
    that is too unlikely.
    """
    counts = np.rint(values * pixels).astype(np.int64)
    common = math.gcd(pixels, *counts.tolist())
    is_accident = counts.size * math.log(common) < -math.log(MOST_CHANCE)
    return pixels if is_accident else pixels // common


def _candidates(facts: TrainingFacts) -> NDArray[np.int64]:
    sizes = [side * side for side in USUAL_SIDES] if facts.image_pixels is None else [facts.image_pixels]
    return np.unique(np.concatenate([np.arange(size, MOST_PIXELS + 1, size, dtype=np.int64) for size in sizes]))


def _exact(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the float32 numbers that were written, exactly; nothing where the column was rounded or never float32."""
    scaled = values * 10**ROUNDED_DECIMALS
    if values.size == 0 or bool(np.all(np.abs(scaled - np.rint(scaled)) < 1e-6)):
        return np.empty(0)
    single = values.astype(np.float32)
    # A float32 is written in full (as Python does with its double) or with the digits that suffice to read it back.
    is_single = [
        float(short) == value or float(str(short)) == value for short, value in zip(single, values, strict=True)
    ]
    return single.astype(np.float64) if all(is_single) else np.empty(0)
