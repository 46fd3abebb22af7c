"""Distances between outlines, against shapes whose distances are known and a search over all pairs of pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.training.surface_metrics import SurfaceScore, outline, surface_score

Mask = NDArray[np.bool_]


def square(top: int, left: int, *, side: int = 20, size: int = 64) -> Mask:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_the_outline_is_one_pixel_wide_and_includes_the_border_of_the_image() -> None:
    assert outline(square(10, 10, side=4)).sum() == 12
    np.testing.assert_array_equal(outline(np.ones((3, 4), bool)), [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]])


def test_equal_masks_agree() -> None:
    assert surface_score(square(5, 9), square(5, 9)) == SurfaceScore(1.0, 0.0, is_one_sided=False)


@pytest.mark.parametrize("shift", [0, 1, 3, 7])
def test_a_shifted_square_is_that_far_away(shift: int) -> None:
    score = surface_score(square(10, 10), square(10, 10 + shift))
    assert score.hausdorff_95 == shift
    # Within 0.0075 of the diagonal of 64×64, 0.68 pixels: the outline itself.
    assert (score.boundary_f1 == 1) == (shift == 0)


def test_the_tolerance_grows_with_the_image() -> None:
    one_off = surface_score(square(100, 100, size=256), square(100, 102, size=256))
    assert one_off.boundary_f1 == 1
    assert one_off.hausdorff_95 == 2


def test_a_few_stray_pixels_are_forgiven_by_the_95th_percentile() -> None:
    stray = square(10, 10, side=40)
    stray[0, 63] = True
    score = surface_score(square(10, 10, side=40), stray)
    assert score.hausdorff_95 == 0
    assert score.boundary_f1 < 1


def test_what_empty_means() -> None:
    nothing, something = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    something[4:9, 4:9] = True
    assert surface_score(nothing, nothing) == SurfaceScore(1.0, 0.0, is_one_sided=False)
    for pair in ((nothing, something), (something, nothing)):
        assert surface_score(*pair) == SurfaceScore(0.0, 50.0, is_one_sided=True)


def _slow(mask: Mask, prediction: Mask) -> tuple[float, float]:
    first, second = (np.argwhere(outline(side)) for side in (mask, prediction))
    distances = np.sqrt(((first[:, None] - second[None]) ** 2).sum(axis=-1))
    to_second, to_first = distances.min(axis=1), distances.min(axis=0)
    tolerance = 0.0075 * math.hypot(*mask.shape)
    recall, precision = (to_second <= tolerance).mean(), (to_first <= tolerance).mean()
    f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return f1, max(np.percentile(to_second, 95), np.percentile(to_first, 95))


@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.9))
@settings(max_examples=40)
def test_scores_are_those_of_all_pairs_of_pixels(seed: int, density: float) -> None:
    random = np.random.default_rng(seed)
    mask, prediction = random.random((2, 12, 17)) < density
    mask[0, 0] = prediction[-1, -1] = True
    score = surface_score(mask, prediction)
    f1, distance = _slow(mask, prediction)
    assert score.boundary_f1 == pytest.approx(f1)
    assert score.hausdorff_95 == pytest.approx(distance)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"received shape \(3, 3\), expected \(height, width\)"):
        surface_score(np.ones((2, 3), bool), np.ones((3, 3), bool))
