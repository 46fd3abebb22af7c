from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.datasets.checks.mask_values import (
    FRACTIONAL_SHARE,
    check_empty,
    check_full,
    check_labels,
    check_not_binary,
    check_zero_one,
)
from app.domain.data_findings import DataSeverity
from tests.datasets.checks.factories import create_measures, measured

HEALTHY = [create_measures(f"healthy-{number}") for number in range(8)]


def disc(side: int = 64, radius: float = 18) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - side / 2) ** 2 + (columns - side / 2) ** 2 < radius**2
    return np.where(inside, np.uint8(255), np.uint8(0))


def jpeg(mask: NDArray[np.uint8], tmp_path: Path) -> NDArray[np.uint8]:
    Image.fromarray(mask).save(tmp_path / "mask.jpg", quality=80)
    return np.asarray(Image.open(tmp_path / "mask.jpg"))


def test_binary_masks_raise_nothing() -> None:
    for check in (check_not_binary, check_zero_one, check_labels, check_empty, check_full):
        assert check(HEALTHY) == []


@pytest.mark.parametrize("size", [48, 40, 91])
def test_interpolated_masks_are_told_with_their_cause(size: int) -> None:
    small = np.asarray(Image.fromarray(disc()).resize((size, size), Image.Resampling.BICUBIC))
    image = np.full(small.shape, 90, np.uint8)
    item = measured(image, small, name="resized", foreground=small > 127)

    (finding,) = check_not_binary([*HEALTHY, item])

    assert finding.items == ("resized",)
    assert finding.value == pytest.approx(item.fractional_share)
    assert item.fractional_share > FRACTIONAL_SHARE
    assert "interpolation" in finding.message


def test_compressed_masks_are_told_from_interpolated_ones(tmp_path: Path) -> None:
    mask = jpeg(disc(), tmp_path)
    item = measured(np.full(mask.shape, 90, np.uint8), mask, name="jpeg", foreground=mask > 127)

    (finding,) = check_not_binary([item])

    assert "JPEG" in finding.message
    assert finding.evidence["compressed"] == 1


def test_a_share_at_the_threshold_is_let_pass() -> None:
    assert check_not_binary([create_measures(fractional_share=FRACTIONAL_SHARE)]) == []


def test_zero_one_masks_alone_are_only_worth_knowing() -> None:
    masks = [create_measures(f"m{number}", mask_max=1.0, mask_values={0.0: 9, 1.0: 1}) for number in range(3)]
    (finding,) = check_zero_one(masks)
    assert finding.severity is DataSeverity.WORTH_KNOWING
    assert set(finding.items) == {"m0", "m1", "m2"}


def test_zero_one_masks_beside_others_are_serious_and_the_lost_come_first() -> None:
    lost = create_measures("lost", mask_max=1.0, foreground_fraction=0.0)
    (finding,) = check_zero_one([*HEALTHY, create_measures("kept", mask_max=1.0), lost])
    assert finding.severity is DataSeverity.SERIOUS
    assert finding.items == ("lost", "kept")


def test_floats_between_zero_and_one_are_no_defect() -> None:
    assert check_zero_one([create_measures(mask_max=1.0, mask_dtype="float32")]) == []


def test_labels_are_listed_with_their_shares() -> None:
    item = create_measures("cells", mask_distinct=4, mask_max=3.0, mask_values={0.0: 70, 1.0: 10, 2.0: 15, 3.0: 5})
    (finding,) = check_labels([*HEALTHY, item])
    assert finding.items == ("cells",)
    assert finding.evidence["values"] == {"0": 70, "1": 10, "2": 15, "3": 5}
    assert "2 (15 %)" in finding.message


@pytest.mark.parametrize(
    ("distinctness", "others", "severity"),
    [(3.0, 8, DataSeverity.WORTH_KNOWING), (30.0, 8, DataSeverity.SERIOUS), (3.0, 0, DataSeverity.FATAL)],
)
def test_an_empty_mask_matters_as_much_as_its_image_shows(
    distinctness: float, others: int, severity: DataSeverity
) -> None:
    empty = create_measures("empty", foreground_fraction=0.0, distinctness=distinctness, object_count=0)
    (finding,) = check_empty([*HEALTHY[:others], empty])
    assert (finding.severity, finding.items) == (severity, ("empty",))


def test_full_masks_are_serious_and_a_set_of_them_fatal() -> None:
    full = create_measures("full", foreground_fraction=1.0)
    assert check_full([*HEALTHY, full])[0].severity is DataSeverity.SERIOUS
    assert check_full([full])[0].severity is DataSeverity.FATAL
