"""The demo dataset: 73 synthetic micrographs of microbeads; a first training needs no other data."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.datasets.demo.scene import Acquisition, draw_scene
from app.domain.errors import ConflictError, UnavailableError

SIDE = 256
IMAGES_DIR = "images"
MASKS_DIR = "masks"
MANIFEST = "demo.json"

_VERSION = 1
_TILES_PER_ROW = 8

_OLIVE = (104.0, 106.0, 100.0)
_GREY = (146.0, 146.0, 144.0)
_DARK = (94.0, 95.0, 90.0)
_COOL = (112.0, 114.0, 118.0)

ACQUISITIONS = (
    Acquisition("80x_2025-05-29_001", 5, (225, 254), 5.63, _COOL, 0.85, 2.2, 0.7),
    Acquisition("160x_2025-05-29_001", 8, (190, 250), 5.04, _OLIVE, 0.95, 1.9, 0.6),
    Acquisition("160x_2025-05-29_002", 5, (150, 200), 5.43, _DARK, 0.8, 2.4, 0.6),
    Acquisition("320x_2025-05-16_001", 8, (90, 140), 5.14, _GREY, 0.9, 2.1, 0.5),
    Acquisition("320x_2025-05-22_001", 6, (85, 130), 4.37, _OLIVE, 1.0, 1.7, 0.5),
    Acquisition("640x_2025-05-16_001", 10, (45, 80), 4.75, _DARK, 0.9, 2.0, 0.4),
    Acquisition("640x_2025-05-16_002", 7, (38, 66), 5.14, _COOL, 0.75, 2.5, 0.4),
    Acquisition("1280x_2025-05-16_001", 8, (26, 48), 4.85, _OLIVE, 0.95, 1.8, 0.3),
    Acquisition("2560x_2025-05-16_001", 6, (18, 30), 4.66, _GREY, 0.9, 2.1, 0.25),
    Acquisition("5120x_2025-05-16_001", 5, (14, 22), 4.95, _DARK, 1.0, 1.9, 0.2),
    Acquisition("10240x_2025-05-29_001", 5, (12, 16), 4.56, _OLIVE, 1.0, 2.0, 0.15),
)


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What the demo holds.

    Parameters
    ----------
    items, acquisitions : int
        Number of pairs and of groups.
    foreground_mean, foreground_std : float
        Over the masks' foreground fractions (0 to 1).
    beads_min, beads_max : int
        Fewest and most beads an image.
    """

    items: int
    acquisitions: int
    foreground_mean: float
    foreground_std: float
    beads_min: int
    beads_max: int


def write_demo_dataset(folder: Path, *, seed: int = 20251008) -> DemoSummary:
    """Write the demo's `images` and `masks` into `folder`, or find them there.

    The folder appears only when it is complete. The same seed always draws the same pixels.

    Parameters
    ----------
    folder : Path
        Where to; its parents are created.
    seed : int
        Of everything random.

    Raises
    ------
    ConflictError
        The folder holds something else, or the demo of another seed.
    UnavailableError
        The disk is full or does not answer.
    """
    identity = {"demo": "microbeads", "version": _VERSION, "seed": seed}
    manifest = _read_manifest(folder)
    if manifest is None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise _occupied(folder, "other files")
    if manifest is not None:
        if {key: manifest.get(key) for key in identity} != identity:
            raise _occupied(folder, f"the demo of seed {manifest.get('seed')}, version {manifest.get('version')}")
        if _is_complete(folder, manifest):
            return DemoSummary(**manifest["summary"])
    partial = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}.part")
    try:
        partial.mkdir(parents=True)
        summary, files = _draw_all(partial, seed=seed)
        content = identity | {"summary": asdict(summary), "files": files}
        (partial / MANIFEST).write_text(json.dumps(content, indent=1), encoding="utf-8")
        _swap(partial, folder)
    except OSError as error:
        raise UnavailableError(
            f"Cannot write the demo to '{folder}': the disk answered '{error.strerror}'; check space and permissions."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


def _draw_all(folder: Path, *, seed: int) -> tuple[DemoSummary, list[str]]:
    (folder / IMAGES_DIR).mkdir()
    (folder / MASKS_DIR).mkdir()
    fractions: list[float] = []
    counts: list[int] = []
    files: list[str] = []
    for number, acquisition in enumerate(ACQUISITIONS):
        # Evenly spread from fewest to most, so that the extremes are always there.
        wanted = np.rint(np.linspace(*acquisition.beads, acquisition.images)).astype(int)
        for tile, beads in enumerate(wanted):
            random = np.random.default_rng([seed, number, tile])
            image, mask = draw_scene(acquisition, beads=int(beads), side=SIDE, random=random)
            row, column = divmod(tile, _TILES_PER_ROW)
            name = f"{acquisition.name}_grid_r{row}_c{column}.png"
            Image.fromarray(image).save(folder / IMAGES_DIR / name)
            Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))).save(folder / MASKS_DIR / name)
            fractions.append(float(mask.mean()))
            counts.append(int(beads))
            files.append(name)
    summary = DemoSummary(
        items=len(files),
        acquisitions=len(ACQUISITIONS),
        foreground_mean=float(np.mean(fractions)),
        foreground_std=float(np.std(fractions)),
        beads_min=min(counts),
        beads_max=max(counts),
    )
    return summary, files


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("demo") == "microbeads" else None


def _is_complete(folder: Path, manifest: dict[str, Any]) -> bool:
    return all(
        (folder / part / name).is_file() for part in (IMAGES_DIR, MASKS_DIR) for name in manifest.get("files", [""])
    )


def _swap(partial: Path, folder: Path) -> None:
    if folder.exists():
        # An empty folder, or a demo that lost files: it makes way in one step.
        old = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}.old")
        folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.rename(folder)


def _occupied(folder: Path, received: str) -> ConflictError:
    return ConflictError(
        f"Invalid demo folder '{folder}': received a folder with {received}, expected a new or empty one; "
        "move it away or choose another."
    )
