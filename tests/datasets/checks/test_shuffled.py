from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from app.datasets.checks.measures import SMALL_SIDE, ItemMeasures
from app.datasets.checks.shuffled import check_pairs_shuffled
from app.domain.data_findings import DataSeverity
from tests.datasets.checks.factories import create_measures


def scenes(count: int, *, bright: bool = True, noise: float = 0.02) -> list[ItemMeasures]:
    random = np.random.default_rng(11)
    items = []
    for number in range(count):
        objects = (ndimage.gaussian_filter(random.random((SMALL_SIDE, SMALL_SIDE)), 2) > 0.53).astype(np.float32)
        image = 0.5 + (0.2 if bright else -0.2) * objects + random.normal(0, noise, objects.shape)
        items.append(create_measures(f"item-{number:03d}", small_image=image.astype(np.float32), small_mask=objects))
    return items


def with_masks_of(items: list[ItemMeasures], order: list[int]) -> list[ItemMeasures]:
    return [replace(item, small_mask=items[other].small_mask) for item, other in zip(items, order, strict=True)]


@pytest.mark.parametrize("bright", [True, False])
def test_right_pairs_are_not_accused(bright: bool) -> None:
    assert check_pairs_shuffled(scenes(20, bright=bright)) == []


@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("noise", [0.02, 0.15])
def test_a_shuffled_set_is_fatal(bright: bool, noise: float) -> None:
    items = scenes(20, bright=bright, noise=noise)
    (finding,) = check_pairs_shuffled(with_masks_of(items, [*range(1, 20), 0]))
    assert finding.severity is DataSeverity.FATAL
    assert len(finding.items) >= 18


def test_two_swapped_masks_name_each_other() -> None:
    items = scenes(20)
    order = list(range(20))
    order[4], order[9] = 9, 4
    (finding,) = check_pairs_shuffled(with_masks_of(items, order))
    assert finding.severity is DataSeverity.SERIOUS
    assert finding.evidence["fits"] == {"item-004": "item-009", "item-009": "item-004"}


def test_shifted_and_inverted_masks_and_alike_images_accuse_nobody() -> None:
    items = scenes(20)
    items[0] = replace(items[0], small_mask=np.roll(items[0].small_mask, 2, 0))
    items[1] = replace(items[1], small_mask=1 - items[1].small_mask)
    items += [replace(item, name=f"again-{item.name}") for item in items[:5]]
    assert check_pairs_shuffled(items) == []


def test_images_without_structure_say_nothing() -> None:
    random = np.random.default_rng(2)
    noise = [
        replace(item, small_image=random.random((SMALL_SIDE, SMALL_SIDE)).astype(np.float32)) for item in scenes(20)
    ]
    assert check_pairs_shuffled(noise) == []


def test_few_items_prove_nothing() -> None:
    items = scenes(4)
    assert check_pairs_shuffled(with_masks_of(items, [1, 0, 3, 2])) == []
