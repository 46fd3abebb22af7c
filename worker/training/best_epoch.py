"""Which epoch is the best: the one whose checkpoint is kept as `best.keras`."""

from __future__ import annotations

from collections.abc import Mapping

from app.diagnosis.run_context import RunContext
from app.diagnosis.trivial_baseline import classify
from app.domain.history import JsonNumber, number_from_json, number_to_json
from app.domain.metrics import Baselines


class BestEpoch:
    """Keeps the highest validation Jaccard after the warm-up that is not the score of a trivial predictor.

    An epoch does not count if its prediction is everything or nothing, or if its score is not above 1.05 times that of
    painting everything foreground (the same limits as the findings use). While no epoch counts, the plain highest
    score is the best, so that there always is one; `beats_baseline` then is false.

    Parameters
    ----------
    baselines : Baselines
        Of the validation masks.
    warmup_epochs : int
        The first epochs never count.
    """

    def __init__(self, baselines: Baselines, *, warmup_epochs: int) -> None:
        self._context = RunContext(baselines=baselines)
        self._warmup_epochs = warmup_epochs
        self.epoch = 0
        self.value: float | None = None
        self.beats_baseline = False

    def update(self, epoch: int, *, val_jaccard: float, predicted_foreground: float) -> bool:
        """Take an epoch's validation and return whether it is the best so far."""
        counts = (
            epoch > self._warmup_epochs
            and val_jaccard == val_jaccard
            and not self._context.is_trivial_score(val_jaccard)
            and classify(validation=val_jaccard, predicted=predicted_foreground, context=self._context) is None
        )
        if counts and not self.beats_baseline:
            improved = True
        elif self.beats_baseline and not counts:
            improved = False
        else:
            improved = val_jaccard == val_jaccard if self.value is None else val_jaccard > self.value
        if improved:
            self.epoch, self.value, self.beats_baseline = epoch, val_jaccard, counts
        return improved

    def state(self) -> dict[str, JsonNumber]:
        """Return all that `restore` needs, as JSON can carry it."""
        return {"epoch": self.epoch, "value": number_to_json(self.value), "beats_baseline": self.beats_baseline}

    def restore(self, state: Mapping[str, JsonNumber]) -> None:
        """Continue from another object's `state`."""
        self.epoch = int(state["epoch"] or 0)
        self.value = number_from_json(state["value"])
        self.beats_baseline = bool(state["beats_baseline"])
