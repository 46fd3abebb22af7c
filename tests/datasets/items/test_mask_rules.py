"""The rule that says what is foreground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.items.mask_census import MaskCensus
from app.datasets.items.mask_rules import binarise, resolve_mask_rule, settled_mask_rule
from app.domain.dataset_import import MaskRule, MaskSpec


@pytest.mark.parametrize(
    ("rule", "dtype", "maximum", "threshold"),
    [
        (MaskRule.AUTO, "uint8", 0, 0.5),
        (MaskRule.AUTO, "uint8", 1, 0.5),
        (MaskRule.AUTO, "uint8", 7, 0.0),
        (MaskRule.AUTO, "uint8", 127, 0.0),
        (MaskRule.AUTO, "uint8", 128, 127.5),
        (MaskRule.AUTO, "uint8", 255, 127.5),
        (MaskRule.AUTO, "uint16", 255, 0.0),
        (MaskRule.AUTO, "uint16", 65535, 32767.5),
        (MaskRule.AUTO, "float32", 1.0, 0.5),
        (MaskRule.AUTO, "float32", 0.7, 0.5),
        (MaskRule.AUTO, "float32", 255.0, 127.5),
        (MaskRule.AUTO, "float32", 42.0, 0.0),
        (MaskRule.HALF, "uint8", 3, 127.5),
        (MaskRule.HALF, "float32", 1.0, 0.5),
        (MaskRule.HALF, "float32", 40.0, 20.0),
        (MaskRule.NONZERO, "uint8", 255, 0.0),
    ],
)
def test_threshold(rule: MaskRule, dtype: str, maximum: float, threshold: float) -> None:
    resolved = resolve_mask_rule(MaskSpec(rule=rule), dtype=dtype, maximum=maximum)
    assert resolved.threshold == threshold
    assert resolved.text.endswith("foreground.")


@given(
    rule=st.sampled_from([MaskRule.AUTO, MaskRule.NONZERO]),
    dtype=st.sampled_from(["uint8", "uint16", "int32", "float32"]),
    maximum=st.integers(1, 255),
)
def test_the_brightest_value_is_foreground_and_zero_never_is(rule: MaskRule, dtype: str, maximum: int) -> None:
    resolved = resolve_mask_rule(MaskSpec(rule=rule), dtype=dtype, maximum=maximum)
    assert binarise(np.array([[0, maximum]], dtype), resolved).tolist() == [[False, True]]


@given(st.permutations([0, 0, 255, 1, 200]))
def test_census_does_not_depend_on_the_order(maxima: list[int]) -> None:
    census = MaskCensus(MaskSpec())
    for maximum in maxima:
        census.add("uint8", maximum)
    assert census.rule().threshold == 127.5


def test_census_goes_with_the_majority_and_tolerates_empty_masks() -> None:
    census = MaskCensus(MaskSpec())
    for dtype, maximum in (("uint16", 0), ("uint16", 0), ("uint16", 65535), ("uint8", 255), ("uint8", 255)):
        census.add(dtype, maximum)
    assert census.rule().threshold == 127.5
    assert census.fits("uint16", 0)
    assert not census.fits("uint16", 65535)


def test_chosen_labels_are_foreground_whatever_the_type() -> None:
    spec = MaskSpec(rule=MaskRule.LABELS, foreground_labels=(3, 1, 3))
    for dtype in ("uint8", "uint16", "int32", "float32"):
        resolved = resolve_mask_rule(spec, dtype=dtype, maximum=3)
        assert (resolved.threshold, resolved.full_scale, resolved.labels) == (None, None, (1, 3))
        assert binarise(np.array([[0, 1, 2, 3]], dtype), resolved).tolist() == [[False, True, False, True]]
        assert "1, 3" in resolved.text
    assert settled_mask_rule(spec, threshold=None).same_as(resolved)


def test_zero_may_be_a_foreground_label_and_large_labels_fit_no_small_type() -> None:
    resolved = resolve_mask_rule(MaskSpec(rule=MaskRule.LABELS, foreground_labels=(0, 300)), dtype="uint8", maximum=255)
    assert binarise(np.array([[0, 44, 255]], np.uint8), resolved).tolist() == [[True, False, False]]


def test_a_census_of_masks_with_chosen_labels_takes_every_type() -> None:
    census = MaskCensus(MaskSpec(rule=MaskRule.LABELS, foreground_labels=(2,)))
    for dtype, maximum in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        census.add(dtype, maximum)
        assert census.fits(dtype, maximum)


def test_a_census_without_masks_has_a_rule() -> None:
    assert MaskCensus(MaskSpec()).rule().threshold == 0.5
