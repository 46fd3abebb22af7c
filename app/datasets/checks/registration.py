"""Masks that do not lie on their objects: shifted one by one, in whole groups, scaled or turned."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from app.datasets.checks.alignment import CONFIDENT
from app.datasets.checks.displacement import Displacement, find_displacement
from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Pixels from which a shift is reported.
SHIFT_PIXELS = 2.0
#: A shift says something if the match falls by this share without it.
LEAST_GAIN = 0.02

_SHARED_PIXELS = 1.0
_LEAST_SHARING = 3
_LEAST_SHARE = 0.6
_SOURCE = "benchmarks/checks: shifts of 2 px and more are found in at least 95 % of the pairs"


@dataclass(frozen=True, slots=True)
class _Shifted:
    item: ItemMeasures
    pixels: float
    displacement: Displacement | None

    @property
    def varies(self) -> bool:
        return self.displacement is not None and self.displacement.varies

    @property
    def shift(self) -> tuple[int, int]:
        return self.item.shift


def check_registration(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Find masks that lie beside their objects.

    A shift that most of the confident items of the set, of a name family or of a group share (at least three, 60 %,
    within one pixel) is one finding for all of them; every other shifted item has its own.

    Parameters
    ----------
    items : sequence of ItemMeasures
        The set.

    Returns
    -------
    list of DataFinding
        Systematic shifts first, then single items, largest shift first.
    """
    confident = [item for item in items if is_confident(item)]
    shifted = {entry.item.name: entry for item in items if (entry := _shifted(item)) is not None}
    findings: list[DataFinding] = []
    for describe, key in _LEVELS:
        for value, members in _grouped(confident, key).items():
            shared = _shared(members, shifted)
            if shared:
                findings.append(_systematic(describe(value, len(members)), shared, confident=len(members)))
                for entry in shared:
                    del shifted[entry.item.name]
    single = sorted(shifted.values(), key=lambda entry: (-entry.pixels, entry.item.name))
    return findings + [_single(entry) for entry in single]


def is_confident(item: ItemMeasures) -> bool:
    """Whether the item's shift, be it none, says something."""
    return item.shift_confidence >= CONFIDENT


_LEVELS: tuple[tuple[Callable[[str, int], str], Callable[[ItemMeasures], str]], ...] = (
    (lambda _, members: f"all {members} pairs that can be judged", lambda _: ""),
    (lambda family, _: f"the images named like '{family}'", lambda item: item.family),
    (lambda group, _: f"the acquisition '{group}'", lambda item: item.group),
)


def _shifted(item: ItemMeasures) -> _Shifted | None:
    displacement = find_displacement(item.local_shifts, height=item.height, width=item.width)
    pixels = math.hypot(*item.shift)
    is_clear = is_confident(item) and pixels >= SHIFT_PIXELS and item.shift_gain >= LEAST_GAIN
    if displacement is not None and displacement.varies:
        # No translation fits a mask that is scaled or turned: the whole picture may seem in place.
        pixels = max(displacement.typical, pixels if is_clear else 0.0)
        return _Shifted(item, pixels, displacement) if pixels >= SHIFT_PIXELS else None
    return _Shifted(item, pixels, displacement) if is_clear else None


def _grouped(items: Sequence[ItemMeasures], key: Callable[[ItemMeasures], str]) -> dict[str, list[ItemMeasures]]:
    groups: dict[str, list[ItemMeasures]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return {value: groups[value] for value in sorted(groups)}


def _shared(members: Sequence[ItemMeasures], shifted: dict[str, _Shifted]) -> list[_Shifted]:
    """Return the shifted members within a pixel of the shift that most members have; none if too few have it."""
    candidates = [shifted[item.name] for item in members if item.name in shifted and not shifted[item.name].varies]
    best: list[_Shifted] = []
    for middle in {entry.shift for entry in candidates}:
        near = [entry for entry in candidates if math.dist(entry.shift, middle) <= _SHARED_PIXELS]
        if (len(near), middle) > (len(best), (0, 0)):
            best = near
    return best if len(best) >= max(_LEAST_SHARING, _LEAST_SHARE * len(members)) else []


def _systematic(where: str, shared: Sequence[_Shifted], *, confident: int) -> DataFinding:
    ordered = sorted(shared, key=lambda entry: (-entry.pixels, entry.item.name))
    shifts = {entry.item.name: entry.shift for entry in ordered}
    common = max(set(shifts.values()), key=lambda shift: (sum(other == shift for other in shifts.values()), shift))
    size = math.hypot(*common)
    return DataFinding(
        code=DataFindingCode.MASK_SHIFTED_SYSTEMATIC,
        severity=DataSeverity.SERIOUS,
        title=f"{count(len(ordered), 'mask')} shifted by the same {size:.1f} px",
        message=f"In {where}, {len(ordered)} of {confident} masks lie {size:.1f} px beside their objects, all in "
        f"the same direction: moved {_direction(common)}, they would lie on them. An error that repeats comes from "
        "the export or the drawing program, not from a hand.",
        fix=f"Apply the shift of {_pair(common)} (rows, columns) to these masks in a corrected version of the "
        "dataset, or repair the program that wrote them.",
        items=tuple(shifts),
        value=size,
        threshold=SHIFT_PIXELS,
        per_item={entry.item.name: entry.pixels for entry in ordered},
        shift=common,
        shifts=shifts,
        evidence={"confident_items": confident, "shared_by": len(ordered), "share": len(ordered) / confident},
        source=_SOURCE,
    )


def _single(entry: _Shifted) -> DataFinding:
    item, displacement = entry.item, entry.displacement
    evidence: dict[str, JsonValue] = {
        "confidence": item.shift_confidence,
        "gain": item.shift_gain,
        "local_shifts": [
            [None if not math.isfinite(cell[0]) else [int(cell[0]), int(cell[1])] for cell in row]
            for row in item.local_shifts.tolist()
        ],
    }
    if displacement is not None and displacement.varies:
        return _varying(entry, displacement, evidence=evidence)
    return DataFinding(
        code=DataFindingCode.MASK_SHIFTED,
        severity=DataSeverity.SERIOUS,
        title=f"Mask shifted by {entry.pixels:.1f} px",
        message=f"The mask of '{item.name}' lies {entry.pixels:.1f} px beside its objects: moved "
        f"{_direction(entry.shift)}, it would lie on them. Without that, it fits {percent(item.shift_gain)} worse.",
        fix=f"Look at the overlay. If it confirms it, apply the shift of {_pair(entry.shift)} (rows, columns) to this "
        "mask in a corrected version of the dataset, or drop the pair.",
        items=(item.name,),
        value=entry.pixels,
        threshold=SHIFT_PIXELS,
        per_item={item.name: entry.pixels},
        shift=entry.shift,
        shifts={item.name: entry.shift},
        evidence=evidence,
        source=_SOURCE,
    )


def _varying(entry: _Shifted, displacement: Displacement, *, evidence: dict[str, JsonValue]) -> DataFinding:
    item = entry.item
    corners = [f"{_direction((round(down), round(across)))}" for down, across in displacement.corners]
    helps = is_confident(item) and math.hypot(*entry.shift) >= 1 and item.shift_gain >= LEAST_GAIN
    shift = entry.shift if helps else None
    partly = f" A shift of {_pair(entry.shift)} (rows, columns) repairs a part of it." if helps else ""
    return DataFinding(
        code=DataFindingCode.MASK_SHIFTED,
        severity=DataSeverity.SERIOUS,
        title=f"Mask distorted by {entry.pixels:.1f} px",
        message=f"The mask of '{item.name}' lies beside its objects, and differently in different parts: typically "
        f"{entry.pixels:.1f} px. To lie on them, its corners would have to move {corners[0]} (upper left), "
        f"{corners[1]} (upper right), {corners[2]} (lower left) and {corners[3]} (lower right). It was drawn on an "
        "image of another size or angle.",
        fix=f"Drop the pair, or write the mask again from the original annotation at the image's size.{partly}",
        items=(item.name,),
        value=entry.pixels,
        threshold=SHIFT_PIXELS,
        per_item={item.name: entry.pixels},
        shift=shift,
        shifts={item.name: shift} if shift is not None else {},
        evidence=evidence
        | {
            "varies": True,
            "corners": [[down, across] for down, across in displacement.corners],
            "scale_rows": displacement.scale_rows,
            "scale_columns": displacement.scale_columns,
            "turn_degrees": displacement.turn_degrees,
        },
        source=_SOURCE,
    )


def _direction(shift: tuple[int, int]) -> str:
    down, across = shift
    parts = []
    if down:
        parts.append(f"{abs(down)} px {'down' if down > 0 else 'up'}")
    if across:
        parts.append(f"{abs(across)} px {'right' if across > 0 else 'left'}")
    return " and ".join(parts) or "not at all"


def _pair(shift: tuple[int, int]) -> str:
    return f"({shift[0]}, {shift[1]})"
