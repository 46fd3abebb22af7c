"""Floor inversion: a score without a hit tells its ε and the number of foreground pixels."""

from __future__ import annotations

from app.diagnosis.forensics.reading import EPSILONS, Reading
from app.diagnosis.forensics.statement import Certainty, Scalar, Statement
from app.diagnosis.forensics.trivial_epochs import emptiest
from app.diagnosis.forensics.wording import listed_epochs, share
from app.domain.metrics import REFERENCE_EPSILON

#: float32 keeps seven digits of the score; the union inherits them.
RELATIVE_PRECISION = 3e-7


def state_floor(reading: Reading) -> Statement | None:
    """State what the metric's floor proves; None if the history never touched it.

    A smoothed Jaccard (I + ε) / (U + ε) without a hit, I = 0, leaves v = ε / (U + ε), hence U = ε (1/v − 1). If the
    prediction is empty, U is the foreground of the masks.
    """
    if not reading.floor:
        return None
    one = emptiest(reading.floor)
    repeats = sum(other.jaccard == one.jaccard for other in reading.floor)
    epochs = listed_epochs([other.epoch for other in reading.floor])
    candidates: list[dict[str, Scalar]] = []
    for tried in EPSILONS:
        pixels = reading.union(tried) or 0.0
        candidates.append(
            {
                "epsilon": tried,
                "foreground_pixels": round(pixels),
                "foreground_fraction": None if reading.pixels is None else pixels / reading.pixels,
                "plausible": reading.is_plausible(tried),
            }
        )
    epsilon, union = reading.epsilon, reading.foreground_pixels
    if epsilon is None or union is None:
        return Statement(
            claim=f"Validation Jaccard has a floor of {one.jaccard:.6g} ({epochs}), which none of the usual ε "
            "explains.",
            certainty=Certainty.POSSIBLE,
            arithmetic=f"U = ε (1/v − 1) with v = {one.jaccard:.10g}, for ε = {_list_of_epsilons()}.",
            uncertainty="The metric may be smoothed in another way.",
            alternatives=("A real, tiny score.",),
            values={"floor": one.jaccard, "epochs": len(reading.floor), "candidates": candidates},
        )
    others = [candidate for candidate in candidates if candidate["plausible"] and candidate["epsilon"] != epsilon]
    excluded = [candidate for candidate in candidates if not candidate["plausible"]]
    is_exact = repeats > 1 or (reading.empty_accuracy is not None and _has_best_accuracy(reading))
    claim = (
        f"In {epochs} not one foreground pixel was hit: {one.jaccard:.10g} is the floor of a Jaccard smoothed with ε = "
        f"{epsilon:g}, the score of an empty prediction on masks with {round(union):,} foreground pixels"
        + (" a batch (their harmonic mean)" if reading.is_batch_mean else "")
    )
    if not is_exact:
        claim += " at most (the prediction may have held some false ones)"
    arithmetic = (
        f"(0 + ε)/(U + ε) = v gives U = ε (1/v − 1) = {epsilon:g} × (1/{one.jaccard:.10g} − 1) = {union:,.1f} pixels."
    )
    if reading.pixels is not None:
        arithmetic += f" Of {reading.pixels:,} validation pixels that is {share(union / reading.pixels)}."
    if excluded:
        arithmetic += (
            " Excluded: "
            + "; ".join(
                f"ε = {entry['epsilon']:g} would need {entry['foreground_pixels']:,} pixels" for entry in excluded
            )
            + "."
        )
    alternatives = [
        *(f"ε = {entry['epsilon']:g} with {entry['foreground_pixels']:,} foreground pixels." for entry in others),
        "If the metric is a mean over batches, the figure is the harmonic mean of the batches' foreground pixels.",
        "A prediction that is not empty but misses every object: U then counts its pixels too, and varies by epoch.",
        "Masks without any foreground: U then counts the predicted pixels, and varies by epoch.",
    ]
    is_sure = reading.is_confirmed(epsilon) or (not others and epsilon == REFERENCE_EPSILON)
    certain = Certainty.PROVED if is_sure else Certainty.LIKELY
    if epsilon == max(EPSILONS) and not is_sure:
        certain = Certainty.POSSIBLE
        alternatives.insert(0, "A real score: a few pixels hit, the same ones in every such epoch.")
    return Statement(
        claim=f"{claim}.",
        certainty=certain,
        arithmetic=arithmetic,
        uncertainty=(
            f"± {max(1.0, RELATIVE_PRECISION * union):.0f} pixel from float32"
            + ("." if is_sure else f"; the choice of ε = {epsilon:g} rests on custom.")
        ),
        alternatives=tuple(alternatives),
        values={
            "floor": one.jaccard,
            "epsilon": epsilon,
            "foreground_pixels": round(union),
            "foreground_pixels_exact": union,
            "is_per_batch": reading.is_batch_mean,
            "foreground_fraction": None if reading.pixels is None else union / reading.pixels,
            "epochs": len(reading.floor),
            "first_epoch": reading.floor[0].epoch,
            "candidates": candidates,
        },
    )


def _has_best_accuracy(reading: Reading) -> bool:
    """Whether no other floor epoch has a higher accuracy: each false positive would cost some."""
    accuracy = emptiest(reading.floor).accuracy
    return len(reading.floor) > 1 and all(one.accuracy <= accuracy for one in reading.floor)


def _list_of_epsilons() -> str:
    return ", ".join(f"{epsilon:g}" for epsilon in EPSILONS)
