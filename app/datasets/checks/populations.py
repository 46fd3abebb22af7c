"""Two populations in one set, such as synthetic beside real images, or two microscopes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_mutual_info_score

from app.datasets.checks.features import (
    Difference,
    difference_evidence,
    difference_text,
    differences,
    feature_matrix,
)
from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.separation import ashman_d, distinguish, score_operator
from app.datasets.checks.wording import count, listed
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Ashman's D of cross-validated scores from which on two families of names are two populations: peaks are cleanly apart
#: above 2 (Ashman, Bird & Zepf 1994); one more against the noise of few items.
NAMED_SEPARATION = 3.0

#: … and at most this share of other ways to deal the acquisitions out to the families does as well.
NAMED_P_VALUE = 0.01

#: The same for parts that were *searched for* in the numbers: every set can be cut somewhere. No healthy set of
#: benchmarks/checks exceeds 6.3.
FOUND_SEPARATION = 7.0

#: The same where one of two families of names is a single acquisition, whose items are alike anyway.
ONE_ACQUISITION_SEPARATION = 10.0

#: A population has at least so many items, and this share of the set: fewer are outliers.
FEWEST_ITEMS = 5
SMALLEST_SHARE = 0.05

#: Adjusted mutual information from which on names or acquisitions explain the populations; 0 is chance, 1 is identity
#: (Vinh, Epps & Bailey 2010, JMLR 11, 2837). A choice.
EXPLAINED = 0.5

#: Parts that numbers tell apart need so many acquisitions in the set, and two in each: of a few, two are always the
#: farthest apart.
_FEWEST_GROUPS = 10
_MOST_CLUSTERS = 6
_MOST_ITEMS = 1500
_SHOWN = 3
_FAMILIES_SHOWN = 20


class PopulationSource(StrEnum):
    """How a population was found."""

    NAMES = "names"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True, eq=False)
class Populations:
    """A set that falls into two.

    Parameters
    ----------
    minority : ndarray of bool
        (items,): the smaller population.
    separation : float
        Ashman's D of the cross-validated scores.
    threshold : float
        What `separation` had to exceed.
    source : PopulationSource
        Whether file names or numbers told them apart.
    family : str or None
        The family that is a population by itself.
    differences : tuple of Difference
        The material ones; `inside` is the smaller population.
    """

    minority: NDArray[np.bool_]
    separation: float
    threshold: float
    source: PopulationSource
    family: str | None
    differences: tuple[Difference, ...]


def find_populations(items: Sequence[ItemMeasures]) -> Populations | None:
    """Find the two populations that are farthest apart, if there are two.

    Candidates are each family of file names against the others, and each branch of a hierarchical clustering (Ward) of
    the features against the others. A ridge classifier scores every item without having seen its acquisition; two
    populations are two peaks of these scores, cleanly apart, with a difference that a network would notice.
    """
    all_features = feature_matrix(items) if items else np.empty((0, 1))
    sampled = np.arange(0, len(items), max(1, -(-len(items) // _MOST_ITEMS)))
    chosen, features = [items[index] for index in sampled.tolist()], all_features[sampled]
    fewest = max(FEWEST_ITEMS, math.ceil(SMALLEST_SHARE * len(chosen)))
    if len(chosen) < 2 * fewest:
        return None
    best: Populations | None = None
    scoring = _Scoring(features, [item.group for item in chosen])
    for side, family in _candidates(chosen, features):
        if min(np.count_nonzero(side), np.count_nonzero(~side)) < fewest:
            continue
        if family is None and scoring.is_lone(side):
            continue
        separation = scoring.separation(side)
        threshold = ONE_ACQUISITION_SEPARATION if scoring.is_lone(side) else FOUND_SEPARATION
        if family is not None and separation >= NAMED_SEPARATION and scoring.is_beyond_chance(side):
            threshold = NAMED_SEPARATION
        if separation < threshold or (best is not None and separation <= best.separation):
            continue
        material = tuple(difference for difference in differences(chosen, side) if difference.is_material)
        # More objects alone make no other population: a dilution series is one set.
        if material if family is not None else any(not entry.feature.is_density for entry in material):
            source = PopulationSource.NUMBERS if family is None else PopulationSource.NAMES
            best = Populations(side, separation, threshold, source, family, material)
    if best is None or len(chosen) == len(items):
        return best
    return replace(best, minority=_extended(items, all_features, sampled, best))


def check_two_populations(items: Sequence[ItemMeasures], *, populations: Populations | None) -> list[DataFinding]:
    """Tell that the set falls into two, what separates the parts, and what explains them.

    Serious: a score over both hides how the network does on the one that matters.
    """
    if populations is None:
        return []
    minority = populations.minority
    members = sorted(item.name for item, inside in zip(items, minority, strict=True) if inside)
    labels = minority.astype(int)
    family_information = float(adjusted_mutual_info_score([item.family for item in items], labels))
    group_information = float(adjusted_mutual_info_score([item.group for item in items], labels))
    families = _families(items, minority)
    groups = sorted({item.group for item, inside in zip(items, minority, strict=True) if inside})
    if populations.source is PopulationSource.NAMES or family_information >= EXPLAINED:
        inside = [family for family, (count_inside, total) in families.items() if count_inside > total / 2]
        explanation = (
            f"The file names tell them apart: {listed([repr(name) for name in inside])} (# stands for digits)."
        )
    elif group_information >= EXPLAINED or len(groups) < len(members) / 2:
        explanation = f"The smaller part is {count(len(groups), 'acquisition')}: {listed(groups)}."
    else:
        explanation = "Neither file names nor acquisitions explain it."
    return [
        DataFinding(
            code=DataFindingCode.TWO_POPULATIONS,
            severity=DataSeverity.SERIOUS,
            title="Two populations in one set",
            message=f"{count(len(members), 'item')} differ clearly from the other {len(items) - len(members)}: "
            f"{difference_text(populations.differences[:_SHOWN])}. {explanation}",
            fix="Decide which images the network is for, and validate on those alone. Train on both only if validation "
            "on the ones that matter gets better by it.",
            items=tuple(members),
            value=populations.separation,
            threshold=populations.threshold,
            evidence={
                "told_apart_by": populations.source.value,
                "families": {
                    family: {"smaller_part": inside, "items": total}
                    for family, (inside, total) in list(families.items())[:_FAMILIES_SHOWN]
                },
                "sizes": [len(members), len(items) - len(members)],
                "family_mutual_information": family_information,
                "group_mutual_information": group_information,
                "groups": list(groups[:_FAMILIES_SHOWN]),
                "differences": difference_evidence(populations.differences),
            },
            source="Ashman's D (Ashman, Bird & Zepf 1994) of cross-validated scores; above 2 the peaks are apart, the "
            "thresholds keep the healthy sets of benchmarks/checks quiet",
        )
    ]


class _Scoring:
    """Separations of one set's candidates; the two score matrices are computed once."""

    def __init__(self, features: NDArray[np.float64], groups: Sequence[str]) -> None:
        self._features = features
        self._groups = groups
        self._group_array = np.asarray(groups)

    @cached_property
    def _across_groups(self) -> NDArray[np.float64]:
        return score_operator(self._features, self._groups)

    @cached_property
    def _across_items(self) -> NDArray[np.float64]:
        return score_operator(self._features, [str(index) for index in range(len(self._features))])

    def is_lone(self, side: NDArray[np.bool_]) -> bool:
        """Whether one of the parts is a single acquisition."""
        return min(len(np.unique(self._group_array[part])) for part in (side, ~side)) == 1

    def separation(self, side: NDArray[np.bool_]) -> float:
        """Return Ashman's D of a candidate."""
        # A single acquisition cannot be recognised without having seen some of it.
        operator = self._across_items if self.is_lone(side) else self._across_groups
        return ashman_d(operator @ side.astype(np.float64), side)

    def is_beyond_chance(self, side: NDArray[np.bool_]) -> bool:
        """Whether other ways to deal the acquisitions out hardly reach this distance."""
        return distinguish(self._features, side, self._groups).is_beyond_chance(NAMED_P_VALUE)


def _candidates(
    items: Sequence[ItemMeasures], features: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.bool_], str | None]]:
    """Yield the side that is the smaller one, and the family where it is one."""
    families = np.array([item.family for item in items])
    seen: set[bytes] = set()
    for family in np.unique(families).tolist():
        side = families == family
        yield _smaller(side), family
    if len({item.group for item in items}) < _FEWEST_GROUPS:
        return
    tree = linkage(features, "ward")
    for clusters in range(2, _MOST_CLUSTERS + 1):
        labels = fcluster(tree, clusters, "maxclust")
        for label in np.unique(labels):
            side = _smaller(labels == label)
            if side.tobytes() not in seen:
                seen.add(side.tobytes())
                yield side, None


def _smaller(side: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return side if 2 * np.count_nonzero(side) <= len(side) else ~side


def _extended(
    items: Sequence[ItemMeasures],
    features: NDArray[np.float64],
    sampled: NDArray[np.int64],
    found: Populations,
) -> NDArray[np.bool_]:
    """Return which of all items belong to the smaller population of a sample."""
    if found.family is not None:
        return _smaller(np.array([item.family == found.family for item in items], np.bool_))
    inside, outside = (features[sampled][part].mean(axis=0) for part in (found.minority, ~found.minority))
    return np.asarray(np.linalg.norm(features - inside, axis=1) < np.linalg.norm(features - outside, axis=1))


def _families(items: Sequence[ItemMeasures], minority: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
    """Return (items in the smaller population, items) of each family, those that belong to it first."""
    total = Counter(item.family for item in items)
    inside = Counter(item.family for item, is_inside in zip(items, minority, strict=True) if is_inside)
    ordered = sorted(total, key=lambda family: (-inside[family] / total[family], -total[family], family))
    return {family: (inside[family], total[family]) for family in ordered}
