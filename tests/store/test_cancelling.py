"""What a person may do to a run, and in which state."""

from __future__ import annotations

import pytest

from app.domain.errors import ConflictError, NotFoundError
from app.domain.run_states import TERMINAL_STATES, RunRequest, RunState, StopReason
from app.store.database import Database
from app.store.queries import get_run, queue_positions
from app.store.runs import claim_next, finish, mark_lost, record_epoch, renew_lease, request_cancel, retry
from app.store.schema import RunRow, utc_now
from tests.factories import create_experiment, epoch_record

REASONS = {
    RunState.FINISHED: StopReason.COMPLETED,
    RunState.STOPPED: StopReason.CANCELLED,
    RunState.FAILED: StopReason.ERROR,
}


@pytest.fixture
def run_id(database: Database) -> int:
    """Return a run that waits."""
    with database.write() as session:
        return create_experiment(session).runs[0].id


def claim(database: Database) -> object:
    with database.write() as session:
        return claim_next(session, worker_id="one", queues=["cpu"], lease_seconds=60)


def cancel(database: Database, run_id: int) -> None:
    with database.write() as session:
        request_cancel(session, run_id)


def test_a_waiting_run_is_stopped_at_once(database: Database, run_id: int) -> None:
    cancel(database, run_id)

    run = get_run(database, run_id)
    assert (run.state, run.stop_reason, run.cancel_requested) == (RunState.STOPPED, "cancelled", False)
    assert run.ended_at is not None
    assert claim(database) is None
    with database.read() as session:
        assert queue_positions(session) == {}


def test_a_running_run_is_asked_through_its_lease(database: Database, run_id: int) -> None:
    claim(database)
    with database.write() as session:
        assert renew_lease(session, run_id=run_id, attempt=1, lease_seconds=10) is None

    cancel(database, run_id)

    run = get_run(database, run_id)
    assert (run.state, run.cancel_requested) == (RunState.RUNNING, True)
    with database.write() as session:
        assert renew_lease(session, run_id=run_id, attempt=1, lease_seconds=10) is RunRequest.CANCEL


def test_a_cancelled_run_whose_worker_dies_is_stopped(database: Database, run_id: int) -> None:
    claim(database)
    cancel(database, run_id)
    with database.write() as session:
        session.get_one(RunRow, run_id).lease_expires_at = utc_now()
        session.flush()
        mark_lost(session, now=utc_now())

    run = get_run(database, run_id)
    assert (run.state, run.stop_reason) == (RunState.STOPPED, "cancelled")


@pytest.mark.parametrize("state", sorted(TERMINAL_STATES))
def test_an_ended_run_cannot_be_cancelled(database: Database, run_id: int, state: RunState) -> None:
    claim(database)
    with database.write() as session:
        finish(session, run_id=run_id, attempt=1, state=state, reason=REASONS[state])

    with pytest.raises(ConflictError, match="nothing to cancel"):
        cancel(database, run_id)

    assert get_run(database, run_id).state == state


def test_cancelling_a_run_that_never_was(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no run 4711"):
        cancel(database, 4711)


def test_a_retry_is_a_new_run_and_the_old_one_keeps_its_numbers(database: Database, run_id: int) -> None:
    claim(database)
    with database.write() as session:
        record_epoch(session, run_id=run_id, attempt=1, record=epoch_record(1, step=3))
        finish(session, run_id=run_id, attempt=1, state=RunState.FAILED, reason=StopReason.ERROR, message="broken")
    with database.write() as session:
        fresh_id = retry(session, run_id).id

    old, fresh = get_run(database, run_id), get_run(database, fresh_id)
    assert (old.state, old.epoch, old.message) == (RunState.FAILED, 1, "broken")
    assert (fresh.state, fresh.epoch, fresh.retry_of_id) == (RunState.QUEUED, 0, run_id)
    assert (fresh.experiment_id, fresh.architecture) == (old.experiment_id, old.architecture)
    with database.read() as session:
        assert session.get_one(RunRow, fresh_id).config == session.get_one(RunRow, run_id).config


@pytest.mark.parametrize("running", [False, True], ids=["queued", "running"])
def test_only_an_ended_run_is_retried(database: Database, run_id: int, running: bool) -> None:
    if running:
        claim(database)

    with pytest.raises(ConflictError, match="cancel it before"), database.write() as session:
        retry(session, run_id)
