"""The preview counts what is on each side, and tells no more of a test set than its size."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given

from app.datasets.splits.planning import plan_split
from app.datasets.splits.preview import preview_split
from app.datasets.splits.split_plan import Split, SplitItem, SplitPlan
from app.domain.split_spec import SplitSpec, SplitStrategy
from tests.datasets.splits.made_items import MICROBEADS, any_items, make_items, seeds


@given(items=any_items(least=6), seed=seeds)
def test_each_item_is_in_one_bin_of_its_side(items: list[SplitItem], seed: int) -> None:
    plan = plan_split(items, SplitSpec(folds=3, seed=seed, test_fraction=0.2))
    preview = preview_split(items, plan)
    for fold, seen in zip(plan.folds, preview.folds, strict=True):
        for positions, side in ((fold.training, seen.training), (fold.validation, seen.validation)):
            values = [items[position].foreground_fraction for position in positions]
            assert side.items == len(positions) == sum(side.histogram)
            assert side.groups == len({items[position].group for position in positions})
            assert side.foreground_mean == pytest.approx(np.mean(values))
            assert side.foreground_std == pytest.approx(np.std(values))
            assert len(side.histogram) == len(preview.edges) - 1
    assert (preview.test_items, preview.unused_items) == (len(plan.test), 0)


def test_histograms_share_their_edges() -> None:
    items = [SplitItem("a", "", 0.0), SplitItem("b", "", 0.3), SplitItem("c", "", 0.6), SplitItem("d", "", 0.06)]
    preview = preview_split(items, SplitPlan(folds=(Split((0, 1), (2, 3)),)))
    assert preview.edges[0] == 0
    assert preview.edges[-1] == 0.6
    [fold] = preview.folds
    assert (fold.training.histogram[0], fold.training.histogram[6], fold.validation.histogram[-1]) == (1, 1, 1)
    assert fold.validation.histogram[1] == 1


def test_masks_without_foreground_have_a_histogram() -> None:
    items = [SplitItem(f"{number}", "", 0.0) for number in range(4)]
    preview = preview_split(items, SplitPlan(folds=(Split((0, 1, 2), (3,)),)))
    assert preview.folds[0].training.histogram[0] == 3


def test_nothing_of_the_test_set_but_its_size() -> None:
    """Two datasets that differ in their test items only have the same preview."""
    items = make_items([1] * 30)
    plan = plan_split(items, SplitSpec(test_fraction=0.2))
    changed = [
        SplitItem(f"{item.name}-other", f"{item.group}-other", 1.0) if position in plan.test else item
        for position, item in enumerate(items)
    ]
    assert asdict(preview_split(items, plan)) == asdict(preview_split(changed, plan))


def test_unused_items_are_counted() -> None:
    items = make_items([5])
    spec = SplitSpec(strategy=SplitStrategy.EXPLICIT, training=("g000-000",), validation=("g000-001",))
    assert preview_split(items, plan_split(items, spec)).unused_items == 3


def test_a_random_split_of_microbeads_leaks_and_a_grouped_one_does_not() -> None:
    items = make_items(MICROBEADS)
    leaking = preview_split(items, plan_split(items, SplitSpec())).leakage
    assert len(leaking.groups) >= 3
    assert "images of one acquisition are alike" in leaking.messages[0]
    grouped = plan_split(items, SplitSpec(strategy=SplitStrategy.GROUPED))
    assert preview_split(items, grouped).leakage.messages == ()
