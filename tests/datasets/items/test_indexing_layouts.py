"""Every layout, stacks, tiles, labels and edits lead to items, and items lead back to the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from app.datasets.items import indexing
from app.datasets.items.indexed import DatasetIndex
from app.datasets.items.indexing import index_dataset
from app.datasets.items.preparation import prepare_items
from app.domain.corrections import Correction, DatasetEdits
from app.domain.dataset_import import ImportSpec, Layout, MaskRule, MaskSpec, TilingSpec
from app.domain.errors import ConflictError, InvalidInputError

RANDOM = np.random.default_rng(11)


def index(root: Path, *, edits: DatasetEdits | None = None, **spec: Any) -> DatasetIndex:
    return index_dataset(
        root,
        ImportSpec(**spec),
        edits or DatasetEdits(),
        max_pixels=100_000,
        thumbnails_dir=root.parent / "thumbnails",
        on_progress=lambda _done, _total: None,
    )


def masks_of(found: DatasetIndex, root: Path, *, side: int) -> np.ndarray:
    """Return what a training would see of the masks, at native size."""
    prepared = prepare_items(
        found.items,
        root=root,
        height=side,
        width=side,
        channels=1,
        mask_rule=found.mask_rule,
        intensity_low=found.intensity_low,
        intensity_high=found.intensity_high,
        max_pixels=100_000,
    )
    np.testing.assert_allclose(
        prepared.masks.mean(axis=(1, 2, 3)), [item.foreground_fraction for item in found.items], atol=1e-9
    )
    return prepared.masks[..., 0].astype(bool)


def thumbnail(root: Path, name: str) -> np.ndarray:
    with Image.open(root.parent / "thumbnails" / name) as picture:
        return np.asarray(picture)


def problems(found: DatasetIndex) -> list[tuple[str, str]]:
    return [(problem.code.value, problem.name) for problem in found.problems]


# --- Layouts ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    return RANDOM.integers(0, 60_000, (6, 40, 40), dtype=np.uint16), (RANDOM.random((6, 40, 40)) < 0.3)


def write(path: Path, pixels: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(pixels).save(path)
    else:
        tifffile.imwrite(path, pixels, photometric="minisblack", **options)


@pytest.mark.parametrize("layout", ["folders", "suffixes", "table", "stacks", "nested"])
@pytest.mark.parametrize("tiling", [None, TilingSpec(size=32, overlap=8)])
def test_every_layout_gives_the_same_pixels(
    tmp_path: Path, pictures: tuple[np.ndarray, np.ndarray], layout: str, tiling: TilingSpec | None
) -> None:
    images, masks = pictures[0], pictures[1] * np.uint8(255)
    root = tmp_path / "set"
    spec: dict[str, Any] = {"tiling": tiling}
    rows = ["image,mask,group"]
    for number in range(6):
        if layout == "folders":
            write(root / f"images/{number}.tif", images[number])
            write(root / f"masks/{number}.png", masks[number])
        elif layout == "nested":
            write(root / f"images/p{number}/x.png", images[number])
            write(root / f"masks/p{number}/x.tif", masks[number])
            spec["recursive"] = True
        elif layout == "suffixes":
            write(root / f"{number}.png", images[number])
            write(root / f"{number}_mask.png", masks[number])
        elif layout == "table":
            write(root / f"a/{number}.png", images[number])
            write(root / f"b/{5 - number}.png", masks[number])
            rows.append(f"a/{number}.png,b/{5 - number}.png,g{number % 2}")
    if layout == "table":
        (root / "pairs.csv").write_text("\n".join(rows))
    if layout == "stacks":
        write(root / "beads.tif", images, compression="zlib")
        write(root / "beads-gt.tif", masks, imagej=True, metadata={"axes": "ZYX"})
    found = index(root, **spec)
    side = 40 if tiling is None else 32
    assert len(found.items) == (6 if tiling is None else 6 * 4)
    assert [item.position for item in found.items] == list(range(len(found.items)))
    assert found.problems == ()
    seen = masks_of(found, root, side=side)
    for item, mask in zip(found.items, seen, strict=True):
        number = item.image_page if item.image_page is not None else int("".join(filter(str.isdigit, item.image_path)))
        row, column, height, width = item.window or (0, 0, 40, 40)
        np.testing.assert_array_equal(mask, pictures[1][number, row : row + height, column : column + width])
        assert thumbnail(root, f"{item.position}-mask.png").shape == (side, side)
        assert item.statistics["image_mean"] == pytest.approx(
            images[number, row : row + height, column : column + width].mean()
        )
    groups = {"stacks": {"beads"}, "table": {"g0", "g1"}, "nested": {f"p{number}/x" for number in range(6)}}
    assert {item.group for item in found.items} == groups.get(layout, {str(number) for number in range(6)})
    files = {path for item in found.items for path in (item.image_path, item.mask_path)}
    assert found.summary["bytes"] == sum((root / path).stat().st_size for path in files)


def test_pages_are_named_and_numbered(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root / "images/vol.tif", RANDOM.integers(0, 255, (12, 8, 8), dtype=np.uint8))
    write(root / "masks/vol.tif", np.ones((12, 8, 8), np.uint8))
    write(root / "images/one.tif", np.zeros((8, 8), np.uint8))
    write(root / "masks/one.tif", np.ones((8, 8), np.uint8))
    found = index(root)
    assert [item.name for item in found.items] == ["one", *(f"vol_p{page:02d}" for page in range(1, 13))]
    assert [item.image_page for item in found.items] == [None, *range(12)]
    assert {item.group for item in found.items[1:]} == {"vol"}
    assert len({item.image_sha256 for item in found.items[1:]}) == 1


def test_stacks_of_different_length_and_damaged_ones_are_named(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name, pages in (("a", 3), ("b", 2), ("c", 1)):
        write(root / f"images/{name}.tif", np.zeros((3, 8, 8), np.uint8))
        write(root / f"masks/{name}.tif", np.ones((pages, 8, 8), np.uint8))
    write(root / "images/d.tif", np.zeros((3, 8, 8), np.uint8))
    (root / "masks/d.tif").write_bytes((root / "images/d.tif").read_bytes()[:-40])
    write(root / "images/a_p2.tif", np.zeros((8, 8), np.uint8))
    write(root / "masks/a_p2.tif", np.ones((8, 8), np.uint8))
    found = index(root)
    assert [item.name for item in found.items] == ["a_p1", "a_p2", "a_p3"]
    assert problems(found) == [
        ("duplicate-stem", "a_p2"),
        ("pages-mismatch", "b"),
        ("pages-mismatch", "c"),
        ("unreadable-mask", "masks/d.tif"),
    ]
    assert "3 pages in 'images/b.tif' and 2 in 'masks/b.tif'" in found.problems[1].message


def test_one_bad_page_leaves_the_others_alone(tmp_path: Path) -> None:
    root = tmp_path / "set"
    images = np.ones((3, 8, 8), np.float32)
    images[1, 0, 0] = np.nan
    write(root / "images.tif", images)
    write(root / "masks.tif", np.ones((3, 8, 8), np.uint8))
    found = index(root, layout=Layout.STACKS, images="images.tif", masks="masks.tif")
    assert [item.name for item in found.items] == ["images_p1", "images_p3"]
    assert problems(found) == [("unreadable-image", "images.tif")]


def test_pixel_sizes_are_kept_and_counted(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name, options in (
        ("a", {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um"}}),
        ("b", {"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}}),
        ("c", {}),
    ):
        write(root / f"images/{name}.tif", np.zeros((8, 8), np.uint8), **options)
        write(root / f"masks/{name}.tif", np.ones((8, 8), np.uint8))
    found = index(root)
    assert [item.statistics.get("pixel_size") for item in found.items] == [[0.5, 0.25], [0.5, 0.25], None]
    assert found.summary["pixel_sizes"] == {"0.25×0.5": 2, "unknown": 1}


# --- Tiles ------------------------------------------------------------------------------------------------------


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A picture of 70×100 with foreground in its lower right corner, and one smaller than a tile."""
    root = tmp_path / "set"
    mask = np.zeros((70, 100), np.uint8)
    mask[60:, 90:] = 255
    write(root / "images/scan_r0_c0.png", RANDOM.integers(0, 255, (70, 100), dtype=np.uint8))
    write(root / "masks/scan_r0_c0.png", mask)
    write(root / "images/tiny.png", np.zeros((10, 12), np.uint8))
    write(root / "masks/tiny.png", np.full((10, 12), 255, np.uint8))
    return root


def test_tiles_are_items_of_the_untiled_pictures_group(scan: Path) -> None:
    before = {path: path.read_bytes() for path in scan.rglob("*.png")}
    found = index(scan, tiling=TilingSpec(size=32))
    assert [item.name for item in found.items][:3] == [f"scan_r0_c0_r0_c{column}" for column in range(3)]
    assert len(found.items) == 3 * 4 + 1
    assert {item.group for item in found.items} == {"scan", "tiny"}
    last = found.items[-2]
    assert (last.name, last.window, last.foreground_fraction) == ("scan_r0_c0_r2_c3", (38, 68, 32, 32), 100 / 1024)
    tiny = found.items[-1]
    assert (tiny.name, tiny.height, tiny.width, tiny.window) == ("tiny_r0_c0", 10, 12, (0, 0, 10, 12))
    assert {path: path.read_bytes() for path in scan.rglob("*.png")} == before


def test_tiles_without_enough_foreground_are_left_out(scan: Path) -> None:
    found = index(scan, tiling=TilingSpec(size=32, minimum_foreground=0.09))
    assert [item.name for item in found.items] == ["scan_r0_c0_r2_c3", "tiny_r0_c0"]
    assert [item.position for item in found.items] == [0, 1]
    assert len(list((scan.parent / "thumbnails").iterdir())) == 4
    with pytest.raises(InvalidInputError, match=r"No tile has the least foreground.*1 item is left out"):
        index(scan, tiling=TilingSpec(size=32, minimum_foreground=1), edits=DatasetEdits(dropped={"tiny_r0_c0"}))


def test_the_least_foreground_is_judged_by_the_rule_of_the_whole_set(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name, value in (("a", 1), ("b", 255)):
        write(root / f"images/{name}.png", np.zeros((32, 64), np.uint8))
        mask = np.zeros((32, 64), np.uint8)
        mask[:, :32] = value
        write(root / f"masks/{name}.png", mask)
    # Mask `a` alone would be 0/1 with a full tile; with `b` it holds no foreground.
    found = index(root, tiling=TilingSpec(size=32, minimum_foreground=0.5))
    assert [item.name for item in found.items] == ["b_r0_c0"]


def test_too_many_tiles_are_refused(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "MOST_ITEMS", 12)
    with pytest.raises(InvalidInputError, match=r"more than 12 items.*larger tiles"):
        index(scan, tiling=TilingSpec(size=32))


def test_a_group_pattern_sees_the_name_of_the_pair(scan: Path) -> None:
    found = index(scan, tiling=TilingSpec(size=32), group_pattern=r"^s(\w+)$")
    assert {item.group for item in found.items} == {"can_r0_c0", "tiny"}


# --- Labels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_chosen_labels_are_foreground(tmp_path: Path, dtype: str) -> None:
    root = tmp_path / "set"
    labels = RANDOM.integers(0, 5, (3, 16, 16))
    for number in range(3):
        write(root / f"images/{number}.png", np.zeros((16, 16), np.uint8))
        write(root / f"masks/{number}.tif", labels[number].astype(dtype))
    found = index(root, mask=MaskSpec(rule=MaskRule.LABELS, foreground_labels=(1, 4)))
    np.testing.assert_array_equal(masks_of(found, root, side=16), np.isin(labels, (1, 4)))
    assert (found.mask_rule.threshold, found.mask_rule.labels) == (None, (1, 4))
    assert found.summary["mask_values"] == [[value, int((labels == value).sum())] for value in range(5)]
    assert found.summary["mask_distinct"] == 5
    others = {
        index(root, mask=MaskSpec(rule=MaskRule.LABELS, foreground_labels=chosen)).content_hash
        for chosen in ((1, 4), (4, 1), (1,), (4,))
    }
    assert len(others) == 3
    assert found.content_hash in others


def test_palette_masks_are_labels(tmp_path: Path) -> None:
    root = tmp_path / "set"
    labels = RANDOM.integers(0, 3, (16, 16), dtype=np.uint8)
    write(root / "images/a.png", np.zeros((16, 16), np.uint8))
    picture = Image.fromarray(labels).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    (root / "masks").mkdir()
    picture.save(root / "masks/a.png")
    found = index(root, mask=MaskSpec(rule=MaskRule.LABELS, foreground_labels=(2,)))
    assert found.items[0].foreground_fraction == (labels == 2).mean()


# --- Edits ------------------------------------------------------------------------------------------------------


@pytest.fixture
def four(root: Path, write_pair: Any) -> Path:
    for name in "abcd":
        write_pair(name)
    return root


def test_dropped_items_are_left_out_unread(four: Path) -> None:
    (four / "images" / "b.png").write_bytes(b"text")
    found = index(four, edits=DatasetEdits(dropped={"b", "d"}))
    assert [(item.position, item.name) for item in found.items] == [(0, "a"), (1, "c")]
    assert found.problems == ()
    assert len(list((four.parent / "thumbnails").iterdir())) == 4
    with pytest.raises(InvalidInputError, match="4 items are left out by this version's edits"):
        index(four, edits=DatasetEdits(dropped=set("abcd")))


def test_corrections_change_foreground_thumbnail_hash_and_what_is_trained_on(four: Path) -> None:
    plain = index(four)
    edits = DatasetEdits(
        corrected={
            "a": Correction(invert_mask=True),
            "b": Correction(mask_threshold=255),
            "c": Correction(shift_mask=(3, 4)),
        }
    )
    found = index(four, edits=edits)
    assert [item.foreground_fraction for item in found.items] == [0.75, 0, 0.25, 0.25]
    assert [thumbnail(four, f"{position}-mask.png").mean() / 255 for position in range(4)] == [0.75, 0, 0.25, 0.25]
    assert thumbnail(four, "2-mask.png")[:3].max() == 0
    assert found.content_hash != plain.content_hash
    assert index(four, edits=DatasetEdits(corrected={"a": Correction()})).content_hash == plain.content_hash
    assert [item.correction for item in found.items[:3]] == list(edits.corrected.values())
    prepared = prepare_items(
        found.items,
        root=four,
        height=12,
        width=16,
        channels=3,
        mask_rule=found.mask_rule,
        intensity_low=0,
        intensity_high=255,
        max_pixels=1000,
    )
    expected = np.zeros((12, 16), bool)
    expected[3:9, 4:12] = True
    np.testing.assert_array_equal(prepared.masks[2, ..., 0], expected)
    np.testing.assert_array_equal(prepared.masks[0, ..., 0], 1 - prepared.masks[3, ..., 0])


def test_an_outlier_with_its_own_threshold_or_left_out_has_no_say_in_the_rule(four: Path, write_pair: Any) -> None:
    for name in "abc":
        write_pair(name, value=1)
    assert [item.foreground_fraction for item in index(four).items] == [0, 0, 0, 0.25]
    corrected = index(four, edits=DatasetEdits(corrected={"d": Correction(mask_threshold=127.5)}))
    assert [item.foreground_fraction for item in corrected.items] == [0.25] * 4
    assert corrected.mask_rule.threshold == 0.5
    assert index(four, edits=DatasetEdits(dropped={"d"})).mask_rule.threshold == 0.5


def test_an_own_threshold_makes_a_mask_of_another_type_usable(four: Path, write_pair: Any) -> None:
    write_pair("e", value=65535, dtype=np.uint16)
    assert problems(index(four)) == [("mask-type-mismatch", "masks/e.png")]
    found = index(four, edits=DatasetEdits(corrected={"e": Correction(mask_threshold=30_000)}))
    assert (problems(found), found.items[-1].foreground_fraction) == ([], 0.25)


def test_tiles_are_dropped_and_corrected_by_name(scan: Path) -> None:
    edits = DatasetEdits(dropped={"scan_r0_c0_r0_c0"}, corrected={"scan_r0_c0_r2_c3": Correction(invert_mask=True)})
    found = index(scan, tiling=TilingSpec(size=32), edits=edits)
    assert len(found.items) == 12
    assert found.items[-2].foreground_fraction == 1 - 100 / 1024


def test_edits_of_items_that_are_gone_are_named(four: Path) -> None:
    edits = DatasetEdits(dropped={"gone", "a"}, corrected={"<b>": Correction(invert_mask=True)})
    found = index(four, edits=edits)
    assert problems(found) == [("edit-without-item", "<b>"), ("edit-without-item", "gone")]
    assert len(found.items) == 3


def test_the_hash_tells_pages_tiles_and_groups_apart(scan: Path, tmp_path: Path) -> None:
    hashes = [
        index(scan).content_hash,
        index(scan, tiling=TilingSpec(size=32)).content_hash,
        index(scan, tiling=TilingSpec(size=32, overlap=16)).content_hash,
        index(scan, group_pattern="^.").content_hash,
    ]
    assert len(set(hashes)) == 4
    assert index(scan, group_pattern="no match").content_hash == hashes[0]


def test_thumbnails_of_an_earlier_reading_do_not_stay(four: Path) -> None:
    index(four)
    index(four, edits=DatasetEdits(dropped={"a"}))
    assert sorted(path.name for path in (four.parent / "thumbnails").iterdir()) == sorted(
        f"{position}-{kind}" for position in range(3) for kind in ("image.jpg", "mask.png")
    )
    with pytest.raises(InvalidInputError):
        index(four, edits=DatasetEdits(dropped=set("abcd")))
    assert [path.name for path in four.parent.iterdir() if "part" in path.name] == []


def test_preparing_reads_a_changed_stack_no_more(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root / "a.tif", np.zeros((2, 8, 8), np.uint8))
    write(root / "a_mask.tif", np.ones((2, 8, 8), np.uint8))
    found = index(root)
    write(root / "a_mask.tif", np.ones((2, 8, 8), np.uint8) * 2)
    with pytest.raises(ConflictError, match=r"'a_mask\.tif': received other content"):
        masks_of(found, root, side=8)
