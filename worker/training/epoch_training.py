"""The steps of one epoch: hand batches to the device, fetch what they gave, report it."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from app.domain.metrics import ConfusionCounts
from worker.training.counts import as_counts, total
from worker.training.learning_rate import LearningRate
from worker.training.optimization import TrainingStep
from worker.training.recording import StepResult
from worker.training.training_items import TrainingItems

#: Steps over which `images_per_second` is measured.
RATE_WINDOW_STEPS = 8


@dataclass(frozen=True, slots=True)
class EpochTotals:
    """What the steps of one epoch add up to.

    Parameters
    ----------
    loss : float
        Mean over the items, in train mode.
    counts : ConfusionCounts
        Summed over the items, in train mode.
    learning_rate : float
        Of the last step.
    data_wait_seconds : float
        How long the training waited for its batches.
    """

    loss: float
    counts: ConfusionCounts
    learning_rate: float
    data_wait_seconds: float


@dataclass(frozen=True, slots=True)
class _Unread:
    """A step that was handed to the device and whose numbers were not fetched yet."""

    loss: tf.Tensor
    counts: tf.Tensor
    learning_rate: float
    images_per_second: float


class EpochTrainer:
    """Trains a model epoch by epoch.

    Parameters
    ----------
    training_step : callable
        Of `make_training_step` for `optimizer`.
    report : callable
        Hears of every step, in order.
    between_steps : callable
        Called after each step was handed to the device; must be quick. Returns whether to stop.
    step : int
        The last global step that was taken before.
    started_at : float
        On the performance counter; what `elapsed_seconds` counts from.
    """

    def __init__(
        self,
        items: TrainingItems,
        *,
        training_step: TrainingStep,
        optimizer: keras.optimizers.Optimizer,
        learning_rate: LearningRate,
        report: Callable[[StepResult], None],
        between_steps: Callable[[], bool],
        step: int,
        started_at: float,
    ) -> None:
        self.step = step
        self._items = items
        self._training_step = training_step
        self._optimizer = optimizer
        self._learning_rate = learning_rate
        self._report = report
        self._between_steps = between_steps
        self._started_at = started_at
        self._rate_of_optimizer: float | None = None

    def train(self, epoch: int) -> EpochTotals | None:
        """Train one epoch; None if `between_steps` said to stop on the way.

        A step's numbers are fetched after the next step was handed to the device: fetching at once would make
        a GPU wait for Python after every step.
        """
        losses: list[float] = []
        sizes: list[int] = []
        step_counts: list[ConfusionCounts] = []
        rate = 0.0
        data_wait_seconds = 0.0
        unread: _Unread | None = None
        # (time, images of the epoch until then): an entry for the window's start and one for each step in it.
        progress = deque([(time.perf_counter(), 0)], maxlen=RATE_WINDOW_STEPS + 1)

        def read(fetched: _Unread) -> None:
            losses.append(float(fetched.loss.numpy()))
            step_counts.append(as_counts(fetched.counts.numpy()))
            self.step += 1
            self._report(
                StepResult(
                    step=self.step,
                    epoch=epoch,
                    loss=losses[-1],
                    jaccard=step_counts[-1].jaccard,
                    learning_rate=fetched.learning_rate,
                    images_per_second=fetched.images_per_second,
                    elapsed_seconds=time.perf_counter() - self._started_at,
                )
            )

        with contextlib.closing(self._items.batches(epoch)) as batches:
            for batch in batches:
                if self._between_steps():
                    return None
                data_wait_seconds += batch.waited_seconds
                rate = self._set_learning_rate(self.step + (1 if unread is None else 2))
                loss, counts = self._training_step(batch.images, batch.masks)
                sizes.append(len(batch))
                progress.append((time.perf_counter(), sum(sizes)))
                seconds = progress[-1][0] - progress[0][0]
                images_per_second = (progress[-1][1] - progress[0][1]) / seconds if seconds > 0 else 0.0
                if unread is not None:
                    read(unread)
                unread = _Unread(loss, counts, rate, images_per_second)
        if unread is not None:
            read(unread)
        mean_loss = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
        return EpochTotals(mean_loss, total(step_counts), rate, data_wait_seconds)

    def _set_learning_rate(self, step: int) -> float:
        rate = self._learning_rate.at(step)
        if rate != self._rate_of_optimizer:
            self._optimizer.learning_rate = rate
            self._rate_of_optimizer = rate
        return rate
