"""Makes datasets, experiments and folders of pairs for the tests."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from sqlalchemy.orm import Session

from app.domain.configuration import Architecture, ExperimentSpec, ModelSpec, TrainingSpec, WorkerQueue
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.history import HISTORY_COLUMNS
from app.domain.run_states import DatasetState
from app.store import experiments
from app.store.runs import EpochRecord
from app.store.schema import DatasetRow, ExperimentRow, ItemRow

_numbers = itertools.count(1)


# --- Rows -------------------------------------------------------------------------------------------------------


def create_dataset(session: Session, *, items: int = 4) -> DatasetRow:
    """Write a dataset that is ready, with `items` items that have no files."""
    number = next(_numbers)
    row = DatasetRow(
        name=f"beads {number}",
        source="folder",
        root="/nowhere",
        import_spec=ImportSpec(layout=Layout.FOLDERS).model_dump(mode="json"),
        state=DatasetState.READY,
        content_hash=f"{number:064d}",
        mask_threshold=0.5,
        intensity_low=0.0,
        intensity_high=255.0,
    )
    row.items = [
        ItemRow(
            position=position,
            name=f"item-{position}",
            image_path=f"images/{position}.png",
            mask_path=f"masks/{position}.png",
            image_sha256="0" * 64,
            mask_sha256="0" * 64,
            height=32,
            width=32,
            channels=1,
            image_dtype="uint8",
            mask_dtype="uint8",
            foreground_fraction=0.1,
        )
        for position in range(items)
    ]
    session.add(row)
    session.flush()
    return row


def create_experiment(
    session: Session,
    *,
    dataset: DatasetRow | None = None,
    architectures: Sequence[Architecture] = (Architecture.UNET,),
    queue: WorkerQueue | None = None,
    epochs: int = 5,
) -> ExperimentRow:
    """Write an experiment with one queued run for each architecture."""
    dataset = dataset or create_dataset(session)
    ids = [item.id for item in dataset.items]
    spec = ExperimentSpec(
        dataset_id=dataset.id,
        queue=queue,
        training=TrainingSpec(epochs=epochs),
        models=tuple(ModelSpec(architecture=architecture, batch_size=1) for architecture in architectures),
    )
    return experiments.create_experiment(session, spec, dataset=dataset, folds=[experiments.Fold(ids[1:], ids[:1])])


def epoch_record(epoch: int, *, step: int, **changes: Any) -> EpochRecord:
    """Return an epoch whose every metric is 0.5, but for those in `metrics`."""
    metrics = dict.fromkeys(HISTORY_COLUMNS[1:], 0.5) | changes.pop("metrics", {})
    values: dict[str, Any] = {
        "seconds": 1.0,
        "best_val_jaccard": 0.5,
        "best_epoch": 1,
        "samples": (),
        "findings": (),
    }
    return EpochRecord(epoch=epoch, step=step, metrics=metrics, **(values | changes))


# --- Files and requests -----------------------------------------------------------------------------------------


def write_pairs(root: Path, *, items: int = 12, side: int = 32) -> Path:
    """Write bright discs on noise as `images/` and `masks/` below `root`."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[:side, :side]
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(items):
        row, column = random.integers(8, side - 8, size=2)
        mask = ((rows - row) ** 2 + (columns - column) ** 2 < random.integers(20, 60)).astype(np.uint8)
        image = (80 * random.random((side, side)) + 150 * mask).astype(np.uint8)
        Image.fromarray(image).save(root / "images" / f"bead-{number:02d}.png")
        Image.fromarray(mask * np.uint8(255)).save(root / "masks" / f"bead-{number:02d}.png")
    return root


def tiny_spec(dataset_id: int, *, architectures: Sequence[str] = ("unet",), **training: Any) -> dict[str, Any]:
    """Return a launch that a CPU trains in a second: 32×32, two filters, three epochs."""
    return {
        "dataset_id": dataset_id,
        "split": {"validation_fraction": 0.25},
        "image": {"height": 32, "width": 32, "channels": 1},
        "network": {"base_filters": 2, "batchnorm_momentum": 0.9},
        "training": {"epochs": 3, "early_stopping_patience": 0, **training},
        "models": [{"architecture": name, "batch_size": 2, "learning_rate": 1e-3} for name in architectures],
    }


def register_folder(api: httpx.Client, root: Path, **fields: Any) -> dict[str, Any]:
    """Register a folder over the API and wait until it is ready (or failed)."""
    answer = api.post("/api/datasets", json={"root": str(root), **fields})
    assert answer.status_code == 201, answer.text
    return wait_for_dataset(api, answer.json()["id"])


def wait_for_dataset(api: httpx.Client, dataset_id: int, *, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until a dataset is ready or failed."""
    deadline = time.monotonic() + seconds
    while True:
        view: dict[str, Any] = api.get(f"/api/datasets/{dataset_id}").raise_for_status().json()
        if view["state"] in {"ready", "failed"}:
            return view
        assert time.monotonic() < deadline, f"dataset {dataset_id} is still {view['state']}"
        time.sleep(0.05)
