"""Runs as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.domain.configuration import Architecture
from app.domain.errors import NotFoundError
from app.store.queries import get_run, list_runs, run_snapshot
from app.store.views import RunRowView, RunSnapshot, RunView
from app.web import run_actions
from app.web.state import ServicesDep

router = APIRouter(prefix="/api/runs", tags=["runs"])

_LOG_TAIL_BYTES = 512 * 1024


class RunList(BaseModel):
    """Runs in the order asked for."""

    runs: list[RunRowView]


class Extension(BaseModel):
    """How much longer a run trains."""

    model_config = ConfigDict(extra="forbid")

    epochs: int = Field(ge=1, le=10_000, title="Epochs", description="Epochs to train beyond those that are finished.")


@router.get("")
def read_runs(
    services: ServicesDep,
    text: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=16)] = "",
    architecture: Architecture | None = None,
    dataset_id: int | None = None,
    sort: Annotated[str, Query(max_length=32)] = "-created",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> RunList:
    """List runs."""
    return RunList(
        runs=list_runs(
            services.database,
            text=text,
            state=state or None,
            architecture=architecture,
            dataset_id=dataset_id,
            sort=sort,
            limit=limit,
        )
    )


@router.get("/{run_id}")
def read_run(run_id: int, services: ServicesDep) -> RunView:
    """Return one run."""
    return get_run(services.database, run_id)


@router.get("/{run_id}/snapshot")
def read_snapshot(run_id: int, services: ServicesDep) -> RunSnapshot:
    """Return the run with its curves and samples, and the cursor from which to follow `/api/events`."""
    return run_snapshot(services.database, services.announcer, run_id)


@router.get("/{run_id}/history.csv", response_class=FileResponse)
def read_history(run_id: int, services: ServicesDep) -> Response:
    """Return the epoch table as Keras' `CSVLogger` writes it."""
    get_run(services.database, run_id)
    path = services.artifacts.run_dir(run_id) / "history.csv"
    if not path.is_file():
        raise NotFoundError(f"Run {run_id} has no history yet: no epoch has ended.")
    return FileResponse(path, media_type="text/csv", filename=f"segscope-run-{run_id}-history.csv")


@router.get("/{run_id}/log", response_class=PlainTextResponse)
def read_log(run_id: int, services: ServicesDep) -> str:
    """Return the end of the training's log."""
    get_run(services.database, run_id)
    path = services.artifacts.run_dir(run_id) / "log.txt"
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
        return handle.read().decode("utf-8", errors="replace")


@router.post("/{run_id}/cancel")
def cancel_run(run_id: int, request: Request) -> RunView:
    """Cancel a run that waits or trains."""
    return run_actions.cancel(request, run_id)


@router.post("/{run_id}/retry", status_code=201)
def retry_run(run_id: int, request: Request) -> RunView:
    """Queue a new run with the configuration of one that has ended."""
    return run_actions.retry(request, run_id)


@router.post("/{run_id}/pause")
def pause_run(run_id: int, request: Request) -> RunView:
    """Pause a run that waits or trains; its unfinished epoch is trained again when it goes on."""
    return run_actions.pause(request, run_id)


@router.post("/{run_id}/finish")
def finish_run(run_id: int, request: Request) -> RunView:
    """Let a training end after its current epoch, as if that were its last."""
    return run_actions.finish(request, run_id)


@router.post("/{run_id}/resume")
def resume_run(run_id: int, request: Request) -> RunView:
    """Queue a paused, stopped or failed run to go on after its last finished epoch."""
    return run_actions.resume(request, run_id)


@router.post("/{run_id}/extend")
def extend_run(run_id: int, extension: Extension, request: Request) -> RunView:
    """Queue a run that does not train for more epochs; its early stopping gets a fresh patience."""
    return run_actions.extend(request, run_id, epochs=extension.epochs)
