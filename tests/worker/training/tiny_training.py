"""A training small enough for a test: bright discs on noise, 32x32 pixels, 2 filters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from app.domain.configuration import Architecture, ImageSpec, ModelSpec, RunConfig, TrainingSpec
from app.domain.loss_spec import LossSpec
from app.domain.network_spec import NetworkSpec
from worker.training.data import TrainingData
from worker.training.engine import TrainingOutcome, train
from worker.training.recording import EpochResult, StepResult, TrainingFacts


class Crash(Exception):
    """Stands for a process that dies."""


class ListRecorder:
    """Keeps what it hears, as a database would."""

    def __init__(self, *, crash_before_commit_of: int | None = None) -> None:
        self.facts: list[TrainingFacts] = []
        self.steps: list[StepResult] = []
        self.epochs: list[EpochResult] = []
        self.notes: dict[str, float | int | bool | str] = {}
        self.crash_before_commit_of = crash_before_commit_of

    def started(self, facts: TrainingFacts) -> None:
        self.facts.append(facts)

    def step(self, result: StepResult) -> None:
        self.steps.append(result)

    def epoch(self, result: EpochResult) -> None:
        if result.epoch == self.crash_before_commit_of:
            raise Crash
        self.epochs.append(result)

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        self.notes.update(facts)

    @property
    def history(self) -> list[dict[str, float]]:
        return [result.metrics for result in self.epochs]


def make_items(items: int, *, seed: int, side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    masks = np.zeros((items, side, side), np.uint8)
    for mask in masks:
        row, column = rng.integers(8, side - 8, size=2)
        mask[(rows - row) ** 2 + (columns - column) ** 2 < rng.integers(10, 50)] = 1
    images = 0.3 * rng.random((items, side, side, 3)) + 0.6 * masks[..., None]
    return images.astype(np.float32), masks


def make_data(*, training_items: int = 10, validation_items: int = 5) -> TrainingData:
    return TrainingData(*make_items(training_items, seed=1), *make_items(validation_items, seed=2))


def make_config(
    architecture: Architecture = Architecture.UNET,
    *,
    batch_size: int = 4,
    learning_rate: float = 1e-2,
    batchnorm_momentum: float = 0.9,
    base_filters: int = 2,
    network: Mapping[str, Any] = MappingProxyType({}),
    loss: LossSpec | None = None,
    **training: Any,
) -> RunConfig:
    return RunConfig(
        model=ModelSpec(architecture=architecture, batch_size=batch_size, learning_rate=learning_rate),
        network=NetworkSpec(**{"base_filters": base_filters, "batchnorm_momentum": batchnorm_momentum, **network}),
        loss=loss or LossSpec(),
        image=ImageSpec(height=32, width=32, channels=3),
        training=TrainingSpec(**training),
    )


def run_training(
    config: RunConfig, folder: Path, *, recorder: ListRecorder, data: TrainingData | None = None, **arguments: Any
) -> TrainingOutcome:
    choices: dict[str, Any] = {"sample_items": (), "should_stop": lambda: False} | arguments
    return train(config, data or make_data(), recorder=recorder, checkpoint_dir=folder, **choices)
