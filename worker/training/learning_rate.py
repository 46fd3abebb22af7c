"""The learning rate of every step: the planned course, and what a plateau has taken from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.domain.configuration import RunConfig
from app.domain.history import JsonNumber
from app.domain.optimization_spec import ScheduleKind
from app.domain.schedules import planned_rate
from worker.training.reduce_lr import ReduceLearningRate


class LearningRate:
    """A pure function of the step and of a small state that a checkpoint carries.

    Parameters
    ----------
    config : RunConfig
        Its schedule, learning rate, and the settings of the plateau.
    steps_per_epoch : int
        Batches an epoch, the last partial one included.
    """

    def __init__(self, config: RunConfig, *, steps_per_epoch: int) -> None:
        self._spec = config.schedule
        self._epochs = config.training.epochs
        self._lowest = config.training.min_learning_rate
        self._steps_per_epoch = steps_per_epoch
        self._highest = _as_float32(config.model.learning_rate)
        self._plateau = ReduceLearningRate(
            factor=config.training.reduce_lr_factor,
            patience=config.training.reduce_lr_patience,
            min_learning_rate=config.training.min_learning_rate,
        )

    def at(self, step: int) -> float:
        """Return the rate of the global step `step` (from 1), exactly as the optimizer will hold it (float32)."""
        return _as_float32(
            planned_rate(
                self._spec,
                step=step,
                steps_per_epoch=self._steps_per_epoch,
                epochs=self._epochs,
                highest=self._highest,
                lowest=self._lowest,
            )
        )

    def epoch_ended(self, epoch: int, val_loss: float) -> None:
        """Take an epoch's validation loss; on a plateau, the rate of the next steps falls. A warm-up does not count."""
        if self._spec.kind is ScheduleKind.PLATEAU and epoch > self._spec.warmup_epochs:
            self._highest = _as_float32(self._plateau.update(val_loss, learning_rate=self._highest))

    def state(self) -> dict[str, JsonNumber]:
        """Return all that `restore` needs, as JSON can carry it."""
        return {"highest": self._highest, **self._plateau.state()}

    def restore(self, state: Mapping[str, JsonNumber]) -> None:
        """Continue from another object's `state`."""
        self._highest = float(state["highest"] or 0.0)
        self._plateau.restore(state)


def _as_float32(value: float) -> float:
    return float(np.float32(value))
