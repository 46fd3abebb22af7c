"""When to end a run: the validation Jaccard has not improved for `patience` epochs."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.history import JsonNumber, number_from_json, number_to_json


class EarlyStopping:
    """Keras' ``EarlyStopping(monitor="val_jaccard", mode="max", min_delta=0)`` without a model.

    Two differences: NaN is never an improvement (Keras takes a first NaN as the best and then never
    improves on it), and a patience of 0 switches stopping off while the best epoch is still tracked.

    Parameters
    ----------
    patience : int
        Epochs without an improvement after which `should_stop` is true.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best: float | None = None
        self.best_epoch = 0
        self.wait = 0

    @property
    def should_stop(self) -> bool:
        """Whether the patience has run out."""
        return 0 < self.patience <= self.wait

    def update(self, epoch: int, value: float) -> bool:
        """Take an epoch's value and return whether it is the best so far."""
        improved = value == value if self.best is None else value > self.best
        if improved:
            self.best, self.best_epoch, self.wait = value, epoch, 0
        else:
            self.wait += 1
        return improved

    def state(self) -> dict[str, JsonNumber]:
        """Return all that `restore` needs, as JSON can carry it."""
        return {"best": number_to_json(self.best), "best_epoch": self.best_epoch, "wait": self.wait}

    def restore(self, state: Mapping[str, JsonNumber]) -> None:
        """Continue from another object's `state`."""
        self.best = number_from_json(state["best"])
        self.best_epoch = int(state["best_epoch"] or 0)
        self.wait = int(state["wait"] or 0)
