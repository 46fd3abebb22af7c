"""Parts of a set that are magnified differently: their objects or their pixels differ in size by a factor."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.wording import count, listed
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Ratio of object diameters (√area) or pixel sizes. Objectives step by 2 (10×, 20×, 40×): halfway, on a logarithmic
#: scale, between none and one step.
SCALE_FACTOR = math.sqrt(2)

#: … and so many robust standard deviations of the diameters within the parts: objects of many sizes are no other scale.
SCALE_DEVIATIONS = 4.0

_SOURCE = "objectives step by a factor of 2, √2 is halfway; 4 standard deviations are a choice (benchmarks/checks)"

_MAD_TO_DEVIATION = 1.4826
_FEWEST_ITEMS = 5
_SMALLEST_SHARE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Items that may have another scale than the others; `kind` says what they have in common."""

    kind: str
    text: str
    inside: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Mismatch:
    part: _Part
    factor: float
    deviations: float


def check_scale(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell if objects differ in size by a factor between families of names or between acquisitions.

    Serious: a network learns the size of its objects. The most different part is told.
    """
    return _finding(items, _parts)


def check_scale_of_sides(items: Sequence[ItemMeasures], *, sides: SplitSides) -> list[DataFinding]:
    """Tell if objects in validation and training differ in size by a factor.

    Serious: the network is scored on a size that it has not learned.
    """
    either = [item for item in items if item.name in sides.validation or item.name in sides.training]

    def parts(usable: Sequence[ItemMeasures], _: NDArray[np.float64]) -> Iterator[_Part]:
        is_validation = np.array([item.name in sides.validation for item in usable], np.bool_)
        yield _Part("sides", "the validation side", is_validation)

    return _finding(either, parts)


def check_pixel_sizes(items: Sequence[ItemMeasures], *, pixel_sizes: Mapping[str, float]) -> list[DataFinding]:
    """Tell if the files say that their pixels differ in size.

    Parameters
    ----------
    items : sequence of ItemMeasures
        The set.
    pixel_sizes : mapping of str to float
        Side of a pixel in µm by item, where the file's metadata knows it.
    """
    known = {item.name: pixel_sizes[item.name] for item in items if pixel_sizes.get(item.name, 0.0) > 0}
    if len(known) < 2:
        return []
    typical = float(np.median(list(known.values())))
    factors = {name: max(size / typical, typical / size) for name, size in known.items()}
    other = sorted((name for name in known if factors[name] >= SCALE_FACTOR), key=lambda name: (-factors[name], name))
    if not other:
        return []
    return [
        DataFinding(
            code=DataFindingCode.SCALE_MISMATCH,
            severity=DataSeverity.SERIOUS,
            title="Pixels of different size",
            message=f"The files of {count(len(other), 'item')} say that a pixel is another size than in the others "
            f"({typical:g} µm): {listed([f'{name} {known[name]:g} µm' for name in other])}.",
            fix="Resize these images and masks to the pixel size of the others, or correct the metadata.",
            items=tuple(other),
            value=factors[other[0]],
            threshold=SCALE_FACTOR,
            per_item={name: known[name] for name in other},
            evidence={"compared": "pixel-size", "typical_micrometres": typical, "known": len(known)},
            source=_SOURCE,
        )
    ]


def _finding(
    items: Sequence[ItemMeasures],
    parts: Callable[[Sequence[ItemMeasures], NDArray[np.float64]], Iterator[_Part]],
) -> list[DataFinding]:
    usable = [item for item in items if item.object_count > 0]
    if len(usable) < 2 * _FEWEST_ITEMS:
        return []
    diameters = np.array([math.log(math.sqrt(item.object_area_median)) for item in usable])
    mismatches = [mismatch for part in parts(usable, diameters) if (mismatch := _compare(part, diameters)) is not None]
    if not mismatches:
        return []
    best = max(mismatches, key=lambda mismatch: mismatch.deviations)
    inside, outside = (math.exp(float(np.median(diameters[part]))) for part in (best.part.inside, ~best.part.inside))
    concerned = [item for item, is_inside in zip(usable, best.part.inside, strict=True) if is_inside]
    return [
        DataFinding(
            code=DataFindingCode.SCALE_MISMATCH,
            severity=DataSeverity.SERIOUS,
            title="Objects of different scale",
            message=f"In {count(len(concerned), 'item')} ({best.part.text}) objects are {best.factor:.1f} times as "
            f"{'large' if inside > outside else 'small'} across as in the others: √area {inside:.1f} against "
            f"{outside:.1f} pixels.",
            fix="Resize the images and masks of one magnification to that of the other before training, or train a "
            "model for each.",
            items=tuple(item.name for item in concerned),
            value=best.factor,
            threshold=SCALE_FACTOR,
            per_item={item.name: math.sqrt(item.object_area_median) for item in concerned},
            evidence={
                "compared": best.part.kind,
                "inside": inside,
                "outside": outside,
                "deviations": best.deviations,
                "deviations_threshold": SCALE_DEVIATIONS,
            },
            source=_SOURCE,
        )
    ]


def _parts(items: Sequence[ItemMeasures], diameters: NDArray[np.float64]) -> Iterator[_Part]:
    families = np.array([item.family for item in items])
    for family in np.unique(families).tolist():
        yield _Part("family", f"names like {family}", families == family)
    yield from _halves(items, diameters)


def _halves(items: Sequence[ItemMeasures], diameters: NDArray[np.float64]) -> Iterator[_Part]:
    """Cut the acquisitions, ordered by object size, at the widest gap that leaves enough items on both sides."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[item.group].append(index)
    medians = {group: float(np.median(diameters[members])) for group, members in groups.items()}
    ordered = sorted(medians, key=lambda group: (medians[group], group))
    fewest = max(_FEWEST_ITEMS, math.ceil(_SMALLEST_SHARE * len(items)))
    below = np.cumsum([len(groups[group]) for group in ordered])
    cuts = [
        (medians[ordered[cut + 1]] - medians[ordered[cut]], cut)
        for cut in range(len(ordered) - 1)
        if fewest <= below[cut] <= len(items) - fewest
    ]
    if not cuts:
        return
    cut = max(cuts)[1]
    small, large = ordered[: cut + 1], ordered[cut + 1 :]
    part = min(small, large, key=lambda chosen: sum(len(groups[group]) for group in chosen))
    inside = np.zeros(len(items), np.bool_)
    for group in part:
        inside[groups[group]] = True
    yield _Part("acquisitions", f"{count(len(part), 'acquisition')}: {listed(part)}", inside)


def _compare(part: _Part, diameters: NDArray[np.float64]) -> _Mismatch | None:
    inside, outside = diameters[part.inside], diameters[~part.inside]
    if min(len(inside), len(outside)) < _FEWEST_ITEMS:
        return None
    difference = abs(float(np.median(inside)) - float(np.median(outside)))
    variances = [
        (_MAD_TO_DEVIATION * float(np.median(np.abs(side - np.median(side))))) ** 2 for side in (inside, outside)
    ]
    # A hundredth: areas of few pixels are whole numbers and may agree exactly.
    deviations = difference / max(math.sqrt(sum(variances) / 2), 0.01)
    if difference < math.log(SCALE_FACTOR) or deviations < SCALE_DEVIATIONS:
        return None
    return _Mismatch(part, math.exp(difference), deviations)
