"""What a person may do to a run: cancel, pause, finish early, resume, extend and retry."""

from __future__ import annotations

from fastapi import Request

from app.store import run_continuation, runs
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


def pause(request: Request, run_id: int) -> RunView:
    """Pause a run; one that trains stops after its current step."""
    services = services_of(request)
    with services.database.write() as session:
        run_continuation.request_pause(session, run_id)
    announce_run(services.database, services.announcer, run_id)
    return get_run(services.database, run_id)


def finish(request: Request, run_id: int) -> RunView:
    """Let a training end after its current epoch and keep it as finished."""
    services = services_of(request)
    with services.database.write() as session:
        run_continuation.request_finish(session, run_id)
    announce_run(services.database, services.announcer, run_id)
    return get_run(services.database, run_id)


def resume(request: Request, run_id: int) -> RunView:
    """Queue a paused, stopped or failed run to go on after its last finished epoch."""
    services = services_of(request)
    with services.database.write() as session:
        queue = run_continuation.resume(session, run_id)
    announce_run(services.database, services.announcer, run_id)
    services.doorbell.ring_training(queue)
    return get_run(services.database, run_id)


def extend(request: Request, run_id: int, *, epochs: int) -> RunView:
    """Queue a run that does not train for more epochs."""
    services = services_of(request)
    with services.database.write() as session:
        queue = run_continuation.extend(session, run_id, epochs=epochs)
    announce_run(services.database, services.announcer, run_id)
    services.doorbell.ring_training(queue)
    return get_run(services.database, run_id)
