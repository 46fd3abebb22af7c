"""Watches one training from outside: lease, cancellation, shutdown, and the way it ended."""

from __future__ import annotations

import logging
import signal
import threading
import time

from app.domain.errors import UnavailableError
from app.domain.run_states import RunRequest, RunState, StopReason
from app.store.events import announce_run
from app.store.runs import Claim, LeaseLostError, finish, renew_lease
from worker.child_process import ChildProcess, ExitCode
from worker.services import WorkerServices

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_WRITE_END_ATTEMPTS = 30
_LEAVING_SECONDS = 5.0


def supervise_training(services: WorkerServices, claim: Claim, *, stopping: threading.Event) -> None:
    """Run a claimed training in a process of its own until it has ended and the row says how.

    Parameters
    ----------
    stopping : threading.Event
        Set when this worker shuts down: the training is stopped and handed back to the queue.
    """
    settings = services.settings
    child = ChildProcess(
        "worker.training_process",
        ["--run", str(claim.run_id), "--attempt", str(claim.attempt)],
        environment={"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"},
        log_path=services.artifacts.run_dir(claim.run_id) / "log.txt",
    )
    announce_run(services.database, services.announcer, claim.run_id)
    request: RunRequest | None = None
    lost = False
    next_beat = time.monotonic()
    try:
        while (code := child.poll()) is None:
            if stopping.is_set():
                child.request_stop(grace_seconds=settings.cancel_grace_seconds)
            if not lost and time.monotonic() >= next_beat:
                next_beat = time.monotonic() + min(settings.heartbeat_seconds, settings.lease_seconds / 3)
                try:
                    # What was asked for once is not taken back by a database that is away.
                    request = _renew(services, claim) or request
                except LeaseLostError:
                    # Either the training has just written its own end and is leaving, or another attempt has begun.
                    lost = True
                    child.request_stop(grace_seconds=_LEAVING_SECONDS)
                if request in {RunRequest.CANCEL, RunRequest.PAUSE}:
                    child.request_stop(grace_seconds=settings.cancel_grace_seconds)
            time.sleep(_LOOK_SECONDS)
        if not lost:
            _write_end(services, claim, code=code, request=request, stopping=stopping.is_set())
    finally:
        child.close()
    announce_run(services.database, services.announcer, claim.run_id)


def _renew(services: WorkerServices, claim: Claim) -> RunRequest | None:
    try:
        with services.database.write() as session:
            return renew_lease(
                session,
                run_id=claim.run_id,
                attempt=claim.attempt,
                lease_seconds=services.settings.lease_seconds,
            )
    except UnavailableError as error:
        # The training goes on: if the lease lapses meanwhile, the next renewal finds out.
        logger.warning("run %d: lease not renewed: %s", claim.run_id, error)
        return None


def _write_end(
    services: WorkerServices, claim: Claim, *, code: int, request: RunRequest | None, stopping: bool
) -> None:
    end = describe_end(code, request=request, stopping=stopping)
    if end is None:
        return
    state, reason, message = end
    for attempt in range(_WRITE_END_ATTEMPTS):
        try:
            with services.database.write() as session:
                finish(
                    session,
                    run_id=claim.run_id,
                    attempt=claim.attempt,
                    state=state,
                    reason=reason,
                    message=message,
                )
        except LeaseLostError:
            # The child wrote its own end before it went.
            return
        except UnavailableError as error:
            logger.warning("run %d: end not written (%d): %s", claim.run_id, attempt, error)
            time.sleep(1.0)
        else:
            return


def describe_end(code: int, *, request: RunRequest | None, stopping: bool) -> tuple[RunState, StopReason, str] | None:
    """Return state, reason and message for the way a training process ended; None if its row is settled.

    Parameters
    ----------
    code : int
        Exit code; negative: the signal that ended it.
    request : RunRequest, optional
        What a person asked for; finishing early is done by the training itself.
    stopping : bool
        Whether this worker is shutting down.
    """
    if code == ExitCode.LEASE_LOST:
        return None
    if request == RunRequest.CANCEL:
        return RunState.STOPPED, StopReason.CANCELLED, ""
    asked_to_go = code in {ExitCode.STOPPED_ON_REQUEST, ExitCode.PARENT_DIED, -signal.SIGTERM, -signal.SIGKILL}
    if request == RunRequest.PAUSE and asked_to_go:
        return RunState.PAUSED, StopReason.PAUSED, ""
    if stopping and asked_to_go:
        message = "The worker was shut down; the training resumes from its last epoch when a worker is back."
        return RunState.QUEUED, StopReason.WORKER_SHUTDOWN, message
    if code == -signal.SIGKILL:
        message = (
            "The training was killed from outside, most likely because the machine ran out of memory. "
            "Reduce the batch size, the image size or the base filters, and retry."
        )
        return RunState.FAILED, StopReason.KILLED, message
    if code == ExitCode.STOPPED_ON_REQUEST:
        message = "The training process was asked to stop from outside Segscope. Retry to train again."
        return RunState.STOPPED, StopReason.CANCELLED, message
    if code < 0:
        name = signal.Signals(-code).name
        message = f"The training process ended with {name}. The log has what it wrote last; retry, or reduce its size."
        return RunState.FAILED, StopReason.KILLED, message
    if code == ExitCode.DONE:
        return None
    message = "The training process could not start or ended without a reason. The log has what it wrote last."
    return RunState.FAILED, StopReason.ERROR, message
