"""Cutting large pictures into tiles: windows on them, nothing is written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from app.datasets.items.source import ItemSource, Window
from app.domain.dataset_import import TilingSpec

_TILE_END = re.compile(r"_r\d+_c\d+$")
_PAGE_END = re.compile(r"_p\d+$")


def tile_starts(length: int, *, size: int, overlap: int) -> list[int]:
    """Return where tiles begin along one side of a picture.

    Tiles follow each other at `size` - `overlap`; the last one is shifted back so that it lies wholly inside. A
    picture that is not longer than a tile has one tile, of its own length.

    Examples
    --------
    >>> tile_starts(1000, size=512, overlap=0), tile_starts(300, size=512, overlap=0)
    ([0, 488], [0])
    """
    if length <= size:
        return [0]
    step = size - overlap
    count = math.ceil((length - size) / step) + 1
    return [min(index * step, length - size) for index in range(count)]


def count_tiles(height: int, width: int, tiling: TilingSpec) -> int:
    """Return how many tiles a picture is cut into."""
    return math.prod(len(tile_starts(side, size=tiling.size, overlap=tiling.overlap)) for side in (height, width))


def tile_sources(source: ItemSource, *, height: int, width: int, tiling: TilingSpec) -> Iterator[ItemSource]:
    """Cut one picture: `<name>_r<row>_c<column>`, counted from 0, row by row, all of the picture's group.

    Parameters
    ----------
    source : ItemSource
        The whole picture.
    height, width : int
        Its size. A side shorter than the tile gives tiles of that length: nothing is padded.
    tiling : TilingSpec
        Size and overlap.
    """
    rows, columns = (tile_starts(side, size=tiling.size, overlap=tiling.overlap) for side in (height, width))
    tile_height, tile_width = min(tiling.size, height), min(tiling.size, width)
    for row, top in enumerate(rows):
        for column, left in enumerate(columns):
            yield replace(
                source,
                name=f"{source.name}_r{row}_c{column}",
                window=Window(top, left, tile_height, tile_width),
            )


def pair_name(name: str, *, is_tile: bool, is_page: bool) -> str:
    """Return the name of the pair of files that an item was cut from.

    Examples
    --------
    >>> pair_name("scan_p03_r1_c0", is_tile=True, is_page=True)
    'scan'
    """
    if is_tile:
        name = _TILE_END.sub("", name)
    return _PAGE_END.sub("", name) if is_page else name
