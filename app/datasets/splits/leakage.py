"""What the sides of a split share and should not: acquisitions, overlapping tiles, near-duplicates.

A model is scored too well on a validation image that it has all but seen (catalogue of causes, *leakage*).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.datasets.splits.refusal import count_of
from app.datasets.splits.split_plan import SplitItem, SplitPlan
from app.domain.data_findings import DataFindingCode

NamePair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SharedGroup:
    """An acquisition with items on both sides, and how many on each (of the first fold in which it has both)."""

    name: str
    training: int
    validation: int


@dataclass(frozen=True, slots=True)
class Leakage:
    """What training and validation share in any fold; pairs name one item of each side.

    Parameters
    ----------
    groups : tuple of SharedGroup
        Largest first.
    overlapping_tiles : tuple of (str, str)
        Tiles of one picture that have pixels in common.
    near_duplicates : tuple of (str, str)
        Pairs that a dataset check found to be all but equal.
    test_groups, test_overlapping_tiles, test_near_duplicates : int
        The same between the test set and all other items; numbers only, because a test set is not shown.
    """

    groups: tuple[SharedGroup, ...]
    overlapping_tiles: tuple[NamePair, ...]
    near_duplicates: tuple[NamePair, ...]
    test_groups: int
    test_overlapping_tiles: int
    test_near_duplicates: int

    @property
    def messages(self) -> tuple[str, ...]:
        """One sentence for each kind that was found."""
        sentences = []
        if self.groups:
            items = sum(group.training + group.validation for group in self.groups)
            sentences.append(
                f"{count_of(len(self.groups), 'acquisition')} with {items} images {_are(self.groups)} on both sides: "
                "images of one acquisition are alike, so that validation scores better than new acquisitions will."
            )
        sentences += [
            f"{count_of(len(pairs), 'pair')} of {what} {_are(pairs)} on both sides: the model is validated on what it "
            "was trained on."
            for pairs, what in (
                (self.overlapping_tiles, "overlapping tiles"),
                (self.near_duplicates, "near-duplicates"),
            )
            if pairs
        ]
        shared = [
            f"{count_of(number, noun)}{kind}"
            for number, noun, kind in (
                (self.test_groups, "acquisition", ""),
                (self.test_overlapping_tiles, "pair", " of overlapping tiles"),
                (self.test_near_duplicates, "pair", " of near-duplicates"),
            )
            if number
        ]
        if shared:
            sentences.append(
                f"The test set shares {' and '.join(shared)} with the other items: its score will be too good."
            )
        return tuple(sentences)


def _are(found: Sequence[object]) -> str:
    return "is" if len(found) == 1 else "are"


def near_duplicate_pairs(findings: Iterable[object]) -> tuple[NamePair, ...]:
    """Return the pairs of names that a dataset's stored findings call near-duplicates; what is malformed is skipped.

    Parameters
    ----------
    findings : iterable of object
        `DataFinding` as JSON; those of near-duplicates hold ``evidence["pairs"]``, a list of ``[name, name]``.
    """
    pairs: list[NamePair] = []
    for finding in findings:
        if not isinstance(finding, Mapping) or finding.get("code") != DataFindingCode.NEAR_DUPLICATE:
            continue
        evidence = finding.get("evidence")
        listed = evidence.get("pairs") if isinstance(evidence, Mapping) else None
        for pair in listed if isinstance(listed, Sequence) else ():
            match pair:
                case [str(one), str(other)]:
                    pairs.append((one, other))
    return tuple(pairs)


def find_leakage(items: Sequence[SplitItem], plan: SplitPlan, *, near_duplicates: Sequence[NamePair] = ()) -> Leakage:
    """Compare the sides of every fold, and the test set with all others.

    Parameters
    ----------
    items : sequence of SplitItem
        Those that were planned; an empty group is a group of its own.
    plan : SplitPlan
        Their sides.
    near_duplicates : sequence of (str, str)
        Names of items; names that the items lack are ignored.
    """
    groups: dict[str, SharedGroup] = {}
    tiles: dict[NamePair, None] = {}
    duplicates: dict[NamePair, None] = {}
    for fold in plan.folds:
        training, validation = _items(items, fold.training), _items(items, fold.validation)
        for group in _shared_groups(training, validation):
            groups.setdefault(group.name, group)
        # In another fold the same pair may lie the other way round.
        for one, other in _overlapping(training, validation):
            if (other, one) not in tiles:
                tiles[one, other] = None
        for one, other in _across(near_duplicates, training, validation):
            if (other, one) not in duplicates:
                duplicates[one, other] = None
    test = _items(items, plan.test)
    trained = {position for fold in plan.folds for side in (fold.training, fold.validation) for position in side}
    others = _items(items, sorted(trained))
    return Leakage(
        groups=tuple(sorted(groups.values(), key=lambda group: (-group.training - group.validation, group.name))),
        overlapping_tiles=tuple(tiles),
        near_duplicates=tuple(duplicates),
        test_groups=len(_shared_groups(others, test)),
        test_overlapping_tiles=len(_overlapping(others, test)),
        test_near_duplicates=len(_across(near_duplicates, others, test)),
    )


def _items(items: Sequence[SplitItem], positions: Iterable[int]) -> list[SplitItem]:
    return [items[position] for position in positions]


def _shared_groups(one: Sequence[SplitItem], other: Sequence[SplitItem]) -> list[SharedGroup]:
    first = Counter(item.group for item in one if item.group)
    second = Counter(item.group for item in other if item.group)
    return [SharedGroup(name, first[name], second[name]) for name in first if name in second]


def _across(pairs: Iterable[NamePair], one: Sequence[SplitItem], other: Sequence[SplitItem]) -> list[NamePair]:
    first, second = {item.name for item in one}, {item.name for item in other}
    found = {(a, b) if a in first else (b, a): None for a, b in pairs if _apart(a, b, first, second)}
    return list(found)


def _apart(a: str, b: str, first: set[str], second: set[str]) -> bool:
    return (a in first and b in second) or (b in first and a in second)


def _overlapping(one: Sequence[SplitItem], other: Sequence[SplitItem]) -> list[NamePair]:
    first, second = _by_picture(one), _by_picture(other)
    return [
        (first[picture][row].name, second[picture][column].name)
        for picture in first
        if picture in second
        for row, column in np.argwhere(_overlaps(_windows(first[picture]), _windows(second[picture])))
    ]


def _by_picture(items: Sequence[SplitItem]) -> dict[tuple[str, int | None], list[SplitItem]]:
    pictures: dict[tuple[str, int | None], list[SplitItem]] = {}
    for item in items:
        if item.place is not None:
            pictures.setdefault((item.place.file, item.place.page), []).append(item)
    return pictures


def _windows(items: Sequence[SplitItem]) -> NDArray[np.float64]:
    """Return (top, left, bottom, right) of each item; a whole picture has no end."""
    whole = (0.0, 0.0, np.inf, np.inf)
    return np.array(
        [
            whole
            if item.place is None or item.place.window is None
            else (
                item.place.window[0],
                item.place.window[1],
                item.place.window[0] + item.place.window[2],
                item.place.window[1] + item.place.window[3],
            )
            for item in items
        ],
        dtype=np.float64,
    )


def _overlaps(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    first, second = one[:, None, :], other[None, :, :]
    begin = np.maximum(first[..., :2], second[..., :2])
    end = np.minimum(first[..., 2:], second[..., 2:])
    overlap: NDArray[np.bool_] = np.all(begin < end, axis=-1)
    return overlap
