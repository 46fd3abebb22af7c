"""Masks that belong to other images than their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.datasets.checks.alignment import CONFIDENT
from app.datasets.checks.matching import match_matrix
from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Match from which a mask fits its own image.
OWN_MATCH = 4.0
#: Match from which it fits another, and by how much it has to fit that one better.
OTHER_MATCH = 6.0
MARGIN = 3.0

#: Share of the pairs that can be judged from which the whole set counts as shuffled.
_WHOLE_SET = 0.5
_LEAST_SHUFFLED = 3
#: A mask that fits no image is reported only where nearly all others fit theirs, …
_FITTING_SHARE = 0.8
_LEAST_FITTING = 5
#: … and its image is as distinct as theirs (a quantile), while it fits no better than chance.
_DISTINCT_QUANTILE = 0.25
_CHANCE_MATCH = 2.5
_CHANCE_CONFIDENCE = 5.5
_LEAST_FOREGROUND = 5e-4

_MOST_COMPARED = 500
_SEED = 20_240_501
_SOURCE = "benchmarks/checks: masks match their own image above 4, foreign ones below 4 in 99.9 % of the pairs"


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A mask that does not fit its own image, and the name of the image that it fits, if any."""

    name: str
    own: float
    fits: str | None
    match: float


def check_shuffling(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Find masks that match another image better than their own, or no image where all others do.

    Only masks that do not visibly lie on their image (shifted ones do) are compared with all images; of more than 500
    such masks, a seeded sample.

    Parameters
    ----------
    items : sequence of ItemMeasures
        The set.

    Returns
    -------
    list of DataFinding
        At most one: fatal if half of the pairs that can be judged are wrong, else serious.
    """
    doubtful = [index for index, item in enumerate(items) if _has_both(item) and item.shift_confidence < CONFIDENT]
    if not doubtful:
        return []
    sampled = len(doubtful) > _MOST_COMPARED
    if sampled:
        chosen = np.random.default_rng(_SEED).choice(len(doubtful), _MOST_COMPARED, replace=False)
        doubtful = [doubtful[position] for position in sorted(chosen)]
    images = np.stack([item.small_image for item in items])
    masks = np.stack([items[index].small_mask for index in doubtful])
    matches = match_matrix(images, masks)
    own = matches[doubtful, np.arange(len(doubtful))]
    others = matches.copy()
    others[doubtful, np.arange(len(doubtful))] = -np.inf
    confident = sum(item.shift_confidence >= CONFIDENT for item in items)
    fitting = confident + int(np.count_nonzero(own >= OWN_MATCH))
    foreign = _foreign(items, doubtful, own=own, others=others)
    orphans = _orphans(items, doubtful, own=own, foreign=foreign, fitting=fitting)
    if not foreign and not orphans:
        return []
    return [_finding(foreign + orphans, fitting=fitting, sampled=sampled)]


def _has_both(item: ItemMeasures) -> bool:
    return 0 < item.foreground_fraction < 1 and item.stored_max > item.stored_min


def _foreign(
    items: Sequence[ItemMeasures],
    doubtful: Sequence[int],
    *,
    own: NDArray[np.float32],
    others: NDArray[np.float32],
) -> list[_Foreign]:
    found = []
    for column, index in enumerate(doubtful):
        best = int(others[:, column].argmax())
        match = float(others[best, column])
        if own[column] < OWN_MATCH and match >= max(OTHER_MATCH, own[column] + MARGIN):
            found.append(_Foreign(items[index].name, float(own[column]), items[best].name, match))
    return sorted(found, key=lambda entry: (-entry.match, entry.name))


def _orphans(
    items: Sequence[ItemMeasures],
    doubtful: Sequence[int],
    *,
    own: NDArray[np.float32],
    foreign: Sequence[_Foreign],
    fitting: int,
) -> list[_Foreign]:
    """Return the masks that fit no image at all in a set whose other masks fit."""
    with_both = sum(_has_both(item) for item in items)
    if fitting < _LEAST_FITTING or fitting < _FITTING_SHARE * with_both:
        return []
    taken = {entry.name for entry in foreign}
    doubted = set(doubtful)
    distinct = np.quantile(
        [item.distinctness for index, item in enumerate(items) if index not in doubted and _has_both(item)] or [np.inf],
        _DISTINCT_QUANTILE,
    )
    return [
        _Foreign(items[index].name, float(own[column]), None, float(own[column]))
        for column, index in enumerate(doubtful)
        if items[index].name not in taken
        and own[column] < _CHANCE_MATCH
        and items[index].shift_confidence < _CHANCE_CONFIDENCE
        and items[index].distinctness >= distinct
        and items[index].foreground_fraction >= _LEAST_FOREGROUND
    ]


def _finding(wrong: Sequence[_Foreign], *, fitting: int, sampled: bool) -> DataFinding:
    judged = fitting + len(wrong)
    share = len(wrong) / judged
    whole = len(wrong) >= _LEAST_SHUFFLED and share >= _WHOLE_SET
    fits: dict[str, JsonValue] = {entry.name: entry.fits for entry in wrong}
    examples = listed(
        [
            f"the mask of '{entry.name}' fits "
            + (f"the image '{entry.fits}'" if entry.fits is not None else "no image of this set")
            for entry in wrong
        ]
    )
    sample = f" Only a sample of {_MOST_COMPARED} doubtful masks was compared." if sampled else ""
    if whole:
        title = "Images and masks are shuffled"
        message = (
            f"{len(wrong)} of {judged} masks that can be judged do not belong to their image: {examples}.{sample} "
            "A network trained on this set learns nothing."
        )
        fix = "Pair the files again: compare how images and masks are named and sorted, or give a table of pairs."
    else:
        title = f"{count(len(wrong), 'mask')} of another image"
        message = f"{len(wrong)} of {judged} masks do not belong to their image: {examples}.{sample}"
        fix = "Look at the overlays. Exchange the files where two are swapped, else drop these pairs."
    return DataFinding(
        code=DataFindingCode.PAIRS_SHUFFLED,
        severity=DataSeverity.FATAL if whole else DataSeverity.SERIOUS,
        title=title,
        message=message,
        fix=fix,
        items=tuple(entry.name for entry in wrong),
        value=share if whole else min(entry.own for entry in wrong),
        threshold=_WHOLE_SET if whole else OWN_MATCH,
        per_item={entry.name: entry.own for entry in wrong},
        evidence={
            "fits": fits,
            "matches": {entry.name: entry.match for entry in wrong},
            "judged": judged,
            "share": share,
            "sampled": sampled,
        },
        source=_SOURCE,
    )
