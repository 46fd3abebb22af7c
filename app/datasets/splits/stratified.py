"""Splits whose sides hold little and much foreground alike: scikit-learn's stratified ones, over ranks of foreground.

scikit-learn stratifies by classes. The classes here are *strata*: the items, ordered by foreground, cut into as many
equal pieces as the smaller side has items (with folds: as a fold has items), so that each piece gives that side about
one. The finer the strata, the closer the foreground of the sides; more of them cannot be served.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.datasets.splits.random import folds_from_labels
from app.datasets.splits.split_plan import Split, SplitItem


def foreground_strata(items: Sequence[SplitItem], *, strata: int) -> NDArray[np.intp]:
    """Return the stratum of each item, 0 (least foreground) to ``strata - 1``; sizes differ by one at most.

    Items with equal foreground keep their order, so that those of one acquisition spread over the strata.
    """
    fractions = np.array([item.foreground_fraction for item in items])
    labels = np.empty(len(items), dtype=np.intp)
    for stratum, positions in enumerate(np.array_split(np.argsort(fractions, kind="stable"), strata)):
        labels[positions] = stratum
    return labels


def split_strata(n_items: int, n_validation: int) -> int:
    """Return the number of strata of a single split: that of the smaller side."""
    return min(n_validation, n_items - n_validation)


def stratified_split(items: Sequence[SplitItem], *, n_validation: int, seed: int) -> Split:
    """Divide items at random within strata of foreground.

    Bit-identical to scikit-learn's ``train_test_split(items, test_size=n_validation, random_state=seed,
    stratify=foreground_strata(items, strata=split_strata(len(items), n_validation)))``.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name.
    n_validation : int
        From 1 to ``len(items) - 1``.
    seed : int
        0 to 2**32 - 1.
    """
    labels = foreground_strata(items, strata=split_strata(len(items), n_validation))
    sizes = np.bincount(labels)
    random = np.random.RandomState(seed)
    # The order of the draws is scikit-learn's (StratifiedShuffleSplit, 1.9): the shares, then a permutation for each
    # stratum, then one for each side.
    for_training = _shares(sizes, len(items) - n_validation, random)
    for_validation = _shares(sizes - for_training, n_validation, random)
    training: list[int] = []
    validation: list[int] = []
    for stratum, size in enumerate(sizes):
        members = np.flatnonzero(labels == stratum)[random.permutation(size)].tolist()
        taken = for_training[stratum]
        training += members[:taken]
        validation += members[taken : taken + for_validation[stratum]]
    return Split(
        training=tuple(random.permutation(training).tolist()),
        validation=tuple(random.permutation(validation).tolist()),
    )


def _shares(sizes: NDArray[np.intp], wanted: int, random: np.random.RandomState) -> NDArray[np.intp]:
    """Divide `wanted` among strata in proportion to `sizes`: largest remainders first, ties by chance."""
    # In this order of operations: scikit-learn's rounding errors decide ties.
    exact = sizes / sizes.sum() * wanted
    shares = np.floor(exact)
    missing = int(wanted - shares.sum())
    if missing > 0:
        remainders = exact - shares
        for remainder in np.unique(remainders)[::-1]:
            (tied,) = np.nonzero(remainders == remainder)
            chosen = random.choice(tied, size=min(len(tied), missing), replace=False)
            shares[chosen] += 1
            missing -= len(chosen)
            if missing == 0:
                break
    whole: NDArray[np.intp] = shares.astype(np.intp)
    return whole


def fold_strata(n_items: int, folds: int) -> int:
    """Return the number of strata of a k-fold split: so many that each has an item for every fold."""
    return n_items // folds


def stratified_folds(items: Sequence[SplitItem], *, folds: int, seed: int) -> tuple[Split, ...]:
    """Divide items into folds, each stratum of foreground evenly over all of them.

    Bit-identical to scikit-learn's ``StratifiedKFold(folds, shuffle=True, random_state=seed)`` with the classes
    ``foreground_strata(items, strata=fold_strata(len(items), folds))``: positions ascend on both sides.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name.
    folds : int
        From 2 to ``len(items)``.
    seed : int
        0 to 2**32 - 1.
    """
    labels = foreground_strata(items, strata=fold_strata(len(items), folds))
    _, first_positions = np.unique(labels, return_index=True)
    # scikit-learn numbers the classes as they appear, and deals the folds over them in that order.
    by_appearance = np.argsort(first_positions)
    dealt = np.arange(len(items)) % folds
    random = np.random.RandomState(seed)
    fold_of = np.empty(len(items), dtype=np.intp)
    start = 0
    for stratum in by_appearance:
        members = np.flatnonzero(labels == stratum)
        own = np.sort(dealt[start : start + len(members)])
        start += len(members)
        random.shuffle(own)
        fold_of[members] = own
    return folds_from_labels(fold_of.tolist(), folds=folds)
