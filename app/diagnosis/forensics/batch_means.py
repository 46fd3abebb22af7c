"""Batch means: whether the logged Jaccard is a mean over batches instead of a count over the whole set."""

from __future__ import annotations

import math

from app.diagnosis.forensics.reading import SAME, Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.quantised_metric import simple_fractions

#: Epochs with simple fractions that are evidence by themselves.
LEAST_FRACTIONS = 2


def state_batches(reading: Reading) -> Statement | None:
    """State whether Jaccard was averaged over batches, and over how many at most; None if nothing tells.

    Keras averages a metric function that returns one number a batch. At the floor each of n batches scores ε/|Y_b|, and
    their mean inverts to the harmonic mean of the |Y_b|. It is at most their arithmetic mean, |Y|/n: hence n ≤ |Y|/U.
    """
    return _from_floor(reading) or _from_fractions(reading)


def _from_floor(reading: Reading) -> Statement | None:
    union, pixels, foreground = reading.foreground_pixels, reading.pixels, reading.foreground_share
    ratio = reading.batches_ratio
    if union is None or pixels is None or foreground is None or ratio is None:
        return None
    total = foreground * pixels
    if foreground == reading.not_zero:
        source = f"the empty prediction's accuracy leaves {foreground:.4f} of the pixels as foreground"
    else:
        source = f"the all-foreground plateau says that {foreground:.4f} of the pixels are foreground"
    arithmetic = (
        f"The floor inverts to {union:,.0f} foreground pixels, while {source}: {total:,.0f} of {pixels:,}. "
        f"|Y|/U = {ratio:.2f}."
    )
    if abs(ratio - 1) <= SAME:
        return Statement(
            claim="Jaccard is no mean over several batches: one batch held the whole validation set, or counts "
            "were summed.",
            certainty=Certainty.PROVED,
            arithmetic=arithmetic + " Batches would lower U at least by half.",
            uncertainty=f"The two figures agree within {abs(ratio - 1):.2%}.",
            values={"is_mean_over_batches": False, "batches_at_most": 1, "ratio": ratio},
        )
    if not reading.is_batch_mean:
        return None
    most = math.floor(ratio * (1 + SAME))
    pair = _two_batches(total, union) if most == 2 else None
    if pair is not None:
        arithmetic += (
            f" Two numbers with the sum {total:,.0f} and the harmonic mean {union:,.0f} are {pair[0]:,} and "
            f"{pair[1]:,}: "
            "the foreground of the two batches."
        )
    known = reading.facts.validation_batches
    if known is not None:
        arithmetic += f" Validation items and batch size, as given, make {known}."
    return Statement(
        claim=(
            "Jaccard is a mean over batches, "
            + ("two of them" if most == 2 else f"between 2 and {most} of them")
            + ": it depends on the batch size and on which images share a batch. Compare it only with trainings "
            "that were "
            "validated in the same way."
        ),
        certainty=Certainty.LIKELY,
        arithmetic=arithmetic,
        uncertainty="The harmonic mean is at most the arithmetic one, so that the number of batches is at most |Y|/U.",
        alternatives=("Many fractional mask pixels: they lower the accuracy of the empty prediction.",),
        values={
            "is_mean_over_batches": True,
            "batches_at_most": most,
            "ratio": ratio,
            "batch_foreground_pixels": list(pair) if pair is not None else None,
        },
    )


def _two_batches(total: float, harmonic: float) -> tuple[int, int] | None:
    discriminant = total * total - 2 * harmonic * total
    if discriminant < 0:
        return None
    root = math.sqrt(discriminant)
    return round((total + root) / 2), round((total - root) / 2)


def _from_fractions(reading: Reading) -> Statement | None:
    usable = reading.history.usable("val_jaccard")
    fractions = [one for one in simple_fractions(reading.history.column("val_jaccard")[usable]) if one is not None]
    # Halves, tenths and the like are also what rounding leaves.
    telling = [fraction for fraction in fractions if 10_000 % fraction.denominator]
    if len(telling) < LEAST_FRACTIONS:
        return None
    batches = math.lcm(*(fraction.denominator for fraction in telling))
    shown = ", ".join(str(fraction) for fraction in sorted(set(telling))[:6])
    return Statement(
        claim="Jaccard is a mean over batches that score 0 or 1 each; the number of batches is a multiple of "
        f"{batches}.",
        certainty=Certainty.LIKELY,
        arithmetic=f"{len(telling)} epochs have a score within 1e-6 of a simple fraction: {shown}.",
        uncertainty="A random score is that near to a fraction with a denominator up to 32 once in 1,500 epochs.",
        alternatives=("A validation set of so few pixels that counts give such fractions.",),
        values={"is_mean_over_batches": True, "batches_multiple_of": batches, "epochs": len(telling)},
    )
