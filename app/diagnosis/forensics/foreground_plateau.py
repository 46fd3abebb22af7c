"""Foreground plateau: the score of painting everything, which is the share of foreground in the masks."""

from __future__ import annotations

from app.diagnosis.forensics.baseline import BaselineSource, InferredBaseline
from app.diagnosis.forensics.reading import PLATEAU_EPOCHS, SAME, Reading
from app.diagnosis.forensics.statement import Certainty, Json, Statement
from app.diagnosis.forensics.trivial_epochs import fullest, true_negative_share, validation_epochs
from app.diagnosis.forensics.wording import listed_epochs, share

#: Best epochs up to this factor above the plateau are named with it: the report's ResUNet had 1.12 in one epoch.
NEAR_BEST = 1.25

_COUNTED = frozenset({BaselineSource.FLOOR_CONFIRMED, BaselineSource.FLOOR, BaselineSource.EMPTY_ACCURACY})


def state_plateau(reading: Reading, baseline: InferredBaseline | None) -> Statement | None:
    """State what painting everything foreground scores, and whether the best epoch is any better.

    An all-foreground prediction hits all Σy foreground pixels and unites with all N: its Jaccard is Σy / N. Where
    several epochs show it, it is read from them; else it follows from the floor or the empty prediction's accuracy.
    """
    if reading.has_full_plateau:
        return _from_epochs(reading)
    if baseline is None or baseline.source not in _COUNTED:
        return None
    return _from_counts(reading, baseline)


def _from_epochs(reading: Reading) -> Statement:
    one = fullest(reading.full)
    plateau = [other for other in reading.full if abs(other.jaccard - one.jaccard) <= SAME * one.jaccard]
    claim = (
        f"In {listed_epochs([other.epoch for other in plateau])} validation painted everything foreground: Jaccard "
        f"{one.jaccard:.4f} is the share of foreground in the validation masks, which needs no network."
    )
    arithmetic = (
        f"From Jaccard J and accuracy A follows the share of true negatives (A − J)/(1 − J); in epoch {one.epoch} that "
        f"is ({one.accuracy:.4f} − {one.jaccard:.4f})/(1 − {one.jaccard:.4f}) = {true_negative_share(one):.3f}: no "
        "background was predicted right, and J = Σy/N."
    )
    pixels = None if reading.pixels is None else one.jaccard * reading.pixels
    agreement = None
    if pixels is not None:
        arithmetic += f" {one.jaccard:.7g} × {reading.pixels:,} pixels = {round(pixels):,} foreground pixels"
        if reading.foreground_pixels is not None:
            agreement = pixels / reading.foreground_pixels - 1
            arithmetic += f"; the floor gives {round(reading.foreground_pixels):,} ({agreement:+.2%})"
        arithmetic += "."
    spread = max(abs(other.jaccard - one.jaccard) for other in plateau)
    agrees = agreement is not None and abs(agreement) <= SAME
    best, sentence = _best(reading, one.jaccard)
    return Statement(
        claim=claim + sentence,
        certainty=Certainty.PROVED if agrees or len(plateau) > PLATEAU_EPOCHS else Certainty.LIKELY,
        arithmetic=arithmetic,
        uncertainty=f"The {len(plateau)} epochs of the plateau differ by up to {spread:.2g}.",
        alternatives=(
            "If the metric is a mean over batches, the figure is the mean of the batches' shares.",
            "Many fractional mask pixels lower accuracy, so that an epoch may look fuller than it was.",
        ),
        values={
            "value": one.jaccard,
            "epochs": len(plateau),
            "first_epoch": plateau[0].epoch,
            "last_epoch": plateau[-1].epoch,
            "accuracy": one.accuracy,
            "foreground_pixels": None if pixels is None else round(pixels),
            "deviation_from_floor": agreement,
            **best,
        },
    )


def _from_counts(reading: Reading, baseline: InferredBaseline) -> Statement:
    level = baseline.all_foreground
    from_floor = baseline.source is not BaselineSource.EMPTY_ACCURACY
    if from_floor and reading.foreground_pixels is not None and reading.pixels is not None:
        arithmetic = (
            f"The floor's {reading.foreground_pixels:,.0f} foreground pixels of {reading.pixels:,} are {share(level)}."
        )
        uncertainty = "Exact, if the floor was that of an empty prediction in one batch."
    else:
        arithmetic = f"The empty prediction's accuracy is {1 - level:.4f}: the other {share(level)} of the mask "
        "pixels are foreground."
        uncertainty = "Exact for binary masks; fractional pixels would make the true figure smaller."
    best, sentence = _best(reading, level)
    return Statement(
        claim=f"Painting everything foreground would score {level:.4f} on the validation masks.{sentence}",
        certainty=Certainty.PROVED if baseline.source is BaselineSource.FLOOR_CONFIRMED else Certainty.LIKELY,
        arithmetic=arithmetic,
        uncertainty=uncertainty,
        alternatives=("If the metric is a mean over batches, the score would be the mean of the batches' shares.",),
        values={"value": level, "epochs": len(reading.full), **best},
    )


def _best(reading: Reading, level: float) -> tuple[dict[str, Json], str]:
    """Compare the best epoch with the all-foreground score."""
    best = max(validation_epochs(reading.history), key=lambda other: other.jaccard)
    is_near = best.jaccard <= NEAR_BEST * level
    values: dict[str, Json] = {
        "best_epoch": best.epoch,
        "best_val_jaccard": best.jaccard,
        "best_epoch_is_meaningless": is_near,
    }
    if not is_near:
        return values, ""
    relation = "below it" if best.jaccard < level else "hardly above it"
    return values, (
        f" The best epoch ({best.epoch}, {best.jaccard:.4f}) is {relation}: this training has no peak, and choosing a "
        "checkpoint by the best epoch is meaningless."
    )
