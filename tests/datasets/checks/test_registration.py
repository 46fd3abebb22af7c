from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.registration import check_registration
from app.domain.data_findings import DataFindingCode
from tests.datasets.checks.factories import create_measures, measured


def scene(seed: int, *, shift: tuple[int, int] = (0, 0), bright: bool = True, name: str = "") -> ItemMeasures:
    random = np.random.default_rng(seed)
    objects = ndimage.gaussian_filter(random.random((192, 192)), 4) > 0.53
    image = 110 + (40 if bright else -40) * ndimage.gaussian_filter(objects.astype(float), 1)
    image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    # The mask is moved by `shift`: moving it back by the opposite brings it onto the image.
    mask = np.roll(objects, shift, (0, 1))
    return measured(image, mask.astype(np.uint8) * np.uint8(255), name=name or f"scene-{seed}", foreground=mask)


@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("shift", [(5, 0), (0, -4), (-7, 6), (12, -9)])
def test_the_shift_that_brings_the_mask_back_is_found(shift: tuple[int, int], bright: bool) -> None:
    (finding,) = check_registration([scene(1, shift=shift, bright=bright), *(scene(seed) for seed in range(2, 5))])
    assert finding.code is DataFindingCode.MASK_SHIFTED
    assert finding.items == ("scene-1",)
    assert finding.shift is not None
    assert max(abs(finding.shift[0] + shift[0]), abs(finding.shift[1] + shift[1])) <= 1
    assert finding.shifts == {"scene-1": finding.shift}


def test_the_message_says_which_way_to_move_the_mask() -> None:
    (finding,) = check_registration([scene(1, shift=(5, -4))])
    assert "moved 5 px up and 4 px right" in finding.message


def test_masks_in_place_and_images_without_structure_are_not_accused() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(90, 110, (192, 192)).astype(np.uint8)
    mask = np.zeros((192, 192), np.uint8)
    mask[40:80, 60:100] = 255
    blank = measured(noise, mask, name="noise", foreground=mask > 0)
    assert check_registration([blank, *(scene(seed) for seed in range(6))]) == []


def items_of(*entries: tuple[str, tuple[int, int]], **fields: Any) -> list[ItemMeasures]:
    return [
        create_measures(
            name,
            shift=shift,
            shift_confidence=20.0,
            shift_gain=0.3,
            local_shifts=np.tile(np.asarray(shift, np.float32), (4, 4, 1)),
            **fields,
        )
        for name, shift in entries
    ]


def test_a_shift_of_a_name_family_is_told_once() -> None:
    family = [(f"synthetic_{number}", (3, 3 + number % 2)) for number in range(6)]
    items = items_of(*family, *((f"real{number}a", (0, 0)) for number in range(4)))
    (finding,) = check_registration(items)
    assert finding.code is DataFindingCode.MASK_SHIFTED_SYSTEMATIC
    assert set(finding.items) == {name for name, _ in family}
    assert finding.shift == (3, 3) or finding.shift == (3, 4)
    assert finding.shifts["synthetic_1"] == (3, 4)


def test_items_that_deviate_from_their_family_keep_a_finding_of_their_own() -> None:
    items = items_of(*((f"synthetic_{number}", (3, 3)) for number in range(6)), ("synthetic_9", (-8, 0)))
    systematic, single = check_registration(items)
    assert "synthetic_9" not in systematic.items
    assert (single.items, single.shift) == (("synthetic_9",), (-8, 0))


def test_a_family_in_which_few_are_shifted_is_not_systematic() -> None:
    items = items_of(*((f"tile_{number}", (4, 0) if number < 3 else (0, 0)) for number in range(9)))
    assert [finding.code for finding in check_registration(items)] == [DataFindingCode.MASK_SHIFTED] * 3


def test_a_shift_without_confidence_says_nothing() -> None:
    assert check_registration([create_measures("doubtful", shift=(9, 9), shift_confidence=1.0)]) == []


def test_one_pixel_is_within_precision() -> None:
    assert check_registration(items_of(("a", (1, 1)), ("b", (0, -1)))) == []
