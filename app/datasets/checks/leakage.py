"""What training and validation share and should not: copies of a picture, and acquisitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.datasets.checks.duplicates import DUPLICATE_CORRELATION, DuplicatePair, clusters
from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: From this share of copied validation items on, the score says more about memory than about new images.
MOSTLY_COPIED = 0.5

_SHOWN = 100


def check_duplicate_leakage(
    items: Sequence[ItemMeasures], *, duplicates: Sequence[DuplicatePair], sides: SplitSides
) -> list[DataFinding]:
    """Tell which validation items are also in training.

    Serious; fatal where half of the validation items are copies.
    """
    copied: dict[str, list[str]] = {}
    for cluster in clusters(duplicates):
        names = [items[position].name for position in cluster]
        training = [name for name in names if name in sides.training]
        if training:
            copied.update((name, training) for name in names if name in sides.validation)
    if not copied:
        return []
    alike = {items[position].name: pair.correlation for pair in reversed(duplicates) for position in pair[:2]}
    worst = sorted(copied, key=lambda name: (-alike[name], name))
    share = len(copied) / len(sides.validation)
    examples = listed([f"{name} is also {copied[name][0]}" for name in worst])
    return [
        DataFinding(
            code=DataFindingCode.DUPLICATE_LEAKAGE,
            severity=DataSeverity.FATAL if share >= MOSTLY_COPIED else DataSeverity.SERIOUS,
            title="Validation items are also in training",
            message=f"{count(len(copied), 'validation item')} ({percent(share)} of that side) show the same "
            f"picture as a training item: {examples}. The validation score includes what was learned by heart.",
            fix="Leave out the copies, or put all copies of a picture on the same side.",
            items=tuple(worst),
            value=share,
            threshold=0.0,
            per_item={name: alike[name] for name in worst},
            evidence={
                "pairs": [[name, other] for name in worst[:_SHOWN] for other in copied[name][:1]],
                "correlation_threshold": DUPLICATE_CORRELATION,
                "fatal_from": MOSTLY_COPIED,
            },
            source="by design, no picture is on two sides; fatal from half of the validation items on is a choice",
        )
    ]


def check_group_leakage(items: Sequence[ItemMeasures], *, sides: SplitSides) -> list[DataFinding]:
    """Tell which acquisitions lie on both sides.

    Serious: the images of one acquisition share specimen, light and focus, so that validation says how well the
    network does on more images of the *same* acquisitions.
    """
    training = Counter(item.group for item in items if item.name in sides.training)
    validation = Counter(item.group for item in items if item.name in sides.validation)
    shared = sorted(training.keys() & validation.keys(), key=lambda group: (-validation[group], group))
    if not shared:
        return []
    concerned = [
        item.name for group in shared for item in items if item.group == group and item.name in sides.validation
    ]
    share = len(concerned) / len(sides.validation)
    n_groups = len(training.keys() | validation.keys())
    only_one = n_groups == 1
    message = (
        f"All items are from one acquisition ({shared[0]})."
        if only_one
        else f"{count(len(shared), 'acquisition')} of {n_groups} {'lies' if len(shared) == 1 else 'lie'} on both "
        f"sides: {listed(shared)}. {count(len(concerned), 'validation item')} ({percent(share)} of that side) "
        f"{'has' if len(concerned) == 1 else 'have'} relatives in training."
    )
    return [
        DataFinding(
            code=DataFindingCode.GROUP_LEAKAGE,
            severity=DataSeverity.SERIOUS,
            title="The same acquisitions on both sides of the split",
            message=f"{message} The score tells how the network does on these acquisitions, not on new ones.",
            fix="Add images of other acquisitions, and validate on those."
            if only_one
            else "Split by acquisition (grouped). If these are no acquisitions, set the group pattern of the dataset.",
            items=tuple(concerned),
            value=share,
            threshold=0.0,
            evidence={
                "groups": {
                    group: {"training": training[group], "validation": validation[group]} for group in shared[:_SHOWN]
                },
                "n_groups": n_groups,
                "n_shared_groups": len(shared),
            },
            source="catalogue of causes, leakage: the split shares tiles or groups",
        )
    ]
