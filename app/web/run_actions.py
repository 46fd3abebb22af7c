"""What a person may do to a run: cancel and retry."""

from __future__ import annotations

from fastapi import Request

from app.store import runs
from app.store.events import announce_run
from app.store.queries import get_run
from app.store.views import RunView
from app.web.state import services_of


def cancel(request: Request, run_id: int) -> RunView:
    """Cancel a run; one that trains stops after its current step."""
    services = services_of(request)
    with services.database.write() as session:
        runs.request_cancel(session, run_id)
    announce_run(services.database, services.announcer, run_id)
    return get_run(services.database, run_id)


def retry(request: Request, run_id: int) -> RunView:
    """Queue a new run with the configuration and split of an ended one."""
    services = services_of(request)
    with services.database.write() as session:
        fresh = runs.retry(session, run_id)
        fresh_id, queue = fresh.id, fresh.queue
    announce_run(services.database, services.announcer, fresh_id)
    services.doorbell.ring_training(queue)
    return get_run(services.database, fresh_id)
