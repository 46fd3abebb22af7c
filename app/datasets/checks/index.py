"""Checking what a registration has read."""

from __future__ import annotations

from app.datasets.checks.measures import SplitSides
from app.datasets.checks.running import CheckedSet, check_set, check_split, ordered
from app.datasets.items.indexed import DatasetIndex
from app.datasets.splits.planning import plan_split
from app.datasets.splits.split_plan import SplitItem
from app.domain.data_findings import DataFinding
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitSpec

#: The split that findings about leakage, shift and size refer to, unless a launch chooses another.
DEFAULT_SPLIT = SplitSpec()


def checked_set(index: DatasetIndex) -> CheckedSet:
    """Return what the checks look at, with grey values in the set's range."""
    low, high = index.intensity_low, index.intensity_high
    pixel_sizes = {
        item.name: float(item.statistics["pixel_size"][0]) for item in index.items if "pixel_size" in item.statistics
    }
    return CheckedSet(
        [item.measures.rescaled(low=low, high=high) for item in index.items],
        index.problems,
        pixel_sizes,
        [(item.image_path, item.mask_path) for item in index.items],
    )


def split_sides(index: DatasetIndex, spec: SplitSpec) -> SplitSides | None:
    """Return the names on each side of a split's first fold; None where the items cannot be divided so."""
    items = [SplitItem(item.name, item.group, item.foreground_fraction) for item in index.items]
    try:
        plan = plan_split(items, spec)
    except InvalidInputError:
        return None
    fold = plan.folds[0]
    return SplitSides(
        training=frozenset(items[position].name for position in fold.training),
        validation=frozenset(items[position].name for position in fold.validation),
        test=frozenset(items[position].name for position in plan.test),
    )


def check_index(index: DatasetIndex) -> tuple[DataFinding, ...]:
    """Run every check on a registered dataset, with the default split; the most severe findings first."""
    checked = checked_set(index)
    sides = split_sides(index, DEFAULT_SPLIT)
    findings = check_set(checked, sides=sides)
    return findings if sides is None else ordered([*findings, *check_split(checked, sides)])
