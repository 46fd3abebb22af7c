"""Which split to take, and why, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.datasets.splits.planning import plan_split
from app.datasets.splits.refusal import count_of
from app.datasets.splits.split_plan import SplitItem
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitSpec, SplitStrategy

#: Fewer items than this leave so few to validate that one split says little; every item should validate once.
FEW_ITEMS = 20
#: Folds to take then, as far as there are items or acquisitions for them.
ADVISED_FOLDS = 5
#: Foreground varies if its standard deviation is more than this share of its mean.
VARYING = 0.25
#: With fewer acquisitions there is hardly a choice among them that could balance foreground as well.
ENOUGH_GROUPS = 6


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The split to take.

    Parameters
    ----------
    strategy : SplitStrategy
        Never explicit.
    folds : int
        0 for a single split.
    reason : str
        Why, in one sentence.
    """

    strategy: SplitStrategy
    folds: int
    reason: str


def recommend(items: Sequence[SplitItem], spec: SplitSpec) -> Recommendation:
    """Recommend a strategy and a number of folds for the items of a dataset.

    Acquisitions with several images are kept together, because a random split would put them on both sides; where
    foreground varies, it is balanced; and where there are few items, each shall validate once. Chosen folds are kept.

    Parameters
    ----------
    items : sequence of SplitItem
        At least 2; an empty group is a group of its own.
    spec : SplitSpec
        What is chosen now: its folds and test share count.
    """
    sizes = Counter(item.group or item.name for item in items)
    several = [size for size in sizes.values() if size > 1]
    fractions = np.array([item.foreground_fraction for item in items])
    varies = bool(fractions.std() > VARYING * fractions.mean())
    needed = 3 if spec.test_fraction else 2
    if several and len(sizes) >= needed:
        strategy = SplitStrategy.STRATIFIED_GROUPED if varies and len(sizes) >= ENOUGH_GROUPS else SplitStrategy.GROUPED
        reason = (
            f"{len(several)} of {count_of(len(sizes), 'acquisition')} hold{'s' if len(several) == 1 else ''} several "
            f"images ({sum(several)} of {len(items)}), which are alike: kept on one side, they show how a model does "
            "on acquisitions that it has not seen"
        )
        if strategy is SplitStrategy.STRATIFIED_GROUPED:
            reason += f"; foreground varies ({_range(fractions)}), so it should be balanced, too"
    else:
        strategy = SplitStrategy.STRATIFIED if varies else SplitStrategy.RANDOM
        if several:
            whole = "All images come from one acquisition" if len(sizes) == 1 else "There are only 2 acquisitions"
            reason = f"{whole}, so that no split can show how a model does on another one"
        else:
            reason = "Every image is an acquisition of its own"
        reason += (
            f"; foreground varies ({_range(fractions)}), so it should be balanced"
            if varies
            else f"; foreground varies little ({_range(fractions)}), so chance is fair"
        )
    wanted = spec.folds if spec.fold_count > 1 else ADVISED_FOLDS if len(items) < FEW_ITEMS else 0
    folds = _possible_folds(items, spec, strategy=strategy, folds=wanted)
    if folds and spec.fold_count < 2:
        reason += f"; one split of {len(items)} images would validate on a handful, so each should validate once"
    return Recommendation(strategy, folds, f"{reason}.")


def _possible_folds(items: Sequence[SplitItem], spec: SplitSpec, *, strategy: SplitStrategy, folds: int) -> int:
    """Return `folds`, or as many as there can be; 0 for a single split."""
    for fewer in range(folds, 1, -1):
        changes = {"strategy": strategy, "folds": fewer, "training": (), "validation": (), "test": ()}
        try:
            plan_split(items, spec.model_copy(update=changes))
        except InvalidInputError:
            continue
        return fewer
    return 0


def _range(fractions: NDArray[np.float64]) -> str:
    return f"{100 * float(fractions.mean()):.1f} ± {100 * float(fractions.std()):.1f} % of the pixels"
