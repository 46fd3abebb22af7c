"""Tiles that show the same strip of the specimen: windows of one file, or neighbours in a grid by their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.held_out import HeldOut, held_out_sides
from app.datasets.checks.measures import SMALL_SIDE, ItemMeasures, SplitSides
from app.datasets.checks.wording import count, listed, percent
from app.datasets.pairing.groups import infer_group
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Median correlation of the strips of neighbouring tiles, and that of a single pair of neighbours, from which on the
#: strips show the same.
STRIP_CORRELATION = 0.6
LONE_STRIP_CORRELATION = 0.75

#: Narrower strips (in pixels of the 64×64 small pictures) also agree where tiles merely touch.
_NARROWEST = 3
_WIDEST = SMALL_SIDE - 8
_FEW_NEIGHBOURS = 3
_MOST_NEIGHBOURS = 12
_ILLUMINATION_SIGMA = 3.0

_SOURCE = (
    "by design, tiles on two sides share no pixel; benchmarks/checks: strips of overlapping tiles correlate above "
    f"{STRIP_CORRELATION:g}, of others below 0.5"
)

_GRID = re.compile(r"[_\-. ]r(\d+)[_\-. ]?c(\d+)$", re.IGNORECASE)


class Overlap(NamedTuple):
    """Two tiles with a strip in common.

    Parameters
    ----------
    first, second : int
        Positions in the items.
    share : float
        Share of the first tile's pixels that lie in the second as well (0 to 1).
    """

    first: int
    second: int
    share: float


def find_overlaps(items: Sequence[ItemMeasures]) -> tuple[Overlap, ...]:
    """Find the tiles that share pixels.

    Windows of one file are compared by their coordinates. Files named as a grid (`_r3_c1`) are compared by their
    pictures: of all widths of the common strip, the one at which the right strips of an acquisition's tiles agree best
    with the left strips of their neighbours (and lower with upper ones) counts, if they agree well. Strips of less than
    5 % of a tile cannot be told from tiles that touch.
    """
    return tuple(sorted([*_overlapping_windows(items), *_overlapping_neighbours(items)]))


def check_tile_overlap(
    items: Sequence[ItemMeasures], *, overlaps: Sequence[Overlap], sides: SplitSides
) -> list[DataFinding]:
    """Tell which validation or test tiles lie partly in tiles that were seen before: a finding for each side.

    Serious: a network is scored on pixels that it was trained on.
    """
    return [
        finding for held_out in held_out_sides(sides) if (finding := _finding(items, overlaps, held_out)) is not None
    ]


def _finding(items: Sequence[ItemMeasures], overlaps: Sequence[Overlap], held_out: HeldOut) -> DataFinding | None:
    shares: dict[str, float] = {}
    pairs: list[tuple[str, str]] = []
    for overlap in overlaps:
        names = items[overlap.first].name, items[overlap.second].name
        for name, other in (names, names[::-1]):
            if name in held_out.names and other in held_out.seen:
                pairs.append((name, other))
                # Strips on several sides add up; where they cross, a corner counts twice.
                shares[name] = min(1.0, shares.get(name, 0.0) + overlap.share)
    if not pairs:
        return None
    worst = dict(sorted(shares.items(), key=lambda entry: (-entry[1], entry[0])))
    share = len(worst) / len(held_out.names)
    return DataFinding(
        code=DataFindingCode.TILE_OVERLAP_LEAKAGE,
        severity=DataSeverity.SERIOUS,
        title="Overlapping tiles on both sides of the split",
        message=f"{count(len(worst), f'{held_out.side} item')} ({percent(share)} of that side) share pixels with "
        f"items in {held_out.seen_text}, up to {percent(max(worst.values()))} of a tile: "
        f"{listed([' and '.join(pair) for pair in pairs])}. The score is better than it will be on new images.",
        fix="Split by acquisition (grouped), or cut the tiles again without overlap.",
        items=tuple(worst),
        value=share,
        threshold=0.0,
        per_item=worst,
        evidence={"side": held_out.side, "pairs": [list(pair) for pair in pairs]},
        source=_SOURCE,
    )


# === Windows ===


def _overlapping_windows(items: Sequence[ItemMeasures]) -> list[Overlap]:
    # The pages of a stack share the file's hash; their names differ before the tile's.
    files: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, item in enumerate(items):
        if item.window is not None:
            files[item.image_sha256, infer_group(item.name)].append(position)
    found: list[Overlap] = []
    for positions in files.values():
        windows = np.array([items[position].window for position in positions])
        first, second = np.triu_indices(len(windows), 1)
        start = np.maximum(windows[first, :2], windows[second, :2])
        end = np.minimum(windows[first, :2] + windows[first, 2:], windows[second, :2] + windows[second, 2:])
        common = np.prod(np.maximum(end - start, 0), axis=1)
        found += [
            Overlap(
                positions[first[pair]], positions[second[pair]], float(common[pair] / np.prod(windows[first[pair], 2:]))
            )
            for pair in np.flatnonzero(common)
        ]
    return found


# === Grids of files ===


def _overlapping_neighbours(items: Sequence[ItemMeasures]) -> list[Overlap]:
    grids: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    for position, item in enumerate(items):
        match = _GRID.search(item.name)
        if match is not None and item.window is None:
            grids[infer_group(item.name)][int(match[1]), int(match[2])] = position
    found: list[Overlap] = []
    for grid in grids.values():
        for step in ((0, 1), (1, 0)):
            pairs = [
                (position, grid[row + step[0], column + step[1]])
                for (row, column), position in sorted(grid.items())
                if (row + step[0], column + step[1]) in grid
            ]
            width = _common_strip(items, pairs, is_below=step == (1, 0))
            if width is not None:
                found += [Overlap(*pair, width / SMALL_SIDE) for pair in pairs]
    return found


def _common_strip(items: Sequence[ItemMeasures], pairs: Sequence[tuple[int, int]], *, is_below: bool) -> float | None:
    """Return the width of the strip that neighbours share, in pixels of the small pictures; None if they share none."""
    if not pairs:
        return None
    # All neighbours of an acquisition overlap alike: some of them tell how far.
    chosen = pairs[:: -(-len(pairs) // _MOST_NEIGHBOURS)]
    first, second = (_flattened(items, [pair[side] for pair in chosen]) for side in (0, 1))
    if is_below:
        first, second = first.transpose(0, 2, 1), second.transpose(0, 2, 1)
    widths = np.arange(2 * _NARROWEST, 2 * _WIDEST + 1) / 2
    agreement = np.array([np.median(_strip_correlations(first, second, width)) for width in widths])
    best = int(agreement.argmax())
    needed = LONE_STRIP_CORRELATION if len(chosen) < _FEW_NEIGHBOURS else STRIP_CORRELATION
    return float(widths[best]) if agreement[best] >= needed else None


def _flattened(items: Sequence[ItemMeasures], positions: Sequence[int]) -> NDArray[np.float32]:
    small = np.stack([items[position].small_image for position in positions])
    light = ndimage.gaussian_filter(small, (0, _ILLUMINATION_SIGMA, _ILLUMINATION_SIGMA), mode="nearest")
    return np.asarray(small - light, np.float32)


def _strip_correlations(first: NDArray[np.float32], second: NDArray[np.float32], width: float) -> NDArray[np.float64]:
    """Return the correlation of the right `width` columns of each first picture with the left ones of its second."""
    columns = int(width)
    right_strip = first[:, :, SMALL_SIDE - columns :]
    left_strip = second[:, :, :columns]
    if width != columns:
        # Half a column further: between two columns of the second picture.
        left_strip = np.asarray((left_strip + second[:, :, 1 : columns + 1]) / 2, np.float32)
    left = left_strip - left_strip.mean(axis=(1, 2), keepdims=True)
    right = right_strip - right_strip.mean(axis=(1, 2), keepdims=True)
    norms = np.sqrt((left**2).sum(axis=(1, 2)) * (right**2).sum(axis=(1, 2)))
    return np.asarray((left * right).sum(axis=(1, 2)) / np.maximum(norms, 1e-12), np.float64)
