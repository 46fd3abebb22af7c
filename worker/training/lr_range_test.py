"""Which learning rate to start with: a short training over rates that rise exponentially.

References
----------
Smith 2017, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count

import keras
import numpy as np
from numpy.typing import NDArray

from app.domain.configuration import Precision, RunConfig
from worker.training.assembly import assemble_model, seed_dropout
from worker.training.data import TrainingData
from worker.training.errors import TrainingError
from worker.training.losses.building import make_loss
from worker.training.losses.objective import make_objective
from worker.training.optimization import make_training_step
from worker.training.pipeline import Batch
from worker.training.training_items import TrainingItems

#: Share of the past in the smoothed loss.
SMOOTHING = 0.9

#: The test ends early when the smoothed loss is above this multiple of its lowest value.
DIVERGED = 4.0

#: A loss that falls by less than this share of its first value shows no rate at which anything is learned.
LEAST_FALL = 0.05


@dataclass(frozen=True, slots=True)
class LearningRateRange:
    """What a range test saw.

    Parameters
    ----------
    rates : ndarray of float64, shape (steps,)
        Learning rate of each step that was taken, ascending.
    losses : ndarray of float64, shape (steps,)
        Smoothed loss before each step.
    suggestion : float or None
        Where the smoothed loss falls fastest along the logarithm of the rate; None if it hardly falls anywhere.
    diverged : bool
        Whether the loss exploded (or was no number any more) before the highest rate.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    suggestion: float | None
    diverged: bool


def lr_range_test(
    config: RunConfig,
    data: TrainingData,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    should_stop: Callable[[], bool] = lambda: False,
) -> LearningRateRange | None:
    """Train a throw-away copy of the configured network, each step with a higher rate than the one before.

    The copy starts at the initial weights that a run of `config` would have, and sees the batches that it would see,
    with its optimizer, loss and augmentation; it computes in float32 on one device. Step i of n has the rate
    ``lowest · (highest / lowest)^(i / (n − 1))``. Nothing outlives the call.

    Parameters
    ----------
    lowest, highest : float
        0 < lowest < highest.
    steps : int
        At least 10.
    should_stop : callable, optional
        Asked before every step.

    Returns
    -------
    LearningRateRange or None
        None if `should_stop` became true.

    Raises
    ------
    TrainingError
        If the bounds make no range.
    """
    if not 0 < lowest < highest or steps < 10:
        raise TrainingError(
            f"Invalid range of learning rates: received {lowest} to {highest} in {steps} steps, expected two positive "
            "ascending rates and at least 10 steps."
        )
    config = config.with_class_balance(data.training_foreground)
    keras.utils.set_random_seed(config.training.seed)
    model = assemble_model(config, precision=Precision.FLOAT32)
    objective = make_objective(model, make_loss(config.loss), auxiliary_weight=config.network.auxiliary_weight)
    training_step = make_training_step(model, objective)
    rates = lowest * (highest / lowest) ** (np.arange(steps) / (steps - 1))
    smoothed: list[float] = []
    average = 0.0
    diverged = False
    batches = _endless_batches(model, config, data)
    try:
        for step, (rate, batch) in enumerate(zip(rates.tolist(), batches, strict=False), start=1):
            if should_stop():
                return None
            model.optimizer.learning_rate = rate
            loss = float(training_step(batch.images, batch.masks)[0].numpy())
            average = SMOOTHING * average + (1 - SMOOTHING) * loss
            value = average / (1 - SMOOTHING**step)
            if not math.isfinite(value) or (smoothed and value > DIVERGED * min(smoothed)):
                diverged = True
                break
            smoothed.append(value)
    finally:
        batches.close()
    losses = np.array(smoothed)
    return LearningRateRange(rates[: len(losses)], losses, suggest_rate(rates[: len(losses)], losses), diverged)


def suggest_rate(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> float | None:
    """Return the rate at which the smoothed loss falls fastest, among those up to its lowest value.

    The slope is that of the loss along log(rate), over two neighbours. At the lowest loss itself, the rate is already
    too high: there, progress and damage balance. A fall of less than 5 % of the first loss gives no suggestion.

    Parameters
    ----------
    rates, losses : ndarray of float64, shape (steps,)
        Ascending rates; smoothed losses, finite.
    """
    if len(losses) < 3:
        return None
    bottom = int(np.argmin(losses))
    if bottom < 2 or losses[0] - losses[bottom] < LEAST_FALL * abs(losses[0]):
        return None
    slopes = np.gradient(losses[: bottom + 1], np.log(rates[: bottom + 1]))
    return float(rates[int(np.argmin(slopes))])


def _endless_batches(model: keras.Model, config: RunConfig, data: TrainingData) -> Generator[Batch]:
    items = TrainingItems(config, data)
    for epoch in count(1):
        seed_dropout(model, seed=config.training.seed, epoch=epoch)
        yield from items.batches(epoch)
