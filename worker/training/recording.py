"""The protocol through which the engine tells the world what it does.

The engine knows no database: a `Recorder` that raises stops the training, and an epoch counts as committed
when `Recorder.epoch` has returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import Baselines, ConfusionCounts


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What is known before the first step.

    Parameters
    ----------
    parameters, trainable_parameters, batchnorm_layers : int
        Size of the model.
    device : str
        Line of `describe_devices` that the training runs on.
    steps_per_epoch : int
        Batches an epoch, the last partial one included.
    baselines : Baselines
        Of the validation masks.
    training_items, validation_items : int
        Number of images.
    validation_pixels, validation_foreground_pixels : int
        Over all validation masks.
    training_foreground : float
        Share of the pixels of all training masks that is foreground, from which a class balance may be taken.
    precision : str
        The `Precision` that the model computes with.
    replicas : int
        Devices that share each batch.
    test_items : int
        Number of images that are looked at after the last epoch.
    """

    parameters: int
    trainable_parameters: int
    batchnorm_layers: int
    device: str
    steps_per_epoch: int
    baselines: Baselines
    training_items: int
    validation_items: int
    validation_pixels: int
    validation_foreground_pixels: int
    training_foreground: float
    precision: str = "float32"
    replicas: int = 1
    test_items: int = 0


@dataclass(frozen=True, slots=True)
class StepResult:
    """One optimizer step.

    Parameters
    ----------
    step : int
        Global, from 1.
    epoch : int
        From 1.
    loss, jaccard : float
        Of this batch, in train mode (batch statistics), before the step's update.
    learning_rate : float
    images_per_second : float
        Over the last few steps of this epoch.
    elapsed_seconds : float
        Since this attempt's start.
    """

    step: int
    epoch: int
    loss: float
    jaccard: float
    learning_rate: float
    images_per_second: float
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class SamplePrediction:
    """What the model predicts for one chosen validation item.

    Parameters
    ----------
    item_index : int
        Index into the validation arrays.
    probability : ndarray of uint8, shape (height, width)
        See `worker.training.probability_codec`.
    counts : ConfusionCounts
        Of this item.
    """

    item_index: int
    probability: NDArray[np.uint8]
    counts: ConfusionCounts


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One epoch, after its validation; its checkpoint is on disk when the recorder sees it.

    Parameters
    ----------
    epoch : int
        From 1.
    step : int
        Last global step of the epoch.
    metrics : dict of str to float
        Every column of `app.domain.history.HISTORY_COLUMNS` but ``epoch``. `learning_rate` is that of the epoch's
        last step.
    seconds : float
        Training and validation together. The checkpoint is written while the next epoch trains.
    data_wait_seconds : float
        How long the training waited for its batches.
    samples : tuple of SamplePrediction
    histograms : ndarray of uint32, shape (validation items, 2, 256)
        Probabilities of each validation item; see `app.domain.probability_histogram`.
    is_best : bool
        Whether this epoch is the best so far; see `worker.training.best_epoch`.
    best_val_jaccard : float
    best_epoch : int
        The first epoch with `best_val_jaccard`.
    """

    epoch: int
    step: int
    metrics: dict[str, float]
    seconds: float
    data_wait_seconds: float
    samples: tuple[SamplePrediction, ...]
    histograms: NDArray[np.uint32]
    is_best: bool
    best_val_jaccard: float
    best_epoch: int


class Recorder(Protocol):
    """Receives a training's results, in order, on the training thread.

    Steps of the next epoch are held back until an epoch is committed.
    """

    def started(self, facts: TrainingFacts) -> None:
        """Take the facts, once for each attempt, before the first step."""

    def step(self, result: StepResult) -> None:
        """Take a step; must be quick, the device waits."""

    def epoch(self, result: EpochResult) -> None:
        """Commit an epoch; when this returns, a resume will start from it."""

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        """Take facts that are found on the way; a later value replaces an earlier one of the same name."""
