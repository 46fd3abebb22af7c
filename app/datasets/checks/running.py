"""Running every check on what was measured of a set."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from app.datasets.checks.coverage import check_validation_coverage
from app.datasets.checks.domain_shift import check_domain_shift
from app.datasets.checks.duplicates import DuplicatePair, check_near_duplicates, find_duplicates
from app.datasets.checks.intensity import (
    check_bit_depth,
    check_constant,
    check_crushed,
    check_group_shift,
    check_illumination,
    check_saturated,
)
from app.datasets.checks.leakage import check_duplicate_leakage, check_group_leakage
from app.datasets.checks.mask_magnification import check_mask_magnification
from app.datasets.checks.mask_values import (
    check_empty,
    check_full,
    check_labels,
    check_not_binary,
    check_zero_one,
)
from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.outliers import check_foreground_outliers, check_object_size_outliers
from app.datasets.checks.pairing import check_names_by_order, check_pairing
from app.datasets.checks.polarity import check_inverted, check_polarity
from app.datasets.checks.populations import Populations, check_two_populations, find_populations
from app.datasets.checks.rare_foreground import check_rare_foreground
from app.datasets.checks.registration import check_registration
from app.datasets.checks.scale import check_pixel_sizes, check_scale, check_scale_of_sides
from app.datasets.checks.shuffling import check_shuffling
from app.datasets.checks.tile_overlap import Overlap, check_tile_overlap, find_overlaps
from app.datasets.checks.validation_size import check_validation_size
from app.datasets.checks.wording import count
from app.datasets.pairing.outcome import Problem
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

_LOGGER = logging.getLogger(__name__)

_SEVERITIES = tuple(DataSeverity)


@dataclass(frozen=True)
class CheckedSet:
    """A measured set and what several checks need of it, found when it is first asked for.

    Parameters
    ----------
    items : sequence of ItemMeasures
        Every usable pair, sorted by name.
    problems : sequence of Problem
        Files that could not become part of an item.
    pixel_sizes : mapping of str to float
        Side of a pixel in µm by item, where the file's metadata knows it.
    paths : sequence of (image path, mask path)
        Of the items, relative to the dataset's root.
    """

    items: Sequence[ItemMeasures]
    problems: Sequence[Problem] = ()
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)
    paths: Sequence[tuple[str, str]] = ()

    @cached_property
    def duplicates(self) -> tuple[DuplicatePair, ...]:
        """Items with the same picture."""
        return find_duplicates(self.items)

    @cached_property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Tiles that share pixels."""
        return find_overlaps(self.items)

    @cached_property
    def populations(self) -> Populations | None:
        """The two populations, if there are two."""
        return find_populations(self.items)


_SET_CHECKS: Mapping[str, Callable[[CheckedSet, SplitSides | None], list[DataFinding]]] = {
    "pairing": lambda checked, _: check_pairing(checked.problems, pairs=len(checked.items)),
    "names": lambda checked, _: check_names_by_order(checked.paths),
    "pairs": lambda checked, _: check_shuffling(checked.items),
    "registration": lambda checked, _: check_registration(checked.items),
    "fractional masks": lambda checked, _: check_not_binary(checked.items),
    "masks of 0 and 1": lambda checked, _: check_zero_one(checked.items),
    "labels": lambda checked, _: check_labels(checked.items),
    "empty masks": lambda checked, _: check_empty(checked.items),
    "full masks": lambda checked, _: check_full(checked.items),
    "inverted masks": lambda checked, _: check_inverted(checked.items),
    "polarity": lambda checked, _: check_polarity(checked.items),
    "bit depth": lambda checked, _: check_bit_depth(checked.items),
    "crushed grey values": lambda checked, _: check_crushed(checked.items),
    "clipped images": lambda checked, _: check_saturated(checked.items),
    "constant images": lambda checked, _: check_constant(checked.items),
    "illumination": lambda checked, _: check_illumination(checked.items),
    "brightness of acquisitions": lambda checked, _: check_group_shift(checked.items),
    "near-duplicates": lambda checked, _: check_near_duplicates(checked.items, duplicates=checked.duplicates),
    "foreground outliers": lambda checked, _: check_foreground_outliers(checked.items),
    "object size outliers": lambda checked, _: check_object_size_outliers(checked.items),
    "rare foreground": lambda checked, sides: check_rare_foreground(checked.items, sides=sides),
    "two populations": lambda checked, _: check_two_populations(checked.items, populations=checked.populations),
    "scale": lambda checked, _: check_scale(checked.items),
    "pixel sizes": lambda checked, _: check_pixel_sizes(checked.items, pixel_sizes=checked.pixel_sizes),
    "mask magnification": lambda checked, _: check_mask_magnification(checked.items),
}

_SPLIT_CHECKS: Mapping[str, Callable[[CheckedSet, SplitSides], list[DataFinding]]] = {
    "duplicate leakage": lambda checked, sides: check_duplicate_leakage(
        checked.items, duplicates=checked.duplicates, sides=sides
    ),
    "tile overlap": lambda checked, sides: check_tile_overlap(checked.items, overlaps=checked.overlaps, sides=sides),
    "group leakage": lambda checked, sides: check_group_leakage(checked.items, sides=sides),
    "domain shift": lambda checked, sides: check_domain_shift(checked.items, sides=sides),
    "validation coverage": lambda checked, sides: check_validation_coverage(
        checked.items, populations=checked.populations, sides=sides
    ),
    "validation size": lambda _, sides: check_validation_size(sides=sides),
    "scale of the sides": lambda checked, sides: check_scale_of_sides(checked.items, sides=sides),
}


def check_items(
    items: Sequence[ItemMeasures], *, problems: Sequence[Problem], sides: SplitSides | None
) -> tuple[DataFinding, ...]:
    """Run every check.

    Parameters
    ----------
    items : sequence of ItemMeasures
        Every usable pair, sorted by name.
    problems : sequence of Problem
        Files that could not become part of an item.
    sides : SplitSides or None
        The split to look at; None for the set alone.

    Returns
    -------
    tuple of DataFinding
        The most severe first, then by code. A check that fails leaves a finding `check-failed` and the others alone.
    """
    checked = CheckedSet(items, problems)
    findings = check_set(checked, sides=sides)
    return findings if sides is None else ordered([*findings, *check_split(checked, sides)])


def check_set(checked: CheckedSet, *, sides: SplitSides | None = None) -> tuple[DataFinding, ...]:
    """Run the checks that need no split; `sides` only adds to their evidence."""
    return _run({name: partial(check, checked, sides) for name, check in _SET_CHECKS.items()})


def check_split(checked: CheckedSet, sides: SplitSides) -> tuple[DataFinding, ...]:
    """Run the checks of one split."""
    return _run({name: partial(check, checked, sides) for name, check in _SPLIT_CHECKS.items()})


def ordered(findings: Sequence[DataFinding]) -> tuple[DataFinding, ...]:
    """Return the most severe findings first, then by code; equal ones in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: (_SEVERITIES.index(finding.severity), finding.code)))


@dataclass(frozen=True, slots=True)
class Health:
    """How far a dataset can be trusted.

    Parameters
    ----------
    fatal, serious, worth_knowing : int
        Findings of each severity.
    verdict : str
        One line for people.
    """

    fatal: int
    serious: int
    worth_knowing: int
    verdict: str


def health(findings: Sequence[DataFinding]) -> Health:
    """Summarise findings."""
    counts = Counter(finding.severity for finding in findings)
    failed = sum(finding.code is DataFindingCode.CHECK_FAILED for finding in findings)
    fatal, serious = counts[DataSeverity.FATAL], counts[DataSeverity.SERIOUS]
    worth_knowing = counts[DataSeverity.WORTH_KNOWING]
    first = next((finding for severity in _SEVERITIES for finding in findings if finding.severity is severity), None)
    if first is None:
        verdict = "Nothing was found that would distort a training."
    elif fatal:
        verdict = f"Do not train on this yet: {count(fatal, 'fatal finding')}, first '{first.title}'."
    elif serious:
        verdict = f"Scores will be distorted: {count(serious, 'serious finding')}, first '{first.title}'."
    else:
        verdict = f"Fit for training; {count(worth_knowing, 'finding')} worth knowing."
    if failed:
        verdict += f" {count(failed, 'check')} could not be run."
    return Health(fatal=fatal, serious=serious, worth_knowing=worth_knowing, verdict=verdict)


def _run(checks: Mapping[str, Callable[[], list[DataFinding]]]) -> tuple[DataFinding, ...]:
    findings: list[DataFinding] = []
    for name, check in checks.items():
        try:
            findings += check()
        except Exception as error:
            # One check's mistake must not hide what the others saw.
            _LOGGER.exception("The check '%s' failed", name)
            findings.append(_failed(name, error))
    return ordered(findings)


def _failed(name: str, error: Exception) -> DataFinding:
    return DataFinding(
        code=DataFindingCode.CHECK_FAILED,
        severity=DataSeverity.WORTH_KNOWING,
        title="A check could not be run",
        message=f"The check of {name} ended with an error ({type(error).__name__}: {error}), so that nobody knows what "
        "it would have found. The other checks ran.",
        fix="Please report it with the log, which says where it happened.",
        evidence={"check": name},
    )
