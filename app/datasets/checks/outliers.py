"""Items whose mask has far more or less foreground, or far larger or smaller objects, than the others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Robust standard deviations (median absolute deviation × 1.4826) from the median of the set, or of the item's
#: acquisition. Iglewicz & Hoaglin (1993) advise 3.5 for one look; with some hundred items, 5 keeps healthy sets quiet.
OUTLIER_DEVIATIONS = 5.0

#: … and so many times more or less: where all items are alike, tiny differences are many deviations.
OUTLIER_FACTOR = 3.0

_SOURCE = (
    "robust z-score (Iglewicz & Hoaglin 1993), raised from 3.5 to 5 because every item is looked at; no healthy set of "
    "benchmarks/checks exceeds both thresholds"
)

_MAD_TO_DEVIATION = 1.4826
_FEWEST = 8
_FEWEST_RELATIVES = 4


class _Outlier(NamedTuple):
    name: str
    deviations: float
    factor: float
    is_within_group: bool


def check_foreground_outliers(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks have far more or less foreground than the others.

    Worth knowing: some are rare specimens, others wrong masks. Empty and full masks have findings of their own.
    """
    usable = [item for item in items if 0 < item.foreground_fraction < 1]
    found = _outliers(usable, lambda item: math.log(item.foreground_fraction / (1 - item.foreground_fraction)))
    shares = {item.name: item.foreground_fraction for item in usable}
    median = float(np.median(list(shares.values()))) if shares else 0.0
    return _finding(
        found,
        code=DataFindingCode.FOREGROUND_OUTLIER,
        title="Masks with unusually much or little foreground",
        what=f"have far more or less foreground than the others (median {percent(median)})",
        texts=[f"{outlier.name} {percent(shares[outlier.name])}" for outlier in found],
    )


def check_object_size_outliers(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell in which masks the objects are far larger or smaller than in the others.

    Worth knowing: objects that run together, specks, or another magnification.
    """
    usable = [item for item in items if item.object_count > 0]
    found = _outliers(usable, lambda item: math.log(item.object_area_median))
    areas = {item.name: item.object_area_median for item in usable}
    median = float(np.median(list(areas.values()))) if areas else 0.0
    return _finding(
        found,
        code=DataFindingCode.OBJECT_SIZE_OUTLIER,
        title="Masks with unusually large or small objects",
        what=f"have far larger or smaller objects than the others (median {median:,.0f} pixels)",
        texts=[f"{outlier.name} {areas[outlier.name]:,.0f} pixels" for outlier in found],
    )


def _outliers(items: Sequence[ItemMeasures], read: Callable[[ItemMeasures], float]) -> list[_Outlier]:
    """Return the items far from the set or from their acquisition on a logarithmic scale, the farthest first."""
    if len(items) < _FEWEST:
        return []
    values = np.array([read(item) for item in items])
    from_set = values - np.median(values)
    from_group = _from_group(items, values)
    found: dict[str, _Outlier] = {}
    for differences, is_within_group in ((from_set, False), (from_group, True)):
        known = ~np.isnan(differences)
        if np.count_nonzero(known) < _FEWEST:
            continue
        scale = _MAD_TO_DEVIATION * float(np.median(np.abs(differences[known])))
        deviations = differences / max(scale, 1e-9)
        unusual = known & (np.abs(deviations) >= OUTLIER_DEVIATIONS)
        unusual &= np.abs(differences) >= math.log(OUTLIER_FACTOR)
        for index in np.flatnonzero(unusual).tolist():
            name, value = items[index].name, float(deviations[index])
            if name not in found or abs(value) > abs(found[name].deviations):
                found[name] = _Outlier(name, value, math.exp(abs(float(differences[index]))), is_within_group)
    return sorted(found.values(), key=lambda outlier: (-abs(outlier.deviations), outlier.name))


def _from_group(items: Sequence[ItemMeasures], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value minus the median of the *others* of its acquisition; NaN where these are few."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[item.group].append(index)
    differences = np.full(len(items), np.nan)
    for members in groups.values():
        if len(members) > _FEWEST_RELATIVES:
            for index in members:
                differences[index] = values[index] - np.median([values[other] for other in members if other != index])
    return differences


def _finding(
    found: Sequence[_Outlier], *, code: DataFindingCode, title: str, what: str, texts: Sequence[str]
) -> list[DataFinding]:
    if not found:
        return []
    within = [outlier.name for outlier in found if outlier.is_within_group]
    return [
        DataFinding(
            code=code,
            severity=DataSeverity.WORTH_KNOWING,
            title=title,
            message=f"{count(len(found), 'item')} {what}: {listed(texts)}.",
            fix="Look at these masks. Correct or leave out what is wrong; keep what is only rare.",
            items=tuple(outlier.name for outlier in found),
            value=abs(found[0].deviations),
            threshold=OUTLIER_DEVIATIONS,
            per_item={outlier.name: outlier.deviations for outlier in found},
            evidence={
                "factors": {outlier.name: round(outlier.factor, 3) for outlier in found},
                "least_factor": OUTLIER_FACTOR,
                "unlike_their_acquisition": list(within),
            },
            source=_SOURCE,
        )
    ]
