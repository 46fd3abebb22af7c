"""Arrays that do not fit together are refused with a sentence that names them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.worker.training.tiny_training import make_data
from worker.training.errors import TrainingError


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("training_images", np.zeros((10, 32, 32, 3)), "training_images: received float64"),
        ("training_images", np.zeros((10, 32, 32), np.float32), "training_images"),
        ("validation_masks", np.zeros((4, 32, 32), np.uint8), r"validation_masks: received uint8 \(4, 32, 32\)"),
        ("validation_masks", np.zeros((5, 32, 32), bool), "validation_masks: received bool"),
        ("training_masks", np.full((10, 32, 32), 255, np.uint8), "values up to 255, expected only 0 and 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(field: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        dataclasses.replace(make_data(), **{field: value})


def test_no_items_are_refused() -> None:
    images, masks = np.zeros((0, 32, 32, 3), np.float32), np.zeros((0, 32, 32), np.uint8)
    with pytest.raises(TrainingError, match="no items"):
        dataclasses.replace(make_data(), validation_images=images, validation_masks=masks)
