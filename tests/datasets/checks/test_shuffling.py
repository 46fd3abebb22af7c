from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.shuffling import check_shuffling
from app.domain.data_findings import DataSeverity
from tests.datasets.checks.factories import measured

SIDE = 160
ITEMS = 14


def objects_of(number: int) -> NDArray[np.bool_]:
    random = np.random.default_rng(100 + number)
    return np.asarray(ndimage.gaussian_filter(random.random((SIDE, SIDE)), 4) > 0.53, np.bool_)


def pairs(order: list[int], *, bright: bool = True) -> list[ItemMeasures]:
    """Return images with the masks of the items that `order` names."""
    random = np.random.default_rng(1)
    items = []
    for number, other in enumerate(order):
        image = 110 + (40 if bright else -40) * ndimage.gaussian_filter(objects_of(number).astype(float), 1)
        image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
        mask = objects_of(other)
        items.append(measured(image, mask.astype(np.uint8) * np.uint8(255), name=f"item-{number:02d}", foreground=mask))
    return items


@pytest.mark.parametrize("bright", [True, False])
def test_right_pairs_are_not_accused(bright: bool) -> None:
    assert check_shuffling(pairs(list(range(ITEMS)), bright=bright)) == []


@pytest.mark.parametrize("bright", [True, False])
def test_a_shuffled_set_is_fatal(bright: bool) -> None:
    (finding,) = check_shuffling(pairs([*range(1, ITEMS), 0], bright=bright))
    assert finding.severity is DataSeverity.FATAL
    assert len(finding.items) >= ITEMS - 2


def test_two_swapped_masks_are_named() -> None:
    order = list(range(ITEMS))
    order[4], order[9] = 9, 4
    (finding,) = check_shuffling(pairs(order))
    assert finding.severity is DataSeverity.SERIOUS
    assert set(finding.items) == {"item-04", "item-09"}


def test_images_without_structure_accuse_nobody() -> None:
    random = np.random.default_rng(3)
    blank = [
        measured(
            random.integers(90, 110, (SIDE, SIDE)).astype(np.uint8),
            objects_of(number).astype(np.uint8) * np.uint8(255),
            name=f"blank-{number}",
            foreground=objects_of(number),
        )
        for number in range(8)
    ]
    assert check_shuffling(blank) == []
