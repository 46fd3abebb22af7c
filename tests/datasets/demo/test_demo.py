"""The demo looks like the reference's data in its numbers, and is always the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.datasets.demo.writing import DemoSummary, write_demo_dataset
from app.datasets.pairing.groups import infer_group
from app.datasets.splits.planning import plan_split
from app.datasets.splits.split_plan import SplitItem
from app.domain.errors import ConflictError
from app.domain.split_spec import SplitSpec


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoSummary]:
    folder = tmp_path_factory.mktemp("demo") / "data" / "microbeads"
    return folder, write_demo_dataset(folder)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as picture:
            found.update(path.name.encode() + np.asarray(picture).tobytes())
    return found.hexdigest()


def test_numbers(demo: tuple[Path, DemoSummary]) -> None:
    summary = demo[1]
    assert (summary.items, summary.acquisitions) == (73, 11)
    assert (summary.beads_min, summary.beads_max) == (12, 254)
    assert summary.foreground_mean == pytest.approx(0.115, abs=0.005)
    assert summary.foreground_std == pytest.approx(0.104, abs=0.005)


def test_files(demo: tuple[Path, DemoSummary]) -> None:
    folder = demo[0]
    names = sorted(path.name for path in (folder / "images").iterdir())
    assert names == sorted(path.name for path in (folder / "masks").iterdir())
    assert len({infer_group(Path(name).stem) for name in names}) == 11
    fractions = []
    for name in names:
        with Image.open(folder / "images" / name) as image, Image.open(folder / "masks" / name) as mask:
            assert (image.size, image.mode, mask.size, mask.mode) == ((256, 256), "RGB", (256, 256), "L")
            pixels, foreground = np.asarray(image), np.asarray(mask) > 0
            assert set(np.unique(np.asarray(mask))) == {0, 255}
            assert pixels[foreground].mean() < pixels[~foreground].mean() - 8
            fractions.append(foreground.mean())
    items = [SplitItem(name, "", float(fraction)) for name, fraction in zip(names, fractions, strict=True)]
    validation = [fractions[position] for position in plan_split(items, SplitSpec()).folds[0].validation]
    assert 0.05 < np.mean(validation) < 0.2
    assert min(validation) > 0.005


def test_the_second_call_changes_nothing(demo: tuple[Path, DemoSummary]) -> None:
    folder, summary = demo
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_demo_dataset(folder) == summary
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert [path.name for path in folder.parent.iterdir()] == ["microbeads"]


def test_lost_files_come_back_with_the_same_pixels(demo: tuple[Path, DemoSummary]) -> None:
    folder, summary = demo
    before = digest(folder)
    (folder / "masks" / "640x_2025-05-16_001_grid_r0_c0.png").unlink()
    assert write_demo_dataset(folder) == summary
    assert digest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["microbeads"]


def test_other_content_is_never_overwritten(demo: tuple[Path, DemoSummary], tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="demo of seed 20251008"):
        write_demo_dataset(demo[0], seed=1)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConflictError, match="other files"):
        write_demo_dataset(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
