"""How much so few validation items can say."""

from __future__ import annotations

import math

from app.datasets.checks.measures import SplitSides
from app.datasets.checks.wording import count
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.domain.estimate import ASSUMED_JACCARD_DEVIATION, FEW_VALIDATION_ITEMS, STUDENT_T_95


def jaccard_half_width(items: int) -> float | None:
    """Return the half width of the 95 % interval of the mean Jaccard over 2 to 9 items; None for one item.

    Student's t, with an assumed standard deviation of 0.15 between images.
    """
    if not 2 <= items <= len(STUDENT_T_95) + 1:
        return None
    return min(1.0, STUDENT_T_95[items - 2] * ASSUMED_JACCARD_DEVIATION / math.sqrt(items))


def check_validation_size(*, sides: SplitSides) -> list[DataFinding]:
    """Tell if a side of the split has too few items to be believed.

    Serious: differences between models below the interval's half width are chance.
    """
    items = len(sides.validation)
    if items >= FEW_VALIDATION_ITEMS:
        return []
    half_width = jaccard_half_width(items)
    if half_width is None:
        message = f"With {count(items, 'validation item')} nobody can say how uncertain the score is."
    else:
        message = (
            f"With {count(items, 'validation item')} the mean Jaccard is known to ±{half_width:.2f} (95 % interval, if "
            f"it differs between images by a standard deviation of {ASSUMED_JACCARD_DEVIATION:g}, which is assumed)."
        )
    return [
        DataFinding(
            code=DataFindingCode.VALIDATION_TOO_SMALL,
            severity=DataSeverity.SERIOUS,
            title="Too few validation items",
            message=message,
            fix="Raise the validation share, use folds (every item then validates once), or add images.",
            items=tuple(sorted(sides.validation)),
            value=float(items),
            threshold=float(FEW_VALIDATION_ITEMS),
            evidence={"half_width": half_width, "assumed_deviation": ASSUMED_JACCARD_DEVIATION},
            source="catalogue of causes, validation-small: fewer than 10 validation items",
        )
    ]
