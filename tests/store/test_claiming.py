"""Claims, leases and losses: nothing trains twice and nothing is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.domain.configuration import Architecture, WorkerQueue
from app.domain.run_states import RunState, StopReason
from app.store.database import Database
from app.store.runs import (
    MAX_ATTEMPTS_WITHOUT_PROGRESS,
    Claim,
    LeaseLostError,
    claim_next,
    finish,
    has_claimable,
    mark_lost,
    record_epoch,
    renew_lease,
)
from app.store.schema import RunRow, utc_now
from tests.factories import create_experiment, epoch_record

LATER = timedelta(minutes=5)


def queue_run(database: Database, *, queue: WorkerQueue | None = None) -> int:
    with database.write() as session:
        return create_experiment(session, queue=queue).runs[0].id


def claim(database: Database, *queues: str, worker_id: str = "one") -> Claim | None:
    with database.write() as session:
        return claim_next(session, worker_id=worker_id, queues=queues or ("cpu", "gpu"), lease_seconds=10)


def lapse(database: Database) -> list[int]:
    with database.write() as session:
        return mark_lost(session, now=utc_now() + LATER)


def load(database: Database, run_id: int) -> RunRow:
    with database.read() as session:
        return session.get_one(RunRow, run_id)


def test_a_claim_takes_the_run_with_a_lease_and_a_new_attempt(database: Database) -> None:
    run_id = queue_run(database)

    taken = claim(database, worker_id="this-worker")

    assert taken is not None
    assert (taken.run_id, taken.attempt, taken.resume_epoch) == (run_id, 1, 0)
    run = load(database, run_id)
    assert (run.state, run.worker_id, run.attempt) == (RunState.RUNNING, "this-worker", 1)
    assert run.lease_expires_at is not None
    assert 5 < (run.lease_expires_at - utc_now()).total_seconds() <= 10
    assert claim(database) is None


def test_runs_are_claimed_first_in_first_out(database: Database) -> None:
    with database.write() as session:
        experiment = create_experiment(session, architectures=tuple(Architecture))
        expected = [run.id for run in experiment.runs]
    expected.append(queue_run(database))

    claims = [claim(database) for _ in expected]

    assert [taken.run_id for taken in claims if taken] == expected


def test_age_decides_and_not_the_number(database: Database) -> None:
    first, second = queue_run(database), queue_run(database)
    with database.write() as session:
        session.get_one(RunRow, second).queued_at = utc_now() - LATER

    claims = [claim(database), claim(database)]

    assert [taken.run_id for taken in claims if taken] == [second, first]


def test_a_worker_takes_only_runs_of_its_queues(database: Database) -> None:
    queue_run(database, queue=WorkerQueue.GPU)
    on_cpu = queue_run(database, queue=WorkerQueue.CPU)
    anywhere = queue_run(database)

    claims = [claim(database, "cpu") for _ in range(3)]

    assert [taken and taken.run_id for taken in claims] == [on_cpu, anywhere, None]
    with database.read() as session:
        assert has_claimable(session, ["gpu"])
        assert not has_claimable(session, ["cpu"])


def test_concurrent_claimers_never_get_the_same_run(database: Database) -> None:
    with database.write() as session:
        expected = sorted(
            run.id for _ in range(8) for run in create_experiment(session, architectures=tuple(Architecture)).runs
        )
    start = threading.Barrier(2)

    def take_all(worker_id: str) -> list[int]:
        start.wait()
        # PostgreSQL skips rows that the other one holds, so None may come before the end.
        claims = [claim(database, worker_id=worker_id) for _ in range(2 * len(expected))]
        return [taken.run_id for taken in claims if taken is not None]

    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(take_all, ["one", "two"]))

    assert sorted(halves[0] + halves[1]) == expected
    assert {load(database, run_id).attempt for run_id in expected} == {1}


def test_a_lapsed_lease_loses_the_run_and_the_next_claim_resumes_it(database: Database) -> None:
    run_id = queue_run(database)
    claim(database)
    with database.write() as session:
        record_epoch(session, run_id=run_id, attempt=1, record=epoch_record(1, step=3))

    assert lapse(database) == [run_id]
    lost = load(database, run_id)
    assert (lost.state, lost.stop_reason) == (RunState.LOST, StopReason.WORKER_LOST)
    assert "resumes from epoch 1" in lost.message

    again = claim(database, worker_id="two")

    assert again == Claim(run_id, lost.experiment_id, 2, 1)
    run = load(database, run_id)
    assert (run.state, run.worker_id, run.message, run.stop_reason) == (RunState.RUNNING, "two", "", None)


def test_a_renewed_lease_is_not_lost(database: Database) -> None:
    run_id = queue_run(database)
    claim(database)
    with database.write() as session:
        renew_lease(session, run_id=run_id, attempt=1, lease_seconds=2 * LATER.total_seconds())

    assert lapse(database) == []
    assert load(database, run_id).state == RunState.RUNNING


def test_three_losses_without_progress_fail_the_run(database: Database) -> None:
    run_id = queue_run(database)
    for _ in range(MAX_ATTEMPTS_WITHOUT_PROGRESS - 1):
        claim(database)
        lapse(database)
        assert load(database, run_id).state == RunState.LOST

    claim(database)
    lapse(database)

    run = load(database, run_id)
    assert (run.state, run.stop_reason) == (RunState.FAILED, StopReason.WORKER_LOST)
    assert "3 times" in run.message
    assert run.ended_at is not None
    assert claim(database) is None


def test_progress_forgives_earlier_losses(database: Database) -> None:
    run_id = queue_run(database)
    for epoch in range(1, MAX_ATTEMPTS_WITHOUT_PROGRESS + 3):
        taken = claim(database)
        assert taken is not None
        with database.write() as session:
            record_epoch(session, run_id=run_id, attempt=taken.attempt, record=epoch_record(epoch, step=epoch))
        lapse(database)

    assert load(database, run_id).state == RunState.LOST


def test_a_worker_that_shuts_down_hands_back_without_blame(database: Database) -> None:
    run_id = queue_run(database)
    for _ in range(2 * MAX_ATTEMPTS_WITHOUT_PROGRESS):
        taken = claim(database)
        assert taken is not None
        with database.write() as session:
            finish(
                session,
                run_id=run_id,
                attempt=taken.attempt,
                state=RunState.QUEUED,
                reason=StopReason.WORKER_SHUTDOWN,
            )
    claim(database)
    lapse(database)

    assert load(database, run_id).state == RunState.LOST


@pytest.mark.parametrize("end", [lapse, lambda database: claim(database)])
def test_a_run_that_ended_is_left_alone(database: Database, end: Callable[[Database], object]) -> None:
    run_id = queue_run(database)
    claim(database)
    with database.write() as session:
        finish(session, run_id=run_id, attempt=1, state=RunState.FINISHED, reason=StopReason.COMPLETED)

    end(database)

    run = load(database, run_id)
    assert (run.state, run.stop_reason, run.attempt) == (RunState.FINISHED, StopReason.COMPLETED, 1)


def test_a_zombie_learns_that_its_lease_is_gone(database: Database) -> None:
    run_id = queue_run(database)
    claim(database)
    lapse(database)
    claim(database)

    with pytest.raises(LeaseLostError), database.write() as session:
        renew_lease(session, run_id=run_id, attempt=1, lease_seconds=10)
