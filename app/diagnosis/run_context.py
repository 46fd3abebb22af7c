"""What the detectors know about a run beside its history, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.domain.batchnorm import BATCHNORM_CONVERGENCE, convergence, initial_share, percent
from app.domain.metrics import Baselines

#: From this training Jaccard on, training has learned something that validation should show.
#: CAUSES, *Trigger*: J_tr ≥ 0.3.
LEARNED_JACCARD = 0.3

#: Where objects are rare, a training Jaccard below 0.3 is learning too: this many times the all-foreground score …
LEARNED_OVER_BASELINE = 2.0
#: … but never less than this, for which noise suffices.
LEARNED_LEAST = 0.05

#: A score up to this factor of the all-foreground baseline is no better than painting everything (the report's
#: "peak" of 0.127539 over its baseline of 0.127283 is 1.002).
TRIVIAL_MARGIN = 1.05

#: Where masks are nearly full there is little room above the baseline: then it is half of the way to 1.
TRIVIAL_ROOM = 0.5

#: Failure that lasts this many epochs is no longer excused by young moving statistics. In the 30 reference histories
#: the longest that healed by itself lasted eleven (20250927-exp-24-attention-unet-lr0.005-bs32, epochs 1 to 11).
WARM_UP_PATIENCE_EPOCHS = 12

#: Healthy networks sat at the floor for 7 to 13 epochs while training was near zero too (CAUSES, *Trigger*).
SLOW_START_EPOCHS = 13


def trivial_limit(all_foreground: float) -> float:
    """Return the Jaccard up to which a score is no better than painting everything foreground.

    Parameters
    ----------
    all_foreground : float
        Score of the all-foreground prediction, 0 to 1.

    Examples
    --------
    >>> round(trivial_limit(0.2), 3), round(trivial_limit(0.98), 3)
    (0.21, 0.99)
    """
    return min(TRIVIAL_MARGIN * all_foreground, all_foreground + TRIVIAL_ROOM * (1 - all_foreground))


@dataclass(frozen=True, slots=True)
class RunContext:
    """Facts about a run that excuse or aggravate what its history shows; every one may be unknown.

    Parameters
    ----------
    baselines : Baselines, optional
        Scores of the trivial predictors on the validation masks.
    planned_updates : int, optional
        Optimizer steps of the whole plan (steps an epoch × epochs).
    batchnorm_momentum : float, optional
        Momentum of the batch normalisations; None if unknown or without such layers.
    steps_per_epoch : int, optional
        Optimizer steps an epoch.
    ended : bool
        Whether no further epoch will come.
    """

    baselines: Baselines | None = None
    planned_updates: int | None = None
    batchnorm_momentum: float | None = None
    steps_per_epoch: int | None = None
    ended: bool = False

    def has_learned(self, training_jaccard: float) -> bool:
        """Whether a training Jaccard shows that the network found something."""
        if training_jaccard >= LEARNED_JACCARD:
            return True
        if self.baselines is None:
            return False
        return training_jaccard >= max(LEARNED_OVER_BASELINE * self.baselines.all_foreground, LEARNED_LEAST)

    def is_trivial_score(self, jaccard: float) -> bool:
        """Whether painting everything foreground is known to score as much."""
        return self.baselines is not None and jaccard <= trivial_limit(self.baselines.all_foreground)

    def is_learned_score(self, validation_jaccard: float) -> bool:
        """Whether a validation Jaccard shows that the network found something: it has learned, and no trivial score."""
        return self.has_learned(validation_jaccard) and not self.is_trivial_score(validation_jaccard)

    def is_warming_up(self, epoch: int) -> bool:
        """Whether the moving statistics are known to be young after `epoch` epochs."""
        if self.batchnorm_momentum is None or self.steps_per_epoch is None:
            return False
        updates = epoch * self.steps_per_epoch
        return convergence(updates=updates, momentum=self.batchnorm_momentum) < BATCHNORM_CONVERGENCE

    def warm_up_sentence(self, epoch: int) -> str:
        """Explain that the statistics are young at `epoch`, and whether waiting can help; empty if they are not."""
        if self.batchnorm_momentum is None or self.steps_per_epoch is None or not self.is_warming_up(epoch):
            return ""
        updates = epoch * self.steps_per_epoch
        kept = initial_share(updates=updates, momentum=self.batchnorm_momentum)
        needed = math.ceil(BATCHNORM_CONVERGENCE / (1 - self.batchnorm_momentum) - 1e-9)
        sentence = (
            f"Batch normalisation's moving statistics, which only validation uses, had {updates} updates by then and "
            f"still held {percent(kept)} of their initial values; they settle after about {needed} updates (epoch "
            f"{math.ceil(needed / self.steps_per_epoch)}). Until then this may heal by itself"
        )
        if self.planned_updates is not None and self.planned_updates < needed:
            return f"{sentence}, but the plan ends after {self.planned_updates} updates, before they settle."
        return f"{sentence}."
