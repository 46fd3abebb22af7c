"""Pausing, finishing early, resuming and extending: in which state, and that no state is untrue meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.domain.configuration import RunConfig
from app.domain.errors import ConflictError, NotFoundError
from app.domain.run_states import RunRequest, RunState, StopReason, may_become
from app.store.database import Database
from app.store.queries import get_run
from app.store.run_continuation import extend, request_finish, request_pause, resume
from app.store.runs import Claim, claim_next, finish, mark_lost, record_epoch, renew_lease, request_cancel
from app.store.schema import RunRow, utc_now
from tests.factories import create_experiment, epoch_record

REASONS = {
    RunState.FINISHED: StopReason.EARLY_STOPPING,
    RunState.STOPPED: StopReason.CANCELLED,
    RunState.FAILED: StopReason.ERROR,
    RunState.PAUSED: StopReason.PAUSED,
}


@pytest.fixture
def run_id(database: Database) -> int:
    """Return a run of five planned epochs that waits."""
    with database.write() as session:
        return create_experiment(session, epochs=5).runs[0].id


def claim(database: Database) -> Claim | None:
    with database.write() as session:
        return claim_next(session, worker_id="one", queues=["cpu"], lease_seconds=60)


def bring(database: Database, run_id: int, state: RunState, *, epochs: int = 2) -> None:
    """Let a waiting run get to `state`, having finished some epochs."""
    if state == RunState.QUEUED:
        return
    claimed = claim(database)
    assert claimed is not None
    with database.write() as session:
        for epoch in range(1, epochs + 1):
            record_epoch(session, run_id=run_id, attempt=claimed.attempt, record=epoch_record(epoch, step=3 * epoch))
    if state == RunState.LOST:
        lapse(database, run_id)
    elif state != RunState.RUNNING:
        with database.write() as session:
            finish(session, run_id=run_id, attempt=claimed.attempt, state=state, reason=REASONS[state], message="so")


def lapse(database: Database, run_id: int) -> None:
    with database.write() as session:
        session.get_one(RunRow, run_id).lease_expires_at = utc_now() - timedelta(seconds=1)
        session.flush()
        mark_lost(session, now=utc_now())


def renew(database: Database, run_id: int) -> RunRequest | None:
    with database.write() as session:
        return renew_lease(session, run_id=run_id, attempt=1, lease_seconds=10)


def state_of(database: Database, run_id: int) -> RunState:
    return get_run(database, run_id).state


# === Pause ===


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.LOST])
def test_a_waiting_run_is_paused_at_once_and_not_claimed(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with database.write() as session:
        request_pause(session, run_id)
    run = get_run(database, run_id)
    assert (run.state, run.stop_reason, run.ended_at) == (RunState.PAUSED, "paused", None)
    assert run.queue_position is None
    assert claim(database) is None


def test_a_training_is_asked_through_its_lease_and_says_so_meanwhile(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    assert renew(database, run_id) is None
    with database.write() as session:
        request_pause(session, run_id)
    assert renew(database, run_id) is RunRequest.PAUSE
    run = get_run(database, run_id)
    assert (run.state, run.requested, run.cancel_requested) == (RunState.RUNNING, RunRequest.PAUSE, False)
    with database.write() as session:
        finish(session, run_id=run_id, attempt=1, state=RunState.PAUSED, reason=StopReason.PAUSED)
    run = get_run(database, run_id)
    assert (run.state, run.requested, run.worker_id, run.epoch) == (RunState.PAUSED, None, None, 2)


def test_a_pause_is_kept_when_the_worker_dies_or_hands_back(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    with database.write() as session:
        request_pause(session, run_id)
    lapse(database, run_id)
    assert state_of(database, run_id) == RunState.PAUSED

    with database.write() as session:
        resume(session, run_id)
    claimed = claim(database)
    assert claimed is not None
    with database.write() as session:
        request_pause(session, run_id)
        finish(
            session,
            run_id=run_id,
            attempt=claimed.attempt,
            state=RunState.QUEUED,
            reason=StopReason.WORKER_SHUTDOWN,
            message="handed back",
        )
    run = get_run(database, run_id)
    assert (run.state, run.stop_reason, run.message) == (RunState.PAUSED, "paused", "")


def test_a_cancellation_is_kept_when_the_worker_hands_back(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    with database.write() as session:
        request_cancel(session, run_id)
        finish(session, run_id=run_id, attempt=1, state=RunState.QUEUED, reason=StopReason.WORKER_SHUTDOWN)
    run = get_run(database, run_id)
    assert (run.state, run.stop_reason) == (RunState.STOPPED, "cancelled")
    assert run.ended_at is not None


def test_a_cancellation_outweighs_a_pause(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    with database.write() as session:
        request_pause(session, run_id)
        request_cancel(session, run_id)
    assert renew(database, run_id) is RunRequest.CANCEL
    with pytest.raises(ConflictError, match="being cancelled"), database.write() as session:
        request_pause(session, run_id)


def test_a_paused_run_can_be_cancelled(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.PAUSED)
    with database.write() as session:
        request_cancel(session, run_id)
    run = get_run(database, run_id)
    assert (run.state, run.stop_reason) == (RunState.STOPPED, "cancelled")
    assert run.ended_at is not None


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.FINISHED, RunState.STOPPED, RunState.FAILED])
def test_what_does_not_train_cannot_be_paused(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with pytest.raises(ConflictError), database.write() as session:
        request_pause(session, run_id)
    assert state_of(database, run_id) == state


# === Finish early ===


def test_finishing_early_is_left_to_the_training(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    with database.write() as session:
        request_finish(session, run_id)
    assert renew(database, run_id) is RunRequest.FINISH
    # It outlives a lost worker: the next attempt hears of it.
    lapse(database, run_id)
    assert state_of(database, run_id) == RunState.LOST
    claim(database)
    assert get_run(database, run_id).requested is RunRequest.FINISH
    with database.write() as session:
        finish(session, run_id=run_id, attempt=2, state=RunState.FINISHED, reason=StopReason.FINISHED_EARLY)
    run = get_run(database, run_id)
    assert (run.state, run.stop_reason, run.requested) == (RunState.FINISHED, "finished-early", None)


@pytest.mark.parametrize("state", [state for state in RunState if state != RunState.RUNNING])
def test_only_a_training_can_be_finished_early(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with pytest.raises(ConflictError, match="only a training that is running"), database.write() as session:
        request_finish(session, run_id)


def test_what_is_being_paused_is_not_finished(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    with database.write() as session:
        request_pause(session, run_id)
    with pytest.raises(ConflictError, match="being stopped"), database.write() as session:
        request_finish(session, run_id)


# === Resume and extend ===


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.STOPPED, RunState.FAILED])
def test_a_resumed_run_waits_and_goes_on_after_its_last_epoch(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with database.write() as session:
        resume(session, run_id)
    run = get_run(database, run_id)
    assert (run.state, run.ended_at, run.stop_reason, run.message) == (RunState.QUEUED, None, None, "")
    assert (run.cancel_requested, run.requested, run.queue_position) == (False, None, 1)
    claimed = claim(database)
    assert claimed is not None
    assert (claimed.attempt, claimed.resume_epoch) == (2, 2)


def test_a_resumed_run_that_was_cancelled_is_not_cancelled_again(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.RUNNING)
    with database.write() as session:
        request_cancel(session, run_id)
        finish(session, run_id=run_id, attempt=1, state=RunState.STOPPED, reason=StopReason.CANCELLED)
        resume(session, run_id)
    assert claim(database) is not None
    with database.write() as session:
        assert renew_lease(session, run_id=run_id, attempt=2, lease_seconds=10) is None


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.LOST, RunState.FINISHED])
def test_what_has_not_stopped_cannot_be_resumed(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with pytest.raises(ConflictError, match="only a paused, stopped or failed run"), database.write() as session:
        resume(session, run_id)


def test_a_run_that_trained_everything_is_extended_and_not_resumed(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.STOPPED, epochs=5)
    with pytest.raises(ConflictError, match="extend it instead"), database.write() as session:
        resume(session, run_id)


def extension(session: Session, run_id: int, epochs: int) -> RunRow:
    extend(session, run_id, epochs=epochs)
    return session.get_one(RunRow, run_id)


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.PAUSED, RunState.STOPPED, RunState.FAILED])
def test_an_extended_run_trains_that_many_epochs_more(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with database.write() as session:
        row = extension(session, run_id, 7)
        assert (row.epochs_planned, row.extended_at_epoch) == (9, 2)
        assert RunConfig.model_validate(row.config).training.epochs == 9
    run = get_run(database, run_id)
    assert (run.state, run.ended_at, run.epochs_planned) == (RunState.QUEUED, None, 9)


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.LOST])
def test_what_waits_or_trains_cannot_be_extended(database: Database, run_id: int, state: RunState) -> None:
    bring(database, run_id, state)
    with pytest.raises(ConflictError, match="before you extend it"), database.write() as session:
        extend(session, run_id, epochs=1)


def test_an_extension_has_its_limits(database: Database, run_id: int) -> None:
    bring(database, run_id, RunState.FAILED, epochs=0)
    with pytest.raises(ConflictError, match="no finished epoch"), database.write() as session:
        extend(session, run_id, epochs=1)
    with database.write() as session:
        resume(session, run_id)
    claimed = claim(database)
    assert claimed is not None
    with database.write() as session:
        record_epoch(session, run_id=run_id, attempt=claimed.attempt, record=epoch_record(1, step=3))
        finish(
            session,
            run_id=run_id,
            attempt=claimed.attempt,
            state=RunState.FINISHED,
            reason=StopReason.FINISHED_EARLY,
        )
    with pytest.raises(ConflictError, match="would have 10001 epochs"), database.write() as session:
        extend(session, run_id, epochs=10_000)
    assert state_of(database, run_id) == RunState.FINISHED


def test_a_run_that_never_was(database: Database) -> None:
    for act in (request_pause, request_finish, resume):
        with pytest.raises(NotFoundError, match="no run 4711"), database.write() as session:
            act(session, 4711)


def test_every_way_that_is_taken_is_in_the_state_machine() -> None:
    for source in (RunState.PAUSED, RunState.STOPPED, RunState.FAILED, RunState.FINISHED):
        assert may_become(source, RunState.QUEUED)
    for source in (RunState.QUEUED, RunState.RUNNING, RunState.LOST):
        assert may_become(source, RunState.PAUSED)
    assert may_become(RunState.PAUSED, RunState.STOPPED)
    assert not may_become(RunState.PAUSED, RunState.RUNNING)
    assert not may_become(RunState.FINISHED, RunState.RUNNING)
