"""When to lower the learning rate: the validation loss has not fallen for `patience` epochs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.domain.history import JsonNumber, number_from_json, number_to_json

#: A loss must fall by more than this to count as lower.
MIN_DELTA = 1e-4


class ReduceLearningRate:
    """Keras' ``ReduceLROnPlateau(monitor="val_loss", mode="min", cooldown=0)`` without a model.

    Two differences: NaN is never an improvement (Keras takes a first NaN as the best and then never
    improves on it), and a patience of 0 switches it off.

    Parameters
    ----------
    factor : float
        What the rate is multiplied by.
    patience : int
        Epochs without a lower loss after which the rate drops.
    min_learning_rate : float
        The rate never drops below this.
    """

    def __init__(self, *, factor: float, patience: int, min_learning_rate: float) -> None:
        self.factor = factor
        self.patience = patience
        self.min_learning_rate = min_learning_rate
        self.best: float | None = None
        self.wait = 0

    def update(self, loss: float, *, learning_rate: float) -> float:
        """Take an epoch's loss and return the learning rate of the next epoch.

        `learning_rate` is the optimizer's present one (a float32 value).
        """
        improved = loss == loss if self.best is None else loss + MIN_DELTA < self.best
        if improved:
            self.best, self.wait = loss, 0
            return learning_rate
        self.wait += 1
        # The optimizer holds float32: compared as float64, a rate at the floor would "drop" for ever.
        if 0 < self.patience <= self.wait and learning_rate > np.float32(self.min_learning_rate):
            self.wait = 0
            return max(learning_rate * self.factor, self.min_learning_rate)
        return learning_rate

    def state(self) -> dict[str, JsonNumber]:
        """Return all that `restore` needs, as JSON can carry it."""
        return {"best": number_to_json(self.best), "wait": self.wait}

    def restore(self, state: Mapping[str, JsonNumber]) -> None:
        """Continue from another object's `state`."""
        self.best = number_from_json(state["best"])
        self.wait = int(state["wait"] or 0)
