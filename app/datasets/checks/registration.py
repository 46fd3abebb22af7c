"""Masks that do not lie on the objects of their images: single ones, and whole acquisitions or name families."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from app.datasets.checks.alignment import CONFIDENT
from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Shifts of less than this many pixels are within the annotators' precision.
LEAST_SHIFT = 2.0

#: A shift is shared if so many items of an acquisition or family have it, up to one pixel, …
_FEWEST_SHARING = 3
#: … and they are this share of its items that can say anything.
_SHARING = 0.6
_SAME_PIXELS = 1

_SOURCE = "2 px; confidence from benchmarks/checks (masks laid over images of other items stay below it)"


def check_registration(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks are shifted against their images, in pixels; serious.

    A shift that most of an acquisition or of a name family shares is reported once, as systematic, with all its items;
    every other shifted mask has a finding of its own. Items whose images say nothing are never accused.
    """
    confident = [item for item in items if item.shift_confidence >= CONFIDENT]
    systematic: list[DataFinding] = []
    told: set[str] = set()
    # Families first: what an export did wrong it did to all that it named alike, whatever the acquisition.
    for kind, key in (("named", _family), ("of the acquisition", _group)):
        for name, members in sorted(_by(confident, key).items()):
            left = [item for item in members if item.name not in told]
            finding = _systematic(left, among=len(members), kind=kind, name=name)
            if finding is not None:
                systematic.append(finding)
                told.update(finding.items)
    single = [item for item in confident if item.name not in told and _length(item) >= LEAST_SHIFT]
    return systematic + [_single(item) for item in sorted(single, key=lambda item: -_length(item))]


def _family(item: ItemMeasures) -> str:
    return item.family


def _group(item: ItemMeasures) -> str:
    return item.group


def _by(items: Sequence[ItemMeasures], key: Callable[[ItemMeasures], str]) -> dict[str, list[ItemMeasures]]:
    found: dict[str, list[ItemMeasures]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found


def _length(item: ItemMeasures) -> float:
    return math.hypot(*item.shift)


def _systematic(members: Sequence[ItemMeasures], *, among: int, kind: str, name: str) -> DataFinding | None:
    if len(members) < _FEWEST_SHARING:
        return None
    middle = np.median([item.shift for item in members], axis=0)
    dy, dx = (round(float(part)) for part in middle)
    sharing = [item for item in members if max(abs(item.shift[0] - dy), abs(item.shift[1] - dx)) <= _SAME_PIXELS]
    length = math.hypot(dy, dx)
    if length < LEAST_SHIFT or len(sharing) < max(_FEWEST_SHARING, _SHARING * among):
        return None
    return DataFinding(
        code=DataFindingCode.MASK_SHIFTED_SYSTEMATIC,
        severity=DataSeverity.SERIOUS,
        title="Masks shifted together",
        message=(
            f"The masks of {count(len(sharing), 'item')} {kind} '{name}' all lie {_way(-dy, -dx)} of where their "
            "images show the objects. Every overlap score of a perfect prediction is capped by that."
        ),
        fix=f"Shift them by ({dy}, {dx}) pixels in a new version, or mend the export that made them.",
        items=tuple(item.name for item in sorted(sharing, key=lambda item: item.name)),
        value=length,
        threshold=LEAST_SHIFT,
        per_item={item.name: _length(item) for item in sharing},
        shift=(dy, dx),
        shifts={item.name: item.shift for item in sharing},
        evidence={"shared_by": kind, "name": name, "confident_items": among},
        source=_SOURCE,
    )


def _single(item: ItemMeasures) -> DataFinding:
    dy, dx = item.shift
    return DataFinding(
        code=DataFindingCode.MASK_SHIFTED,
        severity=DataSeverity.SERIOUS,
        title="Shifted mask",
        message=f"The mask of '{item.name}' lies {_way(-dy, -dx)} of where its image shows the objects.",
        fix=f"Look at it; then shift it by ({dy}, {dx}) pixels in a new version, annotate it again, or leave it out.",
        items=(item.name,),
        value=_length(item),
        threshold=LEAST_SHIFT,
        per_item={item.name: _length(item)},
        shift=item.shift,
        shifts={item.name: item.shift},
        evidence={"confidence": item.shift_confidence},
        source=_SOURCE,
    )


def _way(dy: int, dx: int) -> str:
    vertical = f"{abs(dy)} px {'below' if dy > 0 else 'above'}" if dy else ""
    horizontal = f"{abs(dx)} px to the {'right' if dx > 0 else 'left'}" if dx else ""
    return " and ".join(filter(None, (vertical, horizontal)))
