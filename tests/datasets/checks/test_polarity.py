from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.polarity import check_inverted, check_polarity
from app.domain.data_findings import DataSeverity
from tests.datasets.checks.factories import measured


def scene(seed: int, *, inverted: bool = False, bright: bool = True, level: float = 0.53) -> ItemMeasures:
    random = np.random.default_rng(seed)
    objects = ndimage.gaussian_filter(random.random((128, 128)), 5) > level
    image = 110 + (40 if bright else -40) * ndimage.gaussian_filter(objects.astype(float), 1)
    image = np.clip(image + random.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
    mask = ~objects if inverted else objects
    return measured(image, mask.astype(np.uint8) * np.uint8(255), name=f"scene-{seed}", foreground=mask)


def names(count: int) -> tuple[str, ...]:
    return tuple(sorted(f"scene-{seed}" for seed in range(count)))


@pytest.mark.parametrize("bright", [True, False])
def test_healthy_sets_are_not_accused(bright: bool) -> None:
    items = [scene(seed, bright=bright) for seed in range(10)]
    assert check_inverted(items) == []
    assert check_polarity(items) == []


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("bright", [True, False])
def test_single_inverted_masks_are_found(count: int, bright: bool) -> None:
    items = [scene(seed, inverted=seed < count, bright=bright) for seed in range(10)]
    (finding,) = check_inverted(items)
    assert tuple(sorted(finding.items)) == names(count)
    assert finding.severity is DataSeverity.SERIOUS
    assert check_polarity(items) == []


def test_a_set_of_inverted_masks_is_fatal() -> None:
    (finding,) = check_inverted([scene(seed, inverted=True) for seed in range(8)])
    assert len(finding.items) == 8
    assert finding.severity is DataSeverity.FATAL


def test_dense_objects_that_cover_most_of_the_picture_are_not_inverted() -> None:
    dense = [scene(seed, level=0.48) for seed in range(8)]
    assert min(item.foreground_fraction for item in dense) > 0.5
    sparse = [scene(seed) for seed in range(8, 16)]
    assert check_inverted([*dense, *sparse]) == []


def test_bright_and_dark_objects_in_one_set_are_found() -> None:
    items = [scene(seed, bright=seed >= 3) for seed in range(12)]
    (finding,) = check_polarity(items)
    assert tuple(sorted(finding.items)) == names(3)
    assert finding.value == pytest.approx(0.25)
