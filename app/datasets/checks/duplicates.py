"""Pictures that are in the set more than once: as the same bytes, re-saved, brightened, turned or mirrored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy import fft, ndimage, sparse
from scipy.sparse import csgraph

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Normalised correlation of two small pictures without their illumination.
DUPLICATE_CORRELATION = 0.9

_SOURCE = (
    "benchmarks/checks: re-saved, brightened and turned copies correlate above 0.95; different pictures below 0.4, "
    "single objects in the middle of the picture below 0.87"
)

#: Two random hashes agree in 50 ± 3 % of their bits, pictures with a correlation of 0.9 in 86 ± 2 % (equal signs of
#: correlated normal numbers: 1 − arccos(0.9)/π).
_HASH_AGREEMENT = 0.7
_HASH_SIDE = 16
# The lowest frequencies are illumination, which all pictures of a microscope share.
_LOWEST_FREQUENCY = 4

_ILLUMINATION_SIGMA = 3.0
_FLAT = 1e-4
_BLOCK = 1024
_MOST_GATHERED = 20_000
_PAIRS_SHOWN = 100
_SMALL_CLUSTER = 12
_SAME_MASK_IOU = 0.5


class _Turn(NamedTuple):
    """An orientation: rows and columns swapped, then the rows' and the columns' order reversed."""

    text: str
    swapped: bool
    rows_reversed: bool
    columns_reversed: bool

    def of_pictures(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn (items, rows, columns)."""
        turned = pictures.transpose(0, 2, 1) if self.swapped else pictures
        return turned[:, :: -1 if self.rows_reversed else 1, :: -1 if self.columns_reversed else 1]

    def of_frequencies(self, grid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the cosine transforms (items, frequencies, frequencies) of pictures."""
        # Reversing an axis changes the sign of its odd frequencies.
        alternating = np.where(np.arange(grid.shape[1]) % 2, -1, 1).astype(np.float32)
        turned = grid.transpose(0, 2, 1) if self.swapped else grid
        if self.rows_reversed:
            turned = turned * alternating[:, np.newaxis]
        return turned * alternating if self.columns_reversed else turned


_TURNS = (
    _Turn("", False, False, False),
    _Turn("mirrored", False, False, True),
    _Turn("mirrored", False, True, False),
    _Turn("turned by 180°", False, True, True),
    _Turn("mirrored and turned", True, False, False),
    _Turn("turned by 90°", True, False, True),
    _Turn("turned by 90°", True, True, False),
    _Turn("mirrored and turned", True, True, True),
)


class DuplicatePair(NamedTuple):
    """Two items with the same picture.

    Parameters
    ----------
    first, second : int
        Positions in the items.
    correlation : float
        Of the small pictures; 1 for the same bytes.
    turn : str
        How the one lies to the other, such as `mirrored`; empty for the same orientation.
    """

    first: int
    second: int
    correlation: float
    turn: str


def find_duplicates(items: Sequence[ItemMeasures]) -> tuple[DuplicatePair, ...]:
    """Find the items with the same picture.

    A perceptual hash (signs of low cosine frequencies of the small picture without its illumination; after Zauner 2010,
    "Implementation and benchmarking of perceptual image hash functions") proposes pairs, in all eight orientations; the
    normalised correlation of the small pictures decides. Comparisons are products of blocks of matrices: 10,000 items
    take seconds.

    Returns
    -------
    tuple of DuplicatePair
        The most alike first: so many pairs that all items with one picture hang together, not every pair among them.
        Pictures without structure are duplicates only if their pixels are the same.
    """
    pairs, representatives = _same_pixels(items)
    if len(representatives) > 1:
        small = np.stack([items[position].small_image for position in representatives]).astype(np.float32)
        flat = small - ndimage.gaussian_filter(small, (0, _ILLUMINATION_SIGMA, _ILLUMINATION_SIGMA), mode="nearest")
        flat -= flat.mean(axis=(1, 2), keepdims=True)
        deviation = flat.std(axis=(1, 2))
        usable = np.flatnonzero(deviation > _FLAT)
        norms = np.linalg.norm(flat[usable].reshape(len(usable), -1), axis=1)
        pictures = flat[usable] / norms[:, np.newaxis, np.newaxis]
        pairs += [
            DuplicatePair(representatives[usable[first]], representatives[usable[second]], correlation, turn)
            for first, second, correlation, turn in _similar(pictures)
        ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.correlation, pair.first, pair.second)))


def clusters(pairs: Sequence[DuplicatePair]) -> list[list[int]]:
    """Return the positions that hang together, each cluster and all of them in order."""
    parent: dict[int, int] = {}

    def root(position: int) -> int:
        while parent.setdefault(position, position) != position:
            parent[position] = position = parent[parent[position]]
        return position

    for pair in pairs:
        parent[root(pair.first)] = root(pair.second)
    members: dict[int, list[int]] = defaultdict(list)
    for position in sorted(parent):
        members[root(position)].append(position)
    return sorted(members.values())


def check_near_duplicates(items: Sequence[ItemMeasures], *, duplicates: Sequence[DuplicatePair]) -> list[DataFinding]:
    """Tell which pictures are there more than once.

    Serious: copies weigh more in a training, and a random split puts them on both sides.
    """
    if not duplicates:
        return []
    best: dict[str, float] = {}
    for pair in duplicates:
        for position in (pair.first, pair.second):
            best.setdefault(items[position].name, pair.correlation)
    same = clusters(duplicates)
    spare = sum(len(cluster) - 1 for cluster in same)
    conflicting = [pair for pair in duplicates if not _masks_agree(items, pair)]
    message = (
        f"{count(len(best), 'item')} show only {count(len(same), 'different picture')}: "
        f"{listed([pair_text(items, pair) for pair in duplicates])}."
    )
    if conflicting:
        message += f" {count(len(conflicting), 'pair')} of them with different masks: at least one of each is wrong."
    return [
        DataFinding(
            code=DataFindingCode.NEAR_DUPLICATE,
            severity=DataSeverity.SERIOUS,
            title="The same picture more than once",
            message=message,
            fix=f"Keep one item of each picture: leave out {count(spare, 'item')}. Turn and mirror while training "
            "(augmentation), not in the folder.",
            items=tuple(best),
            value=duplicates[0].correlation,
            threshold=DUPLICATE_CORRELATION,
            per_item=best,
            evidence={
                "pairs": [[items[first].name, items[second].name] for first, second in _connections(duplicates)],
                "most_alike": [pair_evidence(items, pair) for pair in duplicates[:_PAIRS_SHOWN]],
                "clusters": [[items[position].name for position in cluster] for cluster in same[:_PAIRS_SHOWN]],
                "conflicting_masks": [pair_evidence(items, pair) for pair in conflicting[:_PAIRS_SHOWN]],
            },
            source=_SOURCE,
        )
    ]


def _connections(duplicates: Sequence[DuplicatePair]) -> list[tuple[int, int]]:
    """Return every pair within small clusters; in large ones only those that hold it together."""
    pairs: set[tuple[int, int]] = set()
    for cluster in clusters(duplicates):
        if len(cluster) <= _SMALL_CLUSTER:
            pairs.update(combinations(cluster, 2))
        else:
            members = set(cluster)
            pairs.update((pair.first, pair.second) for pair in duplicates if pair.first in members)
    return sorted(pairs)


def pair_text(items: Sequence[ItemMeasures], pair: DuplicatePair) -> str:
    """Return e.g. `a and b (mirrored)`."""
    turned = f" ({pair.turn})" if pair.turn else ""
    return f"{items[pair.first].name} and {items[pair.second].name}{turned}"


def pair_evidence(items: Sequence[ItemMeasures], pair: DuplicatePair) -> dict[str, JsonValue]:
    """Return a pair as plain JSON."""
    return {
        "first": items[pair.first].name,
        "second": items[pair.second].name,
        "correlation": round(pair.correlation, 4),
        "turn": pair.turn,
        "same_file": items[pair.first].image_sha256 == items[pair.second].image_sha256,
    }


def _same_pixels(items: Sequence[ItemMeasures]) -> tuple[list[DuplicatePair], list[int]]:
    """Return the pairs that come from the same bytes, and one item of each such picture."""
    positions: dict[tuple[str, tuple[int, ...] | None, bytes], list[int]] = defaultdict(list)
    for position, item in enumerate(items):
        # Pages of a stack share the file's hash, so that the picture itself has to agree as well.
        positions[item.image_sha256, item.window, item.small_image.tobytes()].append(position)
    same = [DuplicatePair(*pair, 1.0, "") for members in positions.values() for pair in pairwise(members)]
    return same, [members[0] for members in positions.values()]


def _similar(pictures: NDArray[np.float32]) -> Iterator[tuple[int, int, float, str]]:
    """Yield (first, second, correlation, turn) for pictures (items, rows, columns) with mean 0 and norm 1."""
    grid = fft.dctn(pictures, axes=(1, 2))[:, :_HASH_SIDE, :_HASH_SIDE]
    frequency = np.add.outer(np.arange(_HASH_SIDE), np.arange(_HASH_SIDE))
    used = frequency >= _LOWEST_FREQUENCY
    plain = np.sign(grid[:, used])
    least = (2 * _HASH_AGREEMENT - 1) * plain.shape[1]
    turned_hashes = [np.sign(turn.of_frequencies(grid)[:, used]) for turn in _TURNS]
    for top in range(0, len(pictures), _BLOCK):
        for left in range(top, len(pictures), _BLOCK):
            rows, columns = pictures[top : top + _BLOCK], pictures[left : left + _BLOCK]
            best = np.zeros((len(rows), len(columns)), np.float32)
            which = np.zeros(best.shape, np.int8)
            for index, (turn, hashes) in enumerate(zip(_TURNS, turned_hashes, strict=True)):
                alike = plain[top : top + _BLOCK] @ hashes[left : left + _BLOCK].T >= least
                if top == left:
                    alike = np.triu(alike, 1)
                if alike.any():
                    correlations = _correlations(rows, turn.of_pictures(columns), alike)
                    better = correlations > best
                    best[better], which[better] = correlations[better], index
            for first, second in _spanning_pairs(best):
                yield top + first, left + second, float(best[first, second]), _TURNS[which[first, second]].text


def _correlations(
    rows: NDArray[np.float32], columns: NDArray[np.float32], wanted: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the correlations where `wanted`, 0 elsewhere."""
    first, second = np.nonzero(wanted)
    result = np.zeros(wanted.shape, np.float32)
    if len(first) > _MOST_GATHERED:
        flat = rows.reshape(len(rows), -1), columns.reshape(len(columns), -1)
        result[wanted] = (flat[0] @ flat[1].T)[wanted]
        return result
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        result[first[part], second[part]] = np.einsum("irc,irc->i", rows[first[part]], columns[second[part]])
    return result


def _spanning_pairs(correlations: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the most alike pairs that connect what is alike: a series of frames has millions of pairs."""
    first, second = np.nonzero(correlations >= DUPLICATE_CORRELATION)
    if not len(first):
        return []
    nodes = sum(correlations.shape)
    # Distances above 0: the sparse graph takes 0 for no edge.
    distance = 1.5 - correlations[first, second]
    graph = sparse.coo_array((distance, (first, correlations.shape[0] + second)), shape=(nodes, nodes)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph).tocoo()
    edges = zip(tree.row, tree.col - correlations.shape[0], strict=True)
    return sorted((int(row), int(column)) for row, column in edges)


def _masks_agree(items: Sequence[ItemMeasures], pair: DuplicatePair) -> bool:
    first = items[pair.first].small_mask[np.newaxis]
    overlaps: list[float] = []
    for turn in _TURNS:
        if turn.text == pair.turn:
            second = turn.of_pictures(items[pair.second].small_mask[np.newaxis])
            union = float(np.maximum(first, second).sum())
            overlaps.append(float(np.minimum(first, second).sum()) / union if union else 1.0)
    return max(overlaps) >= _SAME_MASK_IOU
