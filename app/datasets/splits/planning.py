"""From a dataset's items and the specification of a split to every side of the launch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from app.datasets.splits.explicit import explicit_plan
from app.datasets.splits.grouped import grouped_folds, grouped_split
from app.datasets.splits.random import random_folds, random_split
from app.datasets.splits.refusal import count_of, refusal
from app.datasets.splits.split_plan import Split, SplitItem, SplitPlan
from app.datasets.splits.stratified import stratified_folds, stratified_split
from app.datasets.splits.stratified_grouped import stratified_grouped_folds, stratified_grouped_split
from app.domain.split_spec import SplitSpec, SplitStrategy


@dataclass(frozen=True, slots=True)
class _Strategy:
    """`hold_out` is `split`, but leaves enough to be split again."""

    split: Callable[..., Split]
    folds: Callable[..., tuple[Split, ...]]
    hold_out: Callable[..., Split]


_STRATEGIES: Mapping[SplitStrategy, _Strategy] = {
    SplitStrategy.RANDOM: _Strategy(random_split, random_folds, random_split),
    SplitStrategy.STRATIFIED: _Strategy(stratified_split, stratified_folds, stratified_split),
    SplitStrategy.GROUPED: _Strategy(grouped_split, grouped_folds, partial(grouped_split, training_groups=2)),
    SplitStrategy.STRATIFIED_GROUPED: _Strategy(
        stratified_grouped_split, stratified_grouped_folds, partial(stratified_grouped_split, training_groups=2)
    ),
}


def plan_split(items: Sequence[SplitItem], spec: SplitSpec) -> SplitPlan:
    """Divide the items of a dataset as `spec` says.

    The test set is drawn first, with the same strategy and seed, so that it is the same for every validation share and
    number of folds; the other items, sorted by name again, are then divided into training and validation. Both shares
    count all items and are rounded up, as scikit-learn does.

    Parameters
    ----------
    items : sequence of SplitItem
        Sorted by name; an empty group is a group of its own.
    spec : SplitSpec
        Strategy, shares, seed, folds, lists.

    Raises
    ------
    InvalidInputError
        The split is impossible; names the setting and what to do.
    """
    if spec.strategy is SplitStrategy.EXPLICIT:
        return explicit_plan([item.name for item in items], spec)
    items = [item if item.group else SplitItem(item.name, item.name, item.foreground_fraction) for item in items]
    strategy = _STRATEGIES[spec.strategy]
    n_test = math.ceil(spec.test_fraction * len(items))
    n_validation = math.ceil(spec.validation_fraction * len(items))
    _check_items(len(items), spec, n_test=n_test, n_validation=n_validation)
    if spec.strategy.keeps_groups:
        _check_groups({item.group for item in items}, n_test=n_test)
    test: tuple[int, ...] = ()
    others = tuple(range(len(items)))
    if n_test:
        held_out = strategy.hold_out(items, n_validation=n_test, seed=spec.seed)
        test, others = held_out.validation, tuple(sorted(held_out.training))
    rest = [items[position] for position in others]
    if spec.fold_count > 1:
        _check_folds(rest, spec, beside_test=bool(test))
        folds = strategy.folds(rest, folds=spec.folds, seed=spec.seed)
    else:
        # A held-out test set of whole groups may be larger than asked for.
        n_validation = min(n_validation, len(rest) - 1)
        folds = (strategy.split(rest, n_validation=n_validation, seed=spec.seed),)
    return SplitPlan(folds=tuple(fold.of(others) for fold in folds), test=test)


def _check_items(n_items: int, spec: SplitSpec, *, n_test: int, n_validation: int) -> None:
    if n_items < 2:
        raise refusal(
            "validation_fraction",
            f"Invalid validation share: received {count_of(n_items, 'item')}, expected at least 2, one to train and "
            "one to validate; add image/mask pairs.",
        )
    rest = n_items - n_test
    if rest < 2:
        raise refusal(
            "test_fraction",
            f"Invalid test share: received {spec.test_fraction:g}, which leaves {count_of(rest, 'item')} of {n_items} "
            f"to train and validate; expected at most {_floor((n_items - 2) / n_items)}; lower it or add items.",
        )
    if spec.fold_count < 2 and n_validation >= rest:
        beside = "" if not n_test else f" beside the {n_test} that test"
        raise refusal(
            "validation_fraction",
            f"Invalid validation share: received {spec.validation_fraction:g}, which leaves none of the {n_items} "
            f"items for training{beside}; expected at most {_floor((rest - 1) / n_items)}; lower it or add items.",
        )


def _floor(share: float) -> str:
    # Rounded up, the advice would be refused in turn.
    return f"{math.floor(1000 * share) / 1000:g}"


def _check_groups(groups: set[str], *, n_test: int) -> None:
    if len(groups) < 2:
        raise refusal(
            "strategy",
            f"All items belong to one acquisition, {next(iter(groups))!r}, which cannot be divided; "
            "choose random or stratified.",
        )
    if n_test and len(groups) < 3:
        raise refusal(
            "test_fraction",
            "There are only 2 acquisitions, one to train and one to validate, and none is left to test; "
            "set the test share to 0, or choose random or stratified.",
        )


def _check_folds(rest: Sequence[SplitItem], spec: SplitSpec, *, beside_test: bool) -> None:
    kind = "acquisition" if spec.strategy.keeps_groups else "item"
    available = len({item.group for item in rest} if spec.strategy.keeps_groups else rest)
    if spec.folds > available:
        beside = " beside the test set" if beside_test else ""
        raise refusal(
            "folds",
            f"Invalid number of folds: received {spec.folds}, but there are only {count_of(available, kind)}{beside}, "
            f"and each fold needs one to validate; use at most {available}.",
        )
