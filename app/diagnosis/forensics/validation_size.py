"""Validation size: how many images of which size the numbers fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.diagnosis.forensics.accuracy_grid import USUAL_SIDES
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Json, Scalar, Statement
from app.diagnosis.forensics.trivial_epochs import fullest

#: An estimate of the pixels without a grid is believed to this share, and must be as near to whole images.
TOLERANCE = 0.01

#: Fewer items leave the score itself uncertain (CAUSES, *validation-small*: n_val < 10).
FEW_IMAGES = 10


@dataclass(frozen=True, slots=True)
class _Pixels:
    number: float
    tolerance: float
    certainty: Certainty
    arithmetic: str
    uncertainty: str

    @property
    def is_exact(self) -> bool:
        return self.tolerance == 0


def state_size(reading: Reading) -> Statement | None:
    """State the number of validation pixels and images; None if neither accuracies nor floor tell."""
    pixels = _pixels(reading)
    if pixels is None:
        return None
    values: dict[str, Json] = {"pixels": round(pixels.number)}
    if reading.facts.image_pixels is None:
        claim, figures = _any_size(pixels)
    else:
        claim, figures = _given_size(pixels, reading.facts, image_pixels=reading.facts.image_pixels)
    return Statement(
        claim=claim,
        certainty=pixels.certainty,
        arithmetic=pixels.arithmetic,
        uncertainty=pixels.uncertainty,
        alternatives=("Images that were cropped or padded before the network saw them have another size.",),
        values=values | figures,
    )


def _any_size(pixels: _Pixels) -> tuple[str, dict[str, Json]]:
    fits = _fits(pixels)
    subject = "The validation set has" if pixels.is_exact else "The numbers fit a validation set of about"
    claim = f"{subject} {round(pixels.number):,} pixels. "
    if fits:
        listed = ", ".join(f"{count} of {side}×{side}" for side, count in fits)
        claim += f"Of the usual square sizes that fits these images: {listed}."
    else:
        claim += "No number of square images of a usual size fits."
    listed_fits: list[dict[str, Scalar]] = [{"image_size": side, "images": count} for side, count in fits]
    return claim, {"fits": listed_fits}


def _given_size(pixels: _Pixels, facts: TrainingFacts, *, image_pixels: int) -> tuple[str, dict[str, Json]]:
    images = pixels.number / image_pixels
    count = round(images)
    size = f"{facts.image_height}×{facts.image_width}"
    is_whole = count >= 1 and abs(images - count) <= max(pixels.tolerance * images, 1e-9)
    figures: dict[str, Json] = {"images": count if is_whole else None, "images_exact": images}
    if facts.image_height == facts.image_width:
        figures["image_size"] = facts.image_height
    if is_whole:
        claim = f"The validation set is {count} image{'' if count == 1 else 's'} of {size}."
        if count < FEW_IMAGES:
            claim += " So few leave the score itself uncertain."
        if facts.validation_items is not None and count != facts.validation_items:
            claim += f" That contradicts the {facts.validation_items} items given."
    elif pixels.is_exact:
        claim = (
            f"The validation set has {round(pixels.number):,} pixels, which is no whole number of {size} images: "
            "they had "
            "another size."
        )
    else:
        claim = (
            f"The numbers fit {images:.2f} images of {size}, which is no whole number: Jaccard is a mean over "
            "batches, or "
            "the images had another size."
        )
    return claim, figures


def _pixels(reading: Reading) -> _Pixels | None:
    grid = reading.grid
    if grid is not None:
        return _Pixels(
            number=grid.pixels,
            tolerance=0.0,
            certainty=Certainty.PROVED,
            arithmetic=(
                f"All {grid.values} different validation accuracies are whole multiples of 1/{grid.pixels:,} (such as "
                f"{grid.example:.10g} = {round(grid.example * grid.pixels):,}/{grid.pixels:,}), within the "
                "precision of "
                f"float32. By chance that happens with a probability of {grid.chance:.1g}."
            ),
            uncertainty=(
                "Exact, or a multiple: if every count of right pixels happened to be even, the set could be twice as "
                "large."
            ),
        )
    union = reading.foreground_pixels
    if union is None:
        return None
    # Without the grid nothing speaks against several batches, for which the floor is a harmonic mean.
    caveat = "If Jaccard is a mean over batches, this is the size of one batch."
    if reading.has_full_plateau:
        level = fullest(reading.full).jaccard
        return _Pixels(
            number=union / level,
            tolerance=TOLERANCE,
            certainty=Certainty.LIKELY,
            arithmetic=(
                f"The floor gives Σy = {union:,.0f} foreground pixels, the all-foreground plateau Σy/N = "
                f"{level:.6g}: N = "
                f"{union / level:,.0f}."
            ),
            uncertainty=f"± {TOLERANCE:.0%}. {caveat}",
        )
    accuracy = reading.empty_accuracy
    if accuracy is None or accuracy >= 1:
        return None
    return _Pixels(
        number=union / (1 - accuracy),
        tolerance=TOLERANCE,
        certainty=Certainty.POSSIBLE,
        arithmetic=(
            f"The floor gives Σy = {union:,.0f} foreground pixels; the empty prediction's accuracy leaves 1 − "
            f"{accuracy:.6g} = {1 - accuracy:.6g} of the pixels as foreground, if the masks are binary: N = "
            f"{union / (1 - accuracy):,.0f}."
        ),
        uncertainty=f"± {TOLERANCE:.0%}, and too small if masks have fractional pixels. {caveat}",
    )


def _fits(pixels: _Pixels) -> list[tuple[int, int]]:
    fits = []
    for side in USUAL_SIDES:
        images = pixels.number / (side * side)
        count = round(images)
        # An estimate that is good to 1 % cannot tell 100 images from 101: then every size would fit.
        precise = pixels.is_exact or images * pixels.tolerance <= 0.25
        if count >= 1 and precise and math.isclose(images, count, rel_tol=max(pixels.tolerance, 1e-12)):
            fits.append((side, count))
    return fits
