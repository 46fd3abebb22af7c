"""Pausing a run, finishing it early, letting it go on, extending it.

Every function takes the session of the caller's transaction.
"""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.domain.configuration import RunConfig
from app.domain.errors import ConflictError, NotFoundError
from app.domain.run_states import (
    CLAIMABLE_STATES,
    EXTENSIBLE_STATES,
    RESUMABLE_STATES,
    TERMINAL_STATES,
    RunRequest,
    RunState,
    StopReason,
)
from app.store.schema import RunRow, utc_now


def request_pause(session: Session, run_id: int) -> None:
    """Pause a run: at once where it waits, through its worker where it trains (after the current step).

    The epoch that is under way is trained again when the run goes on.

    Raises
    ------
    ConflictError
        The run has ended, is paused, or is being cancelled.
    """
    run = _locked(session, run_id)
    state = RunState(run.state)
    if state in TERMINAL_STATES:
        raise ConflictError(f"Run {run_id} has ended ({state}): there is nothing to pause.")
    if state == RunState.PAUSED:
        raise ConflictError(f"Run {run_id} is paused already.")
    if run.cancel_requested_at is not None:
        raise ConflictError(f"Run {run_id} is being cancelled; wait until it has stopped.")
    if state in CLAIMABLE_STATES:
        run.state, run.stop_reason, run.message = RunState.PAUSED, StopReason.PAUSED, ""
        run.requested = None
    else:
        run.requested = RunRequest.PAUSE


def request_finish(session: Session, run_id: int) -> None:
    """Ask a training to end after its current epoch, as if that were its last.

    Raises
    ------
    ConflictError
        The run does not train at the moment, or is being cancelled or paused.
    """
    run = _locked(session, run_id)
    if RunState(run.state) != RunState.RUNNING:
        raise ConflictError(f"Run {run_id} is {run.state}: only a training that is running can be finished early.")
    if run.cancel_requested_at is not None or run.requested == RunRequest.PAUSE:
        raise ConflictError(f"Run {run_id} is being stopped already; wait until it has.")
    run.requested = RunRequest.FINISH


def resume(session: Session, run_id: int) -> str | None:
    """Queue a run that is paused, stopped or failed, to go on after its last finished epoch; return its queue.

    Raises
    ------
    ConflictError
        The run is in another state, or has trained all its epochs.
    """
    run = _locked(session, run_id)
    if RunState(run.state) not in RESUMABLE_STATES:
        raise ConflictError(f"Run {run_id} is {run.state}: only a paused, stopped or failed run can go on.")
    if run.epoch >= run.epochs_planned:
        raise ConflictError(f"Run {run_id} has trained all its {run.epochs_planned} epochs: extend it instead.")
    _queue_again(run)
    return run.queue


def extend(session: Session, run_id: int, *, epochs: int) -> str | None:
    """Queue a run that does not train for `epochs` more than it has; return its queue.

    Its early stopping gets a fresh patience. A schedule of the learning rate that depends on the number of epochs
    follows the new number from there on.

    Raises
    ------
    ConflictError
        The run waits or trains, has no finished epoch, or would have more epochs than a run may have.
    """
    run = _locked(session, run_id)
    if RunState(run.state) not in EXTENSIBLE_STATES:
        raise ConflictError(f"Run {run_id} is {run.state}: pause it, or wait for its end, before you extend it.")
    if run.epoch == 0:
        raise ConflictError(f"Run {run_id} has no finished epoch to go on from: retry it instead.")
    planned = run.epoch + epochs
    try:
        config = RunConfig.model_validate({**run.config, "training": {**run.config["training"], "epochs": planned}})
    except ValidationError as error:
        raise ConflictError(
            f"Run {run_id} would have {planned} epochs, more than a run may have. Extend it by fewer."
        ) from error
    run.config = config.model_dump(mode="json")
    run.epochs_planned = planned
    run.extended_at_epoch = run.epoch
    _queue_again(run)
    return run.queue


def _queue_again(run: RunRow) -> None:
    run.state = RunState.QUEUED
    run.queued_at = utc_now()
    run.ended_at = run.stop_reason = run.cancel_requested_at = run.requested = run.worker_id = None
    run.message = ""
    run.attempts_without_progress = 0


def _locked(session: Session, run_id: int) -> RunRow:
    run = session.get(RunRow, run_id, with_for_update=True)
    if run is None:
        raise NotFoundError(f"There is no run {run_id}.")
    return run
