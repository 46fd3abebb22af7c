"""The number of pixels from the grid of the accuracies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diagnosis.forensics.accuracy_grid import accuracy_grid
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.history_table import HistoryTable

UNKNOWN = TrainingFacts()


def table(accuracies: list[float]) -> HistoryTable:
    return HistoryTable.from_csv_columns({"val_accuracy": accuracies})


def counted(pixels: int, *, seed: int, epochs: int = 16) -> list[float]:
    counts = np.random.default_rng(seed).integers(pixels // 2, pixels, epochs)
    return [float(np.float32(count / pixels)) for count in counts]


@given(images=st.integers(1, 60), seed=st.integers(0, 10_000))
def test_the_pixels_are_found_or_a_divisor_of_them(images: int, seed: int) -> None:
    pixels = images * 256 * 256
    grid = accuracy_grid(table(counted(pixels, seed=seed)), TrainingFacts(image_height=256, image_width=256))
    assert grid is not None
    assert pixels % grid.pixels == 0
    assert grid.chance < 1e-3


def test_without_the_image_size_the_usual_ones_are_tried() -> None:
    grid = accuracy_grid(table(counted(8 * 256 * 256, seed=3)), UNKNOWN)
    assert grid is not None
    assert grid.pixels == 8 * 256 * 256


def test_the_shortest_decimals_of_float32_do_as_well() -> None:
    short = [float(str(np.float32(value))) for value in counted(15 * 65536, seed=1)]
    grid = accuracy_grid(table(short), UNKNOWN)
    assert grid is not None
    assert grid.pixels == 15 * 65536


@pytest.mark.parametrize(
    "accuracies",
    [
        [],
        [0.5, 0.75],
        [round(value, 4) for value in counted(65536, seed=2)],
        [float(value) for value in np.random.default_rng(7).random(20)],
        [float(np.float32(value)) for value in np.random.default_rng(7).random(20)],
        counted(300 * 65536, seed=4),
    ],
    ids=["none", "few", "rounded", "float64", "no-counts", "finer-than-float32"],
)
def test_nothing_is_claimed_without_evidence(accuracies: list[float]) -> None:
    assert accuracy_grid(table(accuracies), UNKNOWN) is None
