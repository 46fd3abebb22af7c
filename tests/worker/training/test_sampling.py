"""Draws rise with the foreground's weight, and crops are where they should be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.domain.sampling_spec import SamplingSpec
from worker.training.sampling import crop_corner, epoch_order, foreground_order


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(1, 20), st.integers(0, 1000))
def test_each_item_comes_as_often_as_its_weight_says(flags: list[bool], weight: float, seed: int) -> None:
    has_foreground = np.array(flags)
    order = foreground_order(has_foreground, spec=SamplingSpec(foreground_weight=weight), seed=seed, epoch=1)
    weights = np.where(has_foreground, weight, 1.0)
    expected = weights * len(flags) / weights.sum()
    counts = np.bincount(order, minlength=len(flags))
    assert len(order) == len(flags)
    assert np.all(np.abs(counts - expected) <= 1 + 1e-9)


def test_without_a_weight_the_order_is_the_plain_one() -> None:
    flags = np.array([True, False, True, False])
    order = foreground_order(flags, spec=SamplingSpec(), seed=4, epoch=2)
    np.testing.assert_array_equal(order, epoch_order(4, seed=4, epoch=2))


def test_orders_repeat_for_an_epoch_and_differ_between_epochs() -> None:
    flags = np.arange(50) % 5 == 0
    spec = SamplingSpec(foreground_weight=4)
    orders = [foreground_order(flags, spec=spec, seed=1, epoch=epoch).tolist() for epoch in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@given(st.integers(0, 500), st.sampled_from([(40, 60), (32, 32), (33, 64)]), st.integers(0, 12))
def test_a_crop_on_foreground_contains_its_pixel(seed: int, size: tuple[int, int], pixels: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, np.uint8)
    mask.reshape(-1)[rng.choice(mask.size, pixels, replace=False)] = 1
    row, column = crop_corner(mask, height=32, width=32, foreground_crops=1, rng=rng)
    assert 0 <= row <= size[0] - 32
    assert 0 <= column <= size[1] - 32
    if pixels:
        assert mask[row : row + 32, column : column + 32].any()


def test_other_crops_are_everywhere() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[0, 0] = 1
    rng = np.random.default_rng(0)
    corners = {crop_corner(mask, height=32, width=32, foreground_crops=0, rng=rng) for _ in range(2000)}
    assert corners == {(row, column) for row in range(9) for column in range(9)}
