"""Fractional mask pixels: the accuracies of the two trivial predictions do not sum to one."""

from __future__ import annotations

import math

from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Json, Statement
from app.diagnosis.forensics.trivial_epochs import TrivialEpoch, fullest, validation_epochs
from app.diagnosis.forensics.wording import share

#: Below this share nothing is claimed: an epoch that is not quite full or empty leaves as much.
LEAST_SHARE = 0.005

#: Without a floor epoch, one with a Jaccard below this stands in for the empty prediction: at most so many of the
#: union's pixels were hit.
NEARLY_EMPTY = 0.001

#: How far an integer number of pixels may seem off for float32.
INTEGER_TOLERANCE = 3e-7

REMEDY = "Masks that were resized with interpolation look so; resize them with nearest neighbour, or binarise them."


def state_fractional(reading: Reading) -> Statement | None:
    """State which share of the mask pixels is neither 0 nor 1; None if the history cannot tell.

    Keras' binary accuracy asks whether the mask *equals* the thresholded prediction. Everything foreground is right on
    the pixels that are 1, nothing on those that are 0: of binary masks the two accuracies sum to 1, and what is missing
    is the share of fractional pixels.
    """
    empty = _empty(reading)
    if empty is not None and reading.full:
        return _from_both(reading, empty=empty, full=fullest(reading.full))
    if empty is not None and math.isfinite(empty.accuracy):
        return _from_floor(reading, empty=empty)
    if reading.has_full_plateau:
        return _from_plateau(fullest(reading.full))
    return None


def _empty(reading: Reading) -> TrivialEpoch | None:
    candidates = [
        one
        for one in (reading.floor or validation_epochs(reading.history))
        if one.jaccard <= NEARLY_EMPTY and math.isfinite(one.accuracy)
    ]
    return max(candidates, key=lambda one: one.accuracy, default=None)


def _from_both(reading: Reading, *, empty: TrivialEpoch, full: TrivialEpoch) -> Statement:
    missing = 1 - empty.accuracy - full.accuracy
    arithmetic = (
        f"Accuracy of nothing, {empty.accuracy:.4f} (epoch {empty.epoch}), and of everything, {full.accuracy:.4f} "
        "(epoch "
        f"{full.epoch}), sum to {empty.accuracy + full.accuracy:.4f} instead of 1: 1 − {empty.accuracy:.4f} − "
        f"{full.accuracy:.4f} = {missing:.4f}."
    )
    slack = 0.0 if empty.jaccard <= 1e-6 else empty.jaccard
    values: dict[str, Json] = {
        "share": max(missing, 0.0),
        "accuracy_empty": empty.accuracy,
        "accuracy_all_foreground": full.accuracy,
        "sum_of_accuracies": empty.accuracy + full.accuracy,
    }
    union = reading.foreground_pixels
    if union is not None and union < 0.1 / INTEGER_TOLERANCE:
        is_whole = abs(union - round(union)) <= max(0.02, INTEGER_TOLERANCE * union)
        arithmetic += (
            f" The floor's {union:,.2f} foreground pixels are {'a' if is_whole else 'no'} whole number, as binary "
            "masks "
            f"in one batch {'have' if is_whole else 'would have'}."
        )
    if missing < LEAST_SHARE:
        return Statement(
            claim="The validation masks are binary: the accuracies of the two trivial predictions sum to 1.",
            certainty=Certainty.LIKELY,
            arithmetic=arithmetic.replace(" instead of 1", ""),
            uncertainty=(
                "An epoch that is not quite full raises the sum, and may hide fractional pixels of the same share: "
                f"{share(max(0.0, -missing) + LEAST_SHARE)} cannot be excluded."
            ),
            values={**values, "share": 0.0},
        )
    return Statement(
        claim=f"About {share(missing)} of the validation mask pixels are neither 0 nor 1. {REMEDY}",
        certainty=Certainty.PROVED if slack == 0 and reading.has_full_plateau else Certainty.LIKELY,
        arithmetic=arithmetic,
        uncertainty=(
            "At least this share: background that was still predicted right in the fullest epoch would raise the sum"
            + (f"; and up to {slack:.2g} less, because the emptiest epoch had hits." if slack else ".")
        ),
        alternatives=(
            "An accuracy that is not an equality (a custom one), or a mask with a third value, such as an ignore "
            "label.",
        ),
        values=values,
    )


def _from_floor(reading: Reading, *, empty: TrivialEpoch) -> Statement | None:
    """Compare what is not 0 in the masks with their sum: fractional pixels count in one fully, in the other partly."""
    if reading.foreground_pixels is None or reading.pixels is None or not reading.floor:
        return None
    not_zero = 1 - empty.accuracy
    mean = reading.foreground_pixels / reading.pixels
    missing = not_zero - mean
    # A mean over two batches or more lowers the inverted floor at least by half.
    if missing < LEAST_SHARE or mean < 0.5 * not_zero:
        return None
    return Statement(
        claim=f"At least {share(missing)} of the validation mask pixels are neither 0 nor 1. {REMEDY}",
        certainty=Certainty.LIKELY,
        arithmetic=(
            f"The empty prediction is right on the pixels that are 0, so that {share(not_zero)} are not (1 − "
            f"{empty.accuracy:.4f}). The floor says that the masks sum to {share(mean)} of all pixels. Each fractional "
            f"pixel accounts for less than 1 of the difference, {share(missing)}."
        ),
        uncertainty="A lower bound; the true share may be twice as large.",
        alternatives=("A Jaccard that is a mean over batches of very unequal foreground.",),
        values={"share": missing, "accuracy_empty": empty.accuracy, "is_lower_bound": True},
    )


def _from_plateau(full: TrivialEpoch) -> Statement | None:
    missing = full.jaccard - full.accuracy
    if missing < LEAST_SHARE:
        return None
    return Statement(
        claim=f"At least {share(missing)} of the validation mask pixels are neither 0 nor 1. {REMEDY}",
        certainty=Certainty.LIKELY,
        arithmetic=(
            f"Of binary masks an all-foreground prediction has accuracy = Jaccard = Σy/N. In epoch {full.epoch} "
            "accuracy "
            f"is {full.accuracy:.4f} (the pixels that are 1) and Jaccard {full.jaccard:.4f} (their sum): the "
            "fractional "
            f"pixels add {missing:.4f}, each less than 1."
        ),
        uncertainty="A lower bound; the true share may be twice as large.",
        alternatives=("A Jaccard that is a mean over batches of very unequal foreground.",),
        values={"share": missing, "accuracy_all_foreground": full.accuracy, "is_lower_bound": True},
    )
