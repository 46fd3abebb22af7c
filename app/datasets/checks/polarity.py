"""Masks that are inverted, and objects that are bright in some images and dark in others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: A contrast below this many standard deviations of the image says nothing about polarity (benchmarks/checks).
_TELLING_CONTRAST = 0.3

#: An inverted mask covers more than half of its picture and most of its border; objects rarely do both.
_COVER = 0.5
_BORDER = 0.6

#: … and what is left of the background falls into many pieces, which are the objects.
_PIECES = 3

#: Share of items with the rarer polarity from which a set is mixed (CAUSES, *image-polarity*: minority > 5 %).
MIXED_POLARITY = 0.05

_FEWEST = 4


def check_inverted(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks have foreground and background swapped.

    One mask is, if it covers most of its picture and of its border and its contrast has the sign opposite to that of
    the masks that do not; a whole set is, if nearly all masks cover like that and the background falls into pieces.
    """
    covering = [item for item in items if _covers(item)]
    if not covering:
        return []
    others = [item for item in items if item.foreground_fraction <= _COVER and _sign(item) != 0]
    majority = float(np.sign(sum(_sign(item) for item in others)))
    if len(others) >= max(_FEWEST, len(items) // 4) and majority != 0:
        found = [item for item in covering if _sign(item) == -majority]
        fatal = False
    else:
        # Hardly any mask to compare with: what decides is that the background is what falls into objects.
        found = [item for item in covering if item.background_count >= _PIECES * max(1, item.object_count)]
        fatal = len(found) > len(items) // 2
    if not found:
        return []
    ordered = sorted(found, key=lambda item: -item.foreground_fraction)
    share = len(found) / len(items)
    return [
        DataFinding(
            code=DataFindingCode.MASK_INVERTED,
            severity=DataSeverity.FATAL if fatal else DataSeverity.SERIOUS,
            title="All masks are inverted" if fatal else "Inverted masks",
            message=(
                f"{count(len(found), 'mask')} of {len(items)} {'has' if len(found) == 1 else 'have'} foreground and "
                f"background swapped: {listed([item.name for item in ordered])}. They cover "
                f"{percent(float(np.median([item.foreground_fraction for item in found])))} of the picture and its "
                "border, and "
                + (
                    "what they leave out falls into pieces like objects."
                    if fatal
                    else "the objects that they leave out differ from their background the other way than those of the "
                    "other masks."
                )
            ),
            fix="Invert these masks in a new version, or export them again.",
            items=tuple(item.name for item in ordered),
            value=share,
            threshold=0.0,
            per_item={item.name: item.foreground_fraction for item in ordered},
            evidence={"whole_set": fatal},
            source="cover and border above one half, contrast opposite to the set's (benchmarks/checks)",
        )
    ]


def check_polarity(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell whether objects are brighter than their background in some images and darker in others.

    Serious: a network can learn both, but a split that puts one kind on one side fails. Inverted masks are left aside.
    """
    inverted = {name for finding in check_inverted(items) for name in finding.items}
    telling = [item for item in items if _sign(item) != 0 and item.name not in inverted]
    if len(telling) < _FEWEST:
        return []
    bright = [item for item in telling if _sign(item) > 0]
    dark = [item for item in telling if _sign(item) < 0]
    rarer, kind = (bright, "brighter") if len(bright) < len(dark) else (dark, "darker")
    share = len(rarer) / len(telling)
    if share <= MIXED_POLARITY or len(rarer) < 2:
        return []
    return [
        DataFinding(
            code=DataFindingCode.POLARITY_MIXED,
            severity=DataSeverity.SERIOUS,
            title="Bright and dark objects mixed",
            message=(
                f"In {count(len(rarer), 'item')} of {len(telling)} the objects are {kind} than their background, in "
                f"the others it is the other way round: {listed([item.name for item in rarer])}."
            ),
            fix="Invert the images of one kind before the import, or split so that both kinds are on every side.",
            items=tuple(item.name for item in sorted(rarer, key=lambda item: -abs(item.contrast))),
            value=share,
            threshold=MIXED_POLARITY,
            per_item={item.name: item.contrast for item in rarer},
            source="a minority above 5 % (catalogue of causes, image-polarity)",
        )
    ]


def _covers(item: ItemMeasures) -> bool:
    return _COVER < item.foreground_fraction < 1 and item.border_share > _BORDER


def _sign(item: ItemMeasures) -> int:
    if not math.isfinite(item.contrast) or item.image_std <= 0:
        return 0
    if abs(item.contrast) < _TELLING_CONTRAST * item.image_std:
        return 0
    return 1 if item.contrast > 0 else -1
