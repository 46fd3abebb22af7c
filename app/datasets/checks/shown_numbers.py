"""The numbers of an item that pages sort by and draw."""

from __future__ import annotations

import math

from app.datasets.checks.alignment import CONFIDENT
from app.datasets.checks.measures import ItemMeasures

_SHOWN = ("contrast", "gradient", "sharpness", "object_count", "object_area_median", "object_area_max", "distinctness")


def shown_numbers(measures: ItemMeasures) -> dict[str, float | int | str | list[int] | None]:
    """Return the measures that a database row keeps, as plain JSON; what is unknown is None.

    `shift` and `shift_magnitude` are there only where the estimate can be relied on.
    """
    numbers: dict[str, float | int | str | list[int] | None] = {"family": measures.family}
    for name in _SHOWN:
        value = getattr(measures, name)
        numbers[name] = value if math.isfinite(value) else None
    if measures.shift_confidence >= CONFIDENT:
        numbers["shift"] = list(measures.shift)
        numbers["shift_magnitude"] = math.hypot(*measures.shift)
    return numbers
