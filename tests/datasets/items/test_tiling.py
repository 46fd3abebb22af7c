"""Tiles cover a picture, lie inside it, and have names that cannot clash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.datasets.items.source import ItemSource, Window
from app.datasets.items.tiling import count_tiles, pair_name, tile_sources, tile_starts
from app.domain.dataset_import import TilingSpec

SOURCE = ItemSource("scan_p03", "scan", "scan.tif", "masks.tif", image_page=2, mask_page=2)


@pytest.mark.parametrize(
    ("length", "size", "overlap", "starts"),
    [
        (512, 512, 0, [0]),
        (300, 512, 100, [0]),
        (513, 512, 0, [0, 1]),
        (1024, 512, 0, [0, 512]),
        (1000, 512, 0, [0, 488]),
        (1024, 512, 256, [0, 256, 512]),
        (1100, 512, 256, [0, 256, 512, 588]),
        (1, 32, 0, [0]),
    ],
)
def test_starts(length: int, size: int, overlap: int, starts: list[int]) -> None:
    assert tile_starts(length, size=size, overlap=overlap) == starts


@given(height=st.integers(1, 200), width=st.integers(1, 200), size=st.integers(32, 80), overlap=st.integers(0, 60))
def test_tiles_cover_the_picture_and_lie_inside(height: int, width: int, size: int, overlap: int) -> None:
    assume(overlap < size)
    tiling = TilingSpec(size=size, overlap=overlap)
    covered = np.zeros((height, width), int)
    tiles = list(tile_sources(SOURCE, height=height, width=width, tiling=tiling))
    for tile in tiles:
        assert tile.window is not None
        row, column, tile_height, tile_width = tile.window
        assert (tile_height, tile_width) == (min(size, height), min(size, width))
        assert 0 <= row <= height - tile_height
        assert 0 <= column <= width - tile_width
        covered[row : row + tile_height, column : column + tile_width] += 1
    assert covered.min() >= 1
    assert len(tiles) == count_tiles(height, width, tiling)
    if overlap == 0 and height % size == 0 and width % size == 0:
        assert covered.max() == 1


def test_a_tile_keeps_all_else_of_its_picture() -> None:
    tiles = list(tile_sources(SOURCE, height=64, width=50, tiling=TilingSpec(size=32)))
    assert [tile.name for tile in tiles] == ["scan_p03_r0_c0", "scan_p03_r0_c1", "scan_p03_r1_c0", "scan_p03_r1_c1"]
    assert tiles[1].window == Window(0, 18, 32, 32)
    assert {(tile.group, tile.image_page, tile.image_path) for tile in tiles} == {("scan", 2, "scan.tif")}


@given(names=st.sets(st.sampled_from(["a", "a_r0_c0", "a_r0_c0_r0_c0", "b", "a_r1_c0"])), side=st.integers(1, 100))
def test_names_of_tiles_never_clash(names: set[str], side: int) -> None:
    tiles = [
        tile.name
        for name in names
        for tile in tile_sources(
            ItemSource(name, "", "i", "m"), height=side, width=side, tiling=TilingSpec(size=32, overlap=3)
        )
    ]
    assert len(tiles) == len(set(tiles))


@given(st.text(max_size=8), st.integers(0, 99), st.integers(0, 99), st.integers(1, 999))
def test_the_pair_is_found_again(name: str, row: int, column: int, page: int) -> None:
    tile = f"{name}_p{page:03d}_r{row}_c{column}"
    assert pair_name(tile, is_tile=True, is_page=True) == name
    assert pair_name(tile, is_tile=True, is_page=False) == f"{name}_p{page:03d}"
    assert pair_name(f"{name}_p{page}", is_tile=False, is_page=True) == name
    assert pair_name(tile, is_tile=False, is_page=False) == tile


def test_overlap_must_be_less_than_the_size() -> None:
    with pytest.raises(ValueError, match="overlap must be less"):
        TilingSpec(size=64, overlap=64)
