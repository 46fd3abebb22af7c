"""Splits that never put two items of one acquisition on two sides.

Not scikit-learn's: `GroupShuffleSplit` takes a share of the *groups* and a shuffled `GroupKFold` deals equal *numbers
of groups*, whatever their sizes; with acquisitions of 1 and of 14 images the validation share would be anything. Here
the groups are chosen so that the *items* come close to the share (`app.datasets.splits.group_search` says how close).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.datasets.splits.group_search import Groups, distribute_groups
from app.datasets.splits.random import folds_from_labels
from app.datasets.splits.split_plan import Split, SplitItem


def grouped_split(
    items: Sequence[SplitItem], *, n_validation: int, seed: int, training_groups: int = 1, stratified: bool = False
) -> Split:
    """Choose groups whose items are close to `n_validation`; positions ascend on both sides.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name, of at least ``training_groups + 1`` groups.
    n_validation : int
        Wanted validation items, from 1 to ``len(items) - 1``.
    seed : int
        0 to 2**32 - 1.
    training_groups : int
        Least number of groups that are left to train on.
    stratified : bool
        Whether both sides shall have about the same foreground, too.
    """
    validating, training = 0, 1
    labels = _sides(
        items,
        targets=(n_validation, len(items) - n_validation),
        fewest=(1, training_groups),
        seed=seed,
        stratified=stratified,
    )
    return Split(
        training=tuple(position for position, side in enumerate(labels) if side == training),
        validation=tuple(position for position, side in enumerate(labels) if side == validating),
    )


def grouped_folds(items: Sequence[SplitItem], *, folds: int, seed: int, stratified: bool = False) -> tuple[Split, ...]:
    """Divide the groups into folds of close to equally many items; positions ascend on both sides.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name, of at least `folds` groups.
    folds : int
        At least 2.
    seed : int
        0 to 2**32 - 1.
    stratified : bool
        Whether all folds shall have about the same foreground, too.
    """
    labels = _sides(items, targets=[len(items) / folds] * folds, fewest=[1] * folds, seed=seed, stratified=stratified)
    return folds_from_labels(labels, folds=folds)


def _sides(
    items: Sequence[SplitItem], *, targets: Sequence[float], fewest: Sequence[int], seed: int, stratified: bool
) -> list[int]:
    fractions = np.array([item.foreground_fraction for item in items])
    _, group_of = np.unique([item.group for item in items], return_inverse=True)
    groups = Groups(
        sizes=np.bincount(group_of).astype(np.float64),
        foreground=np.bincount(group_of, fractions).astype(np.float64),
        mean=float(fractions.mean()),
        spread=float(fractions.std()) if stratified else 0.0,
    )
    side_of_group = distribute_groups(groups, targets=targets, fewest=fewest, seed=seed)
    return [side_of_group[group] for group in group_of]
