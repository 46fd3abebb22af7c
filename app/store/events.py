"""What is announced, in one place: each function reads the committed rows and writes one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.history import JsonNumber, metrics_to_json
from app.store.database import Database
from app.store.dataset_queries import dataset_view
from app.store.queries import get_run, samples_of
from app.store.stream import Announcer


def announce_run(db: Database, announcer: Announcer, run_id: int) -> None:
    """Announce the present row of a run."""
    view = get_run(db, run_id)
    announcer.announce(
        "run",
        {"run": view.model_dump(mode="json")},
        run_id=run_id,
        experiment_id=view.experiment_id,
    )


def announce_dataset(db: Database, announcer: Announcer, dataset_id: int) -> None:
    """Announce the present row of a dataset."""
    with db.read() as session:
        view = dataset_view(session, dataset_id)
    announcer.announce("dataset", {"dataset": view.model_dump(mode="json")})


def announce_workers(announcer: Announcer) -> None:
    """Announce that the list of workers changed."""
    announcer.announce("workers", {})


def announce_steps(
    announcer: Announcer,
    *,
    run_id: int,
    experiment_id: int,
    attempt: int,
    columns: Mapping[str, Sequence[JsonNumber]],
) -> None:
    """Announce stored steps."""
    announcer.announce(
        "steps",
        {"run_id": run_id, "attempt": attempt, "columns": dict(columns)},
        run_id=run_id,
        experiment_id=experiment_id,
    )


def announce_epoch(
    db: Database,
    announcer: Announcer,
    *,
    run_id: int,
    experiment_id: int,
    attempt: int,
    epoch: int,
    step: int,
    metrics: Mapping[str, float],
) -> None:
    """Announce a stored epoch with its samples."""
    with db.read() as session:
        samples = [view.model_dump(mode="json") for view in samples_of(session, run_id, epoch=epoch)]
    data: dict[str, Any] = {
        "run_id": run_id,
        "attempt": attempt,
        "epoch": epoch,
        "step": step,
        "metrics": metrics_to_json(metrics),
        "samples": samples,
    }
    announcer.announce("epoch", data, run_id=run_id, experiment_id=experiment_id)


def announce_rewind(
    announcer: Announcer, *, run_id: int, experiment_id: int, attempt: int, epoch: int, step: int
) -> None:
    """Announce that steps after `step` and epochs after `epoch` are void: the run resumes there."""
    announcer.announce(
        "rewind",
        {"run_id": run_id, "attempt": attempt, "epoch": epoch, "step": step},
        run_id=run_id,
        experiment_id=experiment_id,
    )
