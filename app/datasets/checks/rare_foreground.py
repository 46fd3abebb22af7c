"""Foreground so rare that a network gets away with painting nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import JsonValue

from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Share of foreground in all pixels of the set, or in an item.
RARE_FOREGROUND = 0.01

#: So many items with rare foreground are worth telling where the set as a whole has enough.
_NOTABLE_SHARE = 0.25

_SHOWN = 100


def check_rare_foreground(items: Sequence[ItemMeasures], *, sides: SplitSides | None = None) -> list[DataFinding]:
    """Tell if foreground is rare in the whole set, or in a quarter of its items.

    Worth knowing: many such trainings succeed, with a loss that looks at overlap. Empty masks count as none here.
    """
    marked = [item for item in items if item.foreground_fraction > 0]
    if not marked:
        return []
    pixels = np.array([item.height * item.width for item in items], np.float64)
    overall = float(np.average([item.foreground_fraction for item in items], weights=pixels))
    rare = sorted(
        (item for item in marked if item.foreground_fraction < RARE_FOREGROUND),
        key=lambda item: (item.foreground_fraction, item.name),
    )
    is_rare = overall < RARE_FOREGROUND
    if not is_rare and len(rare) < _NOTABLE_SHARE * len(items):
        return []
    groups = sorted({item.group for item in rare})
    message = f"{percent(overall)} of all pixels are foreground. " if is_rare else ""
    message += (
        f"In {count(len(rare), 'item')} of {len(items)} less than {percent(RARE_FOREGROUND)} is foreground "
        f"({count(len(groups), 'acquisition')}: {listed(groups)})."
    )
    return [
        DataFinding(
            code=DataFindingCode.FOREGROUND_RARE,
            severity=DataSeverity.WORTH_KNOWING,
            title="Rare foreground",
            message=f"{message} With a loss per pixel, painting nothing is almost right there.",
            fix="Use a loss that looks at overlap (Dice, Tversky) or weighs foreground; train on tiles around objects; "
            "judge such items by summed counts, because one missed object changes their own Jaccard a lot.",
            items=tuple(item.name for item in rare),
            value=overall if is_rare else len(rare) / len(items),
            threshold=RARE_FOREGROUND if is_rare else _NOTABLE_SHARE,
            per_item={item.name: item.foreground_fraction for item in rare},
            evidence={
                "overall_foreground": overall,
                "items": _by((item.name, item) for item in rare),
                "groups": _by((item.group, item) for item in items),
                "sides": _by(_sided(items, sides)) if sides else {},
            },
            source="catalogue of causes, imbalance: foreground below 1 %",
        )
    ]


def _sided(items: Sequence[ItemMeasures], sides: SplitSides) -> Iterable[tuple[str, ItemMeasures]]:
    for item in items:
        for side, names in (("training", sides.training), ("validation", sides.validation), ("test", sides.test)):
            if item.name in names:
                yield side, item


def _by(keyed: Iterable[tuple[str, ItemMeasures]]) -> dict[str, JsonValue]:
    collected: dict[str, list[ItemMeasures]] = defaultdict(list)
    for key, item in keyed:
        collected[key].append(item)
    return {
        key: {
            "items": len(members),
            "foreground": float(np.mean([item.foreground_fraction for item in members])),
            "objects_per_item": float(np.mean([item.object_count for item in members])),
            "median_object_area": float(np.median([item.object_area_median for item in members])),
        }
        for key, members in sorted(collected.items())[:_SHOWN]
    }
