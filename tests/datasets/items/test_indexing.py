"""A folder becomes a dataset: the numbers are right, and one bad file never spoils the rest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.datasets.items.indexed import DatasetIndex
from app.datasets.items.indexing import index_dataset
from app.datasets.pairing.groups import infer_group
from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec, MaskRule, MaskSpec
from app.domain.errors import InvalidInputError


def index(root: Path, **changes: Any) -> DatasetIndex:
    options: dict[str, Any] = {
        "max_pixels": 1_000_000,
        "thumbnails_dir": root.parent / "thumbnails",
        "on_progress": lambda _done, _total: None,
    }
    edits = changes.pop("edits", DatasetEdits())
    options |= {name: changes.pop(name) for name in options if name in changes}
    return index_dataset(root, ImportSpec(**changes), edits, **options)


def thumbnail(root: Path, name: str) -> np.ndarray:
    with Image.open(root.parent / "thumbnails" / name) as picture:
        return np.asarray(picture)


def test_an_item_is_measured(root: Path, write_pair: Any) -> None:
    write_pair("b_r0_c1")
    write_pair("a_r0_c1")
    found = index(root)
    first = found.items[0]
    assert [(item.position, item.name, item.group) for item in found.items] == [
        (0, "a_r0_c1", "a"),
        (1, "b_r0_c1", "b"),
    ]
    assert (first.height, first.width, first.channels) == (12, 16, 3)
    assert (first.image_dtype, first.mask_dtype) == ("uint8", "uint8")
    assert first.foreground_fraction == 0.25
    assert first.fractional_share == 0
    assert (first.image_path, first.mask_path) == ("images/a_r0_c1.png", "masks/a_r0_c1.png")
    image = np.asarray(Image.open(root / first.image_path))
    assert first.statistics["image_mean"] == pytest.approx(image.mean())
    assert first.statistics["image_std"] == pytest.approx(image.std())
    assert (first.statistics["mask_max"], first.statistics["mask_n_unique"]) == (255, 2)
    assert (found.mask_rule.threshold, found.intensity_low, found.intensity_high) == (127.5, 0, 255)
    assert found.summary["sizes"] == {"16×12": 2}
    assert (found.summary["foreground_mean"], found.summary["foreground_std"]) == (0.25, 0)
    json.dumps([found.summary, first.statistics])


def test_progress_counts_to_the_end(root: Path, write_pair: Any) -> None:
    for name in "abc":
        write_pair(name)
    seen: list[tuple[int, int]] = []
    index(root, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_hash_depends_on_content_alone(root: Path, write_pair: Any, tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_pair(name)
    original = index(root).content_hash
    shutil.copytree(root, tmp_path / "elsewhere" / "set")
    assert index(tmp_path / "elsewhere" / "set").content_hash == original
    assert index(root, mask=MaskSpec(rule=MaskRule.NONZERO)).content_hash != original
    write_pair("a", value=254)
    assert index(root).content_hash != original


def test_bad_files_become_problems(root: Path, write_pair: Any) -> None:
    for name in ("bad-image", "bad-mask", "good", "huge", "size", "z"):
        write_pair(name)
    (root / "images" / "bad-image.png").write_bytes(b"text")
    whole = (root / "masks" / "bad-mask.png").read_bytes()
    (root / "masks" / "bad-mask.png").write_bytes(whole[:40])
    Image.new("L", (5, 5)).save(root / "masks" / "size.png")
    Image.new("L", (2000, 2000)).save(root / "images" / "huge.png")
    found = index(root)
    assert [(item.position, item.name) for item in found.items] == [(0, "good"), (1, "z")]
    assert {problem.name: problem.code.value for problem in found.problems} == {
        "images/bad-image.png": "unreadable-image",
        "masks/bad-mask.png": "unreadable-mask",
        "images/huge.png": "too-large",
        "size": "size-mismatch",
    }
    assert found.summary["problems"]["too-large"] == 1
    assert thumbnail(root, "1-mask.png").shape == (12, 16)


def test_nothing_usable_is_an_error_with_reasons(root: Path, write_pair: Any) -> None:
    write_pair("a")
    (root / "images" / "a.png").write_bytes(b"text")
    with pytest.raises(InvalidInputError, match=r"none can be used.*'images/a\.png'"):
        index(root)


def test_a_later_mask_corrects_the_rule_of_earlier_ones(root: Path, write_pair: Any) -> None:
    write_pair("a", value=1)
    write_pair("b", value=255)
    found = index(root)
    assert found.mask_rule.threshold == 127.5
    assert [item.foreground_fraction for item in found.items] == [0, 0.25]
    assert thumbnail(root, "0-mask.png").max() == 0
    assert thumbnail(root, "1-mask.png").max() == 255


def test_masks_of_another_type_are_named_and_positions_stay_dense(root: Path, write_pair: Any) -> None:
    write_pair("a", value=65535, dtype=np.uint16)
    write_pair("b", value=255, size=(4, 6))
    write_pair("c", value=255)
    found = index(root)
    assert [(item.position, item.name) for item in found.items] == [(0, "b"), (1, "c")]
    assert [problem.code.value for problem in found.problems] == ["mask-type-mismatch"]
    assert thumbnail(root, "0-mask.png").shape == (4, 6)
    assert thumbnail(root, "1-mask.png").shape == (12, 16)


def test_label_masks_have_no_fractional_share(root: Path, write_pair: Any) -> None:
    write_pair("a", value=7)
    found = index(root)
    assert (found.mask_rule.threshold, found.items[0].fractional_share) == (0, 0)
    assert "label" in found.mask_rule.text


def test_interpolated_masks_are_noticed(root: Path, write_pair: Any) -> None:
    write_pair("a")
    mask = np.full((12, 16), 255, np.uint8)
    mask[0] = 100
    Image.fromarray(mask).save(root / "masks" / "a.png")
    found = index(root)
    assert found.items[0].fractional_share == pytest.approx(1 / 12)
    assert found.summary["fractional_items"] == 1


def test_sixteen_bit_range_is_measured_over_the_set(root: Path, write_pair: Any) -> None:
    for name, level in (("a", 300), ("b", 4000)):
        write_pair(name)
        Image.fromarray(np.full((12, 16), level, np.uint16)).save(root / "images" / f"{name}.png")
    found = index(root)
    assert (found.intensity_low, found.intensity_high) == (300, 4000)


def test_folders_may_not_leave_the_root(root: Path, write_pair: Any) -> None:
    write_pair("a")
    with pytest.raises(InvalidInputError, match="leaves"):
        index(root, masks="../thumbnails")


def test_markup_in_names_stays_text(root: Path, write_pair: Any) -> None:
    write_pair("<img src=x onerror=alert(1)>")
    assert index(root).items[0].name == "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("160x_2025-05-29_001_grid_r0_c1", "160x_2025-05-29_001"),
        ("slide_r3_c12", "slide"),
        ("slide-tile12", "slide"),
        ("slide_tile_3", "slide"),
        ("plain", "plain"),
        ("car_c1", "car_c1"),
    ],
)
def test_group(name: str, group: str) -> None:
    assert infer_group(name) == group


def test_the_real_microbeads(real_data: Path, tmp_path: Path) -> None:
    found = index(real_data, thumbnails_dir=tmp_path)
    assert found.summary["n_items"] == 98
    assert found.summary["sizes"] == {"512×512": 98}
    assert sum(item.fractional_share == 0 for item in found.items) == 73
    assert found.summary["fractional_items"] == 25
    assert (found.mask_rule.threshold, found.problems) == (127.5, ())
    assert len({item.group for item in found.items if item.fractional_share == 0}) == 11
    assert len(list(tmp_path.iterdir())) == 2 * 98
