"""The all-foreground baseline, inferred from a history whose masks nobody has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.diagnosis.forensics.foreground_share import state_share
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.trivial_epochs import fullest

#: Bounds further apart than this say too little.
NARROW = 1.25


class BaselineSource(StrEnum):
    """Where a baseline comes from, from the surest on."""

    GIVEN = "given"
    FLOOR_CONFIRMED = "floor, confirmed"
    PLATEAU = "all-foreground plateau"
    FLOOR = "floor"
    EMPTY_ACCURACY = "accuracy of the empty prediction"
    SINGLE_EPOCH = "a single all-foreground epoch"
    BOUNDS = "bounds from Jaccard and accuracy"


@dataclass(frozen=True, slots=True)
class InferredBaseline:
    """The score of painting everything foreground, 0 to 1, and what it rests on."""

    all_foreground: float
    source: BaselineSource


def infer_baseline(reading: Reading) -> InferredBaseline | None:
    """Return the surest estimate of the all-foreground score that the numbers allow; None if they allow none."""
    union, pixels, not_zero = reading.foreground_pixels, reading.pixels, reading.not_zero
    from_floor = union / pixels if union is not None and pixels is not None else None
    level = reading.foreground_share
    if from_floor is not None and reading.epsilon is not None and reading.is_confirmed(reading.epsilon):
        return InferredBaseline(from_floor, BaselineSource.FLOOR_CONFIRMED)
    if reading.has_full_plateau and level is not None:
        source = BaselineSource.EMPTY_ACCURACY if level == not_zero else BaselineSource.PLATEAU
        return InferredBaseline(level, source)
    if from_floor is not None and not reading.is_batch_mean:
        return InferredBaseline(from_floor, BaselineSource.FLOOR)
    if not_zero is not None:
        return InferredBaseline(not_zero, BaselineSource.EMPTY_ACCURACY)
    if reading.full:
        return InferredBaseline(fullest(reading.full).jaccard, BaselineSource.SINGLE_EPOCH)
    bounds = state_share(reading)
    if bounds is None:
        return None
    lower, upper, value = (bounds.values[name] for name in ("lower", "upper", "value"))
    if isinstance(lower, float) and isinstance(upper, float) and isinstance(value, float) and upper <= NARROW * lower:
        return InferredBaseline(value, BaselineSource.BOUNDS)
    return None
