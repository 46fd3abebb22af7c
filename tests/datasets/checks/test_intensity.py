from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.datasets.checks.intensity import (
    check_bit_depth,
    check_constant,
    check_crushed,
    check_group_shift,
    check_illumination,
    check_saturated,
)
from app.datasets.checks.measures import ItemMeasures
from app.domain.data_findings import DataFinding, DataSeverity
from tests.datasets.checks.factories import create_measures, measured

HEALTHY = [create_measures(f"healthy-{number}") for number in range(8)]
Check = Callable[[Any], list[DataFinding]]


@pytest.mark.parametrize(
    "check", [check_bit_depth, check_crushed, check_saturated, check_constant, check_illumination, check_group_shift]
)
def test_a_healthy_set_raises_nothing(check: Check) -> None:
    assert check(HEALTHY) == []


def test_mixed_types_name_the_rarer_ones() -> None:
    (finding,) = check_bit_depth([*HEALTHY, create_measures("deep", image_dtype="uint16")])
    assert finding.items == ("deep",)
    assert "8 uint8, 1 uint16" in finding.message


def sixteen_bits(seed: int, *, top: int, hot: int | None = None) -> ItemMeasures:
    random = np.random.default_rng(seed)
    image = random.integers(0, top, (64, 64)).astype(np.uint16)
    if hot is not None:
        image[3, 5] = hot
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    return measured(image, mask, name=f"deep-{seed}", foreground=mask > 0, low=0, high=1)


def test_one_hot_pixel_crushes_a_set_of_sixteen_bits() -> None:
    items = [sixteen_bits(seed, top=900, hot=65_000 if seed == 2 else None) for seed in range(6)]
    scaled = [item.rescaled(low=0, high=65_000) for item in items]
    (finding,) = check_crushed(scaled)
    assert finding.evidence["brightest"] == "deep-2"
    assert check_crushed([item.rescaled(low=0, high=900) for item in items]) == []


def test_clipped_images_come_worst_first() -> None:
    items = [*HEALTHY, create_measures("some", bright_share=0.02), create_measures("much", bright_share=0.4)]
    (finding,) = check_saturated(items)
    assert finding.items == ("much", "some")


def test_constant_images_are_serious_and_a_set_of_them_fatal() -> None:
    flat = create_measures("flat", stored_min=7.0, stored_max=7.0, image_std=0.0)
    assert check_constant([*HEALTHY, flat])[0].items == ("flat",)
    assert check_constant([*HEALTHY, flat])[0].severity is DataSeverity.SERIOUS
    assert check_constant([flat])[0].severity is DataSeverity.FATAL


def test_strong_gradients_are_found_on_pixels() -> None:
    random = np.random.default_rng(3)
    light = np.linspace(40, 200, 96)[np.newaxis, :] * np.ones((96, 1))
    mask = np.zeros((96, 96), np.uint8)
    mask[10:20, 10:20] = 255
    image = np.clip(light + random.normal(0, 3, light.shape), 0, 255).astype(np.uint8)
    item = measured(image, mask, name="uneven", foreground=mask > 0)
    (finding,) = check_illumination([*HEALTHY, item])
    assert finding.items == ("uneven",)


def grouped(*, shift: float) -> list[ItemMeasures]:
    random = np.random.default_rng(1)
    return [
        create_measures(
            f"plate{plate}_r0_c{tile}",
            image_mean=0.4 + 0.01 * float(random.standard_normal()) + (shift if plate == 2 else 0.0),
        )
        for plate in range(5)
        for tile in range(4)
    ]


def test_an_acquisition_of_other_brightness_is_named() -> None:
    (finding,) = check_group_shift(grouped(shift=0.25))
    assert finding.items == tuple(f"plate2_r0_c{tile}" for tile in range(4))
    assert "'plate2' +0.2" in finding.message


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_small_differences_between_acquisitions_are_let_pass(shift: float) -> None:
    assert check_group_shift(grouped(shift=shift)) == []
