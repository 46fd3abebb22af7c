"""Workers and queue."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.store.queries import list_runs, list_workers
from app.web.pages.rendering import render
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)


@router.get("/workers")
def show_workers(request: Request, services: ServicesDep) -> Response:
    """Show what runs where, what waits, and who is gone."""
    cursor = services.announcer.cursor()
    waiting = [
        run for run in list_runs(services.database, sort="created", limit=1000) if run.queue_position is not None
    ]
    return render(
        request,
        "workers.html",
        workers=list_workers(services.database),
        waiting=sorted(waiting, key=lambda run: run.queue_position or 0),
        cursor=cursor,
    )
