"""Whether validation images look different from training images: a classifier two-sample test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.datasets.checks.features import difference_evidence, difference_text, differences, feature_matrix
from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.separation import distinguish
from app.datasets.checks.wording import count
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: The classifier tells validation from training in this share of pairs: "excellent discrimination" begins here
#: (Hosmer & Lemeshow 2000, *Applied Logistic Regression*, §5.2.4).
SHIFT_AUC = 0.8

#: … and at most this share of random splits look as different.
SHIFT_P_VALUE = 0.005

_FEWEST = 3
_MOST_ITEMS = 1500
_SHOWN = 3


def check_domain_shift(items: Sequence[ItemMeasures], *, sides: SplitSides) -> list[DataFinding]:
    """Tell if validation items can be told from training items by their images and masks.

    Serious: the validation score then measures how well the network transfers, not how well it learned. What is
    relabelled to know chance are acquisitions where the split keeps them whole, else items.
    """
    chosen = _sample(items, sides)
    side = np.array([item.name in sides.validation for item in chosen], np.bool_)
    if min(np.count_nonzero(side), np.count_nonzero(~side)) < _FEWEST:
        return []
    training_groups = {item.group for item in chosen if item.name in sides.training}
    keeps_groups = not any(item.group in training_groups for item in chosen if item.name in sides.validation)
    units = [item.group if keeps_groups else item.name for item in chosen]
    found = distinguish(feature_matrix(chosen), side, units)
    material = [difference for difference in differences(chosen, side) if difference.is_material]
    if found.auc < SHIFT_AUC or not found.is_beyond_chance(SHIFT_P_VALUE) or not material:
        return []
    return [
        DataFinding(
            code=DataFindingCode.DOMAIN_SHIFT,
            severity=DataSeverity.SERIOUS,
            title="Validation looks different from training",
            message=f"A classifier tells the {count(int(side.sum()), 'validation item')} from training items in "
            f"{found.auc:.0%} of pairs, which {_chance(found.p_value, keeps_groups=keeps_groups)}. Validation against "
            f"training: {difference_text(material[:_SHOWN])}. The score then tells how the network transfers, not how "
            "well it learned.",
            fix="If both kinds will be used, draw training and validation from both (random or stratified split). If "
            "validation stands for new data on purpose, keep it and expect a lower score.",
            items=tuple(sorted(sides.validation)),
            value=found.auc,
            threshold=SHIFT_AUC,
            evidence={
                "p_value": found.p_value,
                "p_value_threshold": SHIFT_P_VALUE,
                "distance": found.distance,
                "relabelled": "acquisitions" if keeps_groups else "items",
                "differences": difference_evidence(material),
            },
            source="classifier two-sample test (Lopez-Paz & Oquab 2017); AUC 0.8: Hosmer & Lemeshow 2000",
        )
    ]


def _chance(p_value: float, *, keeps_groups: bool) -> str:
    drawn = "choices of acquisitions" if keeps_groups else "random splits"
    return f"{p_value:.2g} of {drawn} reach"


def _sample(items: Sequence[ItemMeasures], sides: SplitSides) -> list[ItemMeasures]:
    """Return the items of both sides, at most some hundred of each, evenly over the names."""
    chosen: list[ItemMeasures] = []
    for names in (sides.validation, sides.training):
        members = sorted((item for item in items if item.name in names), key=lambda item: item.name)
        chosen += members[:: max(1, -(-len(members) // (_MOST_ITEMS // 2)))]
    return chosen
