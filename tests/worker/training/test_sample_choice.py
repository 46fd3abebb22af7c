"""The samples span the foreground fractions and never change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.training.sample_choice import choose_samples


def masks_with(foreground: list[int]) -> np.ndarray:
    masks = np.zeros((len(foreground), 1, 100), np.uint8)
    for mask, pixels in zip(masks, foreground, strict=True):
        mask[0, :pixels] = 1
    return masks


def test_chosen_from_sparsest_to_densest_at_even_quantiles() -> None:
    assert choose_samples(masks_with([50, 0, 90, 10, 30, 70, 20])) == (1, 6, 0, 2)


def test_fewer_items_than_asked_for_are_all_chosen() -> None:
    assert choose_samples(masks_with([9, 5])) == (1, 0)
    assert choose_samples(masks_with([9])) == (0,)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.integers(1, 6))
def test_choice_is_distinct_ordered_and_holds_both_extremes(foreground: list[int], count: int) -> None:
    masks = masks_with(foreground)
    chosen = choose_samples(masks, count=count)
    assert chosen == choose_samples(masks.copy(), count=count)
    assert len(set(chosen)) == len(chosen) == min(count, len(foreground))
    fractions = [foreground[item] for item in chosen]
    assert fractions == sorted(fractions)
    assert fractions[0] == min(foreground)
    if len(chosen) > 1:
        assert fractions[-1] == max(foreground)
