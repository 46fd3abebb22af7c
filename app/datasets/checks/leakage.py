"""What the sides of a split share and should not: copies of a picture, and acquisitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from app.datasets.checks.duplicates import DUPLICATE_CORRELATION, DuplicatePair, clusters
from app.datasets.checks.held_out import HeldOut, held_out_sides
from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: From this share of copied items on, the score says more about memory than about new images.
MOSTLY_COPIED = 0.5

_SHOWN = 100


def check_duplicate_leakage(
    items: Sequence[ItemMeasures], *, duplicates: Sequence[DuplicatePair], sides: SplitSides
) -> list[DataFinding]:
    """Tell which validation or test items were also trained on: a finding for each side.

    Serious; fatal where half of the side are copies.
    """
    same = [[items[position].name for position in cluster] for cluster in clusters(duplicates)]
    alike = {items[position].name: pair.correlation for pair in reversed(duplicates) for position in pair[:2]}
    return [
        finding
        for held_out in held_out_sides(sides)
        if (finding := _duplicate_finding(same, alike, held_out)) is not None
    ]


def check_group_leakage(items: Sequence[ItemMeasures], *, sides: SplitSides) -> list[DataFinding]:
    """Tell which acquisitions lie on both sides: a finding for validation, one for the test set.

    Serious: the images of one acquisition share specimen, light and focus, so that the score says how well the network
    does on more images of the *same* acquisitions.
    """
    return [finding for held_out in held_out_sides(sides) if (finding := _group_finding(items, held_out)) is not None]


def _duplicate_finding(
    same: Sequence[Sequence[str]], alike: Mapping[str, float], held_out: HeldOut
) -> DataFinding | None:
    copied: dict[str, str] = {}
    for names in same:
        seen = next((name for name in names if name in held_out.seen), None)
        if seen is not None:
            copied.update((name, seen) for name in names if name in held_out.names)
    if not copied:
        return None
    worst = sorted(copied, key=lambda name: (-alike[name], name))
    share = len(copied) / len(held_out.names)
    shown = listed([f"{name} is also {copied[name]}" for name in worst])
    return DataFinding(
        code=DataFindingCode.DUPLICATE_LEAKAGE,
        severity=DataSeverity.FATAL if share >= MOSTLY_COPIED else DataSeverity.SERIOUS,
        title=f"{held_out.side.capitalize()} items are also in {held_out.seen_text}",
        message=f"{count(len(copied), f'{held_out.side} item')} ({percent(share)} of that side) show the same "
        f"picture as an item in {held_out.seen_text}: {shown}. The score includes what "
        "was learned by heart.",
        fix="Leave out the copies, or put all copies of a picture on the same side.",
        items=tuple(worst),
        value=share,
        threshold=0.0,
        per_item={name: alike[name] for name in worst},
        evidence={
            "side": held_out.side,
            "pairs": [[name, copied[name]] for name in worst],
            "correlation_threshold": DUPLICATE_CORRELATION,
            "fatal_from": MOSTLY_COPIED,
        },
        source="by design, no picture is on two sides; fatal from half of the side on is a choice",
    )


def _group_finding(items: Sequence[ItemMeasures], held_out: HeldOut) -> DataFinding | None:
    seen = Counter(item.group for item in items if item.name in held_out.seen)
    own = Counter(item.group for item in items if item.name in held_out.names)
    shared = sorted(seen.keys() & own.keys(), key=lambda group: (-own[group], group))
    if not shared:
        return None
    order = {group: place for place, group in enumerate(shared)}
    concerned = sorted(
        (item for item in items if item.group in order and item.name in held_out.names),
        key=lambda item: (order[item.group], item.name),
    )
    share = len(concerned) / len(held_out.names)
    n_groups = len(seen.keys() | own.keys())
    verb, relatives = "lies" if len(shared) == 1 else "lie", "has" if len(concerned) == 1 else "have"
    if n_groups == 1:
        message = f"All items are from one acquisition ({shared[0]})."
        fix = "Add images of other acquisitions, and validate on those. If these are several, set the group pattern."
    else:
        message = (
            f"{count(len(shared), 'acquisition')} of {n_groups} {verb} on both sides: {listed(shared)}. "
            f"{count(len(concerned), f'{held_out.side} item')} ({percent(share)} of that side) {relatives} "
            f"relatives in {held_out.seen_text}."
        )
        fix = "Split by acquisition (grouped). If these are no acquisitions, set the group pattern of the dataset."
    return DataFinding(
        code=DataFindingCode.GROUP_LEAKAGE,
        severity=DataSeverity.SERIOUS,
        title="The same acquisitions on both sides of the split",
        message=f"{message} The score tells how the network does on these acquisitions, not on new ones.",
        fix=fix,
        items=tuple(item.name for item in concerned),
        value=share,
        threshold=0.0,
        evidence={
            "side": held_out.side,
            "groups": {group: {"seen": seen[group], held_out.side: own[group]} for group in shared[:_SHOWN]},
            "n_groups": n_groups,
            "n_shared_groups": len(shared),
        },
        source="catalogue of causes, leakage: the split shares tiles or groups",
    )
