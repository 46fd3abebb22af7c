"""The list of runs and the page of one run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.domain.run_states import RunState
from app.store.dataset_queries import list_datasets
from app.store.queries import list_experiments, list_runs, run_snapshot
from app.web import run_actions
from app.web.pages.rendering import render
from app.web.pages.settings_in_words import settings_in_words
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)


@router.get("/")
def go_to_runs() -> Response:
    """Start at the list of runs."""
    return RedirectResponse("/runs", status_code=303)


@router.get("/runs")
def show_runs(
    request: Request,
    services: ServicesDep,
    text: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=16)] = "",
    architecture: Annotated[str, Query(max_length=32)] = "",
    sort: Annotated[str, Query(max_length=32)] = "-created",
) -> Response:
    """Show what is running, how well, and what needs a person."""
    cursor = services.announcer.cursor()
    runs = list_runs(services.database, text=text, state=state or None, architecture=architecture or None, sort=sort)
    context: dict[str, Any] = {
        "runs": runs,
        "text": text,
        "state": state,
        "architecture": architecture,
        "sort": sort,
        "filtered": bool(text or state or architecture),
        "states": list(RunState),
        "cursor": cursor,
    }
    # The list refreshes itself by asking for its own rows again.
    if request.headers.get("x-segscope-fragment") == "rows":
        return render(request, "_run_rows.html", **context)
    return render(
        request,
        "runs.html",
        **context,
        has_datasets=bool(list_datasets(services.database)),
        has_runs=bool(runs) or bool(list_experiments(services.database, limit=1)),
    )


@router.get("/runs/{run_id}")
def show_run(run_id: int, request: Request, services: ServicesDep) -> Response:
    """Show whether the run is learning."""
    snapshot = run_snapshot(services.database, services.announcer, run_id)
    checkpoints = services.artifacts.run_dir(run_id) / "checkpoints"
    files = (
        [(path.name, path.stat().st_size) for path in sorted(checkpoints.glob("[!.]*.keras"))]
        if checkpoints.is_dir()
        else []
    )
    return render(
        request,
        "run.html",
        snapshot=snapshot,
        run=snapshot.run,
        label=snapshot.run.label,
        checkpoints=files,
        settings=settings_in_words(snapshot.config),
    )


@router.post("/runs/{run_id}/cancel")
def cancel_run(run_id: int, request: Request) -> Response:
    """Cancel and return to the run."""
    run_actions.cancel(request, run_id)
    return RedirectResponse(f"/runs/{run_id}", status_code=303)


@router.post("/runs/{run_id}/retry")
def retry_run(run_id: int, request: Request) -> Response:
    """Retry and go to the new run."""
    fresh = run_actions.retry(request, run_id)
    return RedirectResponse(f"/runs/{fresh.id}", status_code=303)


@router.post("/runs/{run_id}/pause")
def pause_run(run_id: int, request: Request) -> Response:
    """Pause and return to the run."""
    run_actions.pause(request, run_id)
    return RedirectResponse(f"/runs/{run_id}", status_code=303)


@router.post("/runs/{run_id}/finish")
def finish_run(run_id: int, request: Request) -> Response:
    """Let the training end after its current epoch and return to the run."""
    run_actions.finish(request, run_id)
    return RedirectResponse(f"/runs/{run_id}", status_code=303)


@router.post("/runs/{run_id}/resume")
def resume_run(run_id: int, request: Request) -> Response:
    """Queue the run to go on and return to it."""
    run_actions.resume(request, run_id)
    return RedirectResponse(f"/runs/{run_id}", status_code=303)


@router.post("/runs/{run_id}/extend")
def extend_run(run_id: int, request: Request, epochs: Annotated[int, Form(ge=1, le=10_000)]) -> Response:
    """Queue the run for more epochs and return to it."""
    run_actions.extend(request, run_id, epochs=epochs)
    return RedirectResponse(f"/runs/{run_id}", status_code=303)
