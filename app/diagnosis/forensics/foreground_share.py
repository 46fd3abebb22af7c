"""Foreground share: bounds from Jaccard and accuracy, which every epoch tightens."""

from __future__ import annotations

import math

from app.diagnosis.forensics.fractional_masks import state_fractional
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.forensics.trivial_epochs import validation_epochs
from app.diagnosis.forensics.wording import share
from app.diagnosis.wording import score


def state_share(reading: Reading) -> Statement | None:
    """State between which bounds the share of foreground lies, from Jaccard and accuracy of all epochs.

    From J = TP/U and A follow the wrong pixels, (1 − A) N, and the hits, TP/N = J (1 − A)/(1 − J). The foreground is
    the hits and some part of what is wrong, so that it lies between TP/N and TP/N + 1 − A; all epochs must agree.
    """
    fractional = state_fractional(reading)
    if fractional is not None and fractional.values.get("share"):
        # Accuracy then counts pixels as wrong that no prediction could get right.
        return None
    epochs = [
        one
        for one in validation_epochs(reading.history)
        if math.isfinite(one.accuracy) and 0 <= one.jaccard < 1 and 0 <= one.accuracy < 1
    ]
    if not epochs:
        return None
    hits = [one.jaccard * (1 - one.accuracy) / (1 - one.jaccard) for one in epochs]
    lower_epoch = max(range(len(epochs)), key=hits.__getitem__)
    uppers = [hit + 1 - one.accuracy for hit, one in zip(hits, epochs, strict=True)]
    upper_epoch = min(range(len(epochs)), key=uppers.__getitem__)
    lower, upper = hits[lower_epoch], uppers[upper_epoch]
    if not 0 < lower <= upper:
        return None
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    low, high = epochs[lower_epoch], epochs[upper_epoch]
    return Statement(
        claim=(
            f"Between {share(lower)} and {share(upper)} of the validation pixels are foreground; painting everything "
            f"would score about {score(middle)}."
        ),
        certainty=Certainty.LIKELY,
        arithmetic=(
            f"Hits TP/N = J (1 − A)/(1 − J), foreground between TP/N and TP/N + 1 − A. Epoch {low.epoch}: J = "
            f"{low.jaccard:.4f}, A = {low.accuracy:.4f}, at least {share(lower)}. Epoch {high.epoch}: J = "
            f"{high.jaccard:.4g}, A = {high.accuracy:.4f}, at most {share(upper)}."
        ),
        uncertainty=f"± {share(half)}, if the masks are binary and Jaccard comes from counts over the whole set.",
        alternatives=("A Jaccard that is a mean over batches shifts both bounds a little.",),
        values={"lower": lower, "upper": upper, "value": middle},
    )
