"""Random splits: the choice of scikit-learn's `train_test_split` and `KFold`, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.datasets.splits.split_plan import Split, SplitItem


def random_split(items: Sequence[SplitItem], *, n_validation: int, seed: int) -> Split:
    """Divide items at random.

    Bit-identical to scikit-learn's ``train_test_split(items, test_size=n_validation, random_state=seed)``, and so, with
    ``n_validation = ceil(fraction * len(items))``, to ``test_size=fraction``.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name; only their number counts.
    n_validation : int
        From 1 to ``len(items) - 1``.
    seed : int
        0 to 2**32 - 1.
    """
    # The legacy generator on purpose, here and in the other strategies: its streams never change, and the permutation
    # is the one that scikit-learn draws.
    order = np.random.RandomState(seed).permutation(len(items)).tolist()
    return Split(training=tuple(order[n_validation:]), validation=tuple(order[:n_validation]))


def random_folds(items: Sequence[SplitItem], *, folds: int, seed: int) -> tuple[Split, ...]:
    """Divide items at random into folds that differ by one item at most.

    Bit-identical to scikit-learn's ``KFold(folds, shuffle=True, random_state=seed)``: positions ascend on both sides.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name; only their number counts.
    folds : int
        From 2 to ``len(items)``.
    seed : int
        0 to 2**32 - 1.
    """
    order = np.random.RandomState(seed).permutation(len(items))
    fold_of = np.empty(len(items), dtype=np.intp)
    for fold, positions in enumerate(np.array_split(order, folds)):
        fold_of[positions] = fold
    return folds_from_labels(fold_of.tolist(), folds=folds)


def folds_from_labels(fold_of: Sequence[int], *, folds: int) -> tuple[Split, ...]:
    """Return the splits for the number of the fold in which each item validates; positions ascend."""
    return tuple(
        Split(
            training=tuple(position for position, label in enumerate(fold_of) if label != fold),
            validation=tuple(position for position, label in enumerate(fold_of) if label == fold),
        )
        for fold in range(folds)
    )
