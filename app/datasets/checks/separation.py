"""How well two sides of a set can be told apart by their features, on items that the classifier has not seen.

A ridge classifier predicts each item from the others. Its predictions are linear in the labels: one matrix serves the
real labels and all permutations of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Ridge penalty as a share of the mean variance of the features.
_RIDGE = 0.05
_MOST_FOLDS = 20

#: With few acquisitions no p-value is small; then the sides must stand out by this factor. A choice.
FEW_UNITS_FACTOR = 2.0
_PERMUTATIONS = 1999


class Distinction(NamedTuple):
    """How far two sides are apart.

    Parameters
    ----------
    auc : float
        Probability that the classifier ranks an item of the one side above one of the other; 0.5 is chance.
    distance : float
        Difference of the mean scores in standard deviations within the sides.
    p_value : float
        Share of the relabellings that are as far apart, the real one counted.
    smallest_p : float
        What `p_value` can reach at best with so few units.
    farthest_other : float
        Largest distance of another relabelling.
    """

    auc: float
    distance: float
    p_value: float
    smallest_p: float
    farthest_other: float

    def is_beyond_chance(self, p_value: float) -> bool:
        """Whether no more than `p_value` of the relabellings are as far apart.

        Where there are too few units for that, the sides must be twice as far apart as in any other relabelling.
        """
        if self.smallest_p <= p_value:
            return self.p_value <= p_value
        return self.distance >= FEW_UNITS_FACTOR * max(self.farthest_other, 0.0)


def score_operator(features: NDArray[np.float64], units: Sequence[str], *, seed: int = 0) -> NDArray[np.float64]:
    """Return the matrix that turns labels into cross-validated scores.

    Parameters
    ----------
    features : ndarray of float64
        (items, features), scaled.
    units : sequence of str
        Items of one unit are left out together: those of an acquisition resemble each other.
    seed : int
        Of the folds where there are more than 20 units.

    Returns
    -------
    ndarray of float64
        (items, items); row i is 0 for the items of i's fold.
    """
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of = np.empty(len(names), np.int64)
    fold_of[order] = np.arange(len(names)) % min(_MOST_FOLDS, len(names))
    folds = fold_of[unit]
    operator = np.zeros((len(features), len(features)))
    for fold in range(int(folds.max()) + 1):
        held_out, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(others):
            continue
        mean = features[others].mean(axis=0)
        centred = features[others] - mean
        scatter = centred.T @ centred
        penalty = _RIDGE * max(float(np.trace(scatter)) / len(scatter), 1e-12)
        weights = np.linalg.solve(scatter + penalty * np.eye(len(scatter)), centred.T)
        # Without the intercept: the share of a side in the other folds says nothing about an item.
        operator[np.ix_(held_out, others)] = (features[held_out] - mean) @ weights
    return operator


def ashman_d(scores: NDArray[np.float64], side: NDArray[np.bool_]) -> float:
    """Return √2·(mean inside − mean outside) / √(variance inside + variance outside).

    Two normal populations show two peaks, cleanly apart, above 2 (Ashman, Bird & Zepf 1994, Astron. J. 108, 2348).
    """
    inside, outside = scores[side], scores[~side]
    spread = math.sqrt(float(inside.var()) + float(outside.var()))
    return math.sqrt(2) * float(inside.mean() - outside.mean()) / max(spread, 1e-9)


def distinguish(
    features: NDArray[np.float64], side: NDArray[np.bool_], units: Sequence[str], *, seed: int = 0
) -> Distinction:
    """Run a classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545).

    Parameters
    ----------
    features : ndarray of float64
        (items, features), scaled.
    side : ndarray of bool
        (items,); both sides have at least one unit.
    units : sequence of str
        What could as well lie on the other side: acquisitions if the split keeps them whole, else items. Only whole
        units are relabelled, because items of one acquisition are no independent evidence.
    seed : int
        Of folds and permutations.
    """
    _, unit = np.unique(np.asarray(units), return_inverse=True)
    n_units = int(unit.max()) + 1
    chosen = np.zeros(n_units, np.bool_)
    chosen[unit[side]] = True
    wanted = int(chosen.sum())
    others = _relabellings(chosen, seed=seed)
    labels = np.concatenate([side[:, np.newaxis], others[unit]], axis=1)
    # A side with a single unit cannot be learned without it: then items are left out one by one, for every relabelling.
    left_out = units if min(wanted, n_units - wanted) > 1 else [str(index) for index in range(len(side))]
    scores = score_operator(features, left_out, seed=seed) @ labels.astype(np.float64)
    distances = _distances(scores, labels)
    as_far = int(np.count_nonzero(distances[1:] >= distances[0] - 1e-9))
    return Distinction(
        auc=_auc(scores[:, 0], side),
        distance=float(distances[0]),
        p_value=(1 + as_far) / labels.shape[1],
        smallest_p=1 / labels.shape[1],
        farthest_other=float(distances[1:].max(initial=0.0)),
    )


def _relabellings(chosen: NDArray[np.bool_], *, seed: int) -> NDArray[np.bool_]:
    """Return (units, relabellings) that choose as many units: all others where they are few, else a sample."""
    n_units, wanted = len(chosen), int(chosen.sum())
    if math.comb(n_units, wanted) <= _PERMUTATIONS:
        own = tuple(np.flatnonzero(chosen).tolist())
        places = [choice for choice in combinations(range(n_units), wanted) if choice != own]
        selected = np.array(places, np.int64).reshape(-1, wanted)
    else:
        random = np.random.default_rng(seed)
        selected = np.argsort(random.random((_PERMUTATIONS, n_units)), axis=1)[:, :wanted]
    labels = np.zeros((n_units, len(selected)), np.bool_)
    labels[selected.T, np.arange(len(selected))] = True
    return labels


def _distances(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    inside = labels.astype(np.float64)
    outside = 1 - inside
    deviations: list[NDArray[np.float64]] = []
    means: list[NDArray[np.float64]] = []
    for weights in (inside, outside):
        total = np.maximum(weights.sum(axis=0), 1)
        mean = (weights * scores).sum(axis=0) / total
        means.append(mean)
        deviations.append((weights * (scores - mean) ** 2).sum(axis=0) / total)
    spread = np.sqrt((deviations[0] + deviations[1]) / 2)
    return np.asarray((means[0] - means[1]) / np.maximum(spread, 1e-9), np.float64)


def _auc(scores: NDArray[np.float64], side: NDArray[np.bool_]) -> float:
    inside, outside = scores[side], np.sort(scores[~side])
    below = np.searchsorted(outside, inside, side="left")
    not_above = np.searchsorted(outside, inside, side="right")
    return float((below + not_above).mean() / 2 / len(outside))
