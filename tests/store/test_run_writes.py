"""What a training writes: fenced by its attempt, sealed by the epoch, rewound at a resume."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.findings import Finding, FindingCode, Severity
from app.domain.history import STEP_COLUMNS, metrics_from_json
from app.domain.metrics import Baselines, ConfusionCounts
from app.domain.run_states import RunState, StopReason
from app.store.database import Database
from app.store.queries import get_run, list_runs, run_snapshot
from app.store.runs import (
    LeaseLostError,
    SampleRecord,
    claim_next,
    finish,
    load_history,
    mark_lost,
    record_epoch,
    record_start,
    record_steps,
    renew_lease,
    rewind,
    synchronise_findings,
    training_order,
)
from app.store.schema import EpochRow, FindingRow, RunRow, SampleRow, StepChunkRow, utc_now
from app.store.stream import Announcer, connect
from tests.factories import create_dataset, create_experiment, epoch_record

ATTEMPT = 1


@pytest.fixture
def run_id(database: Database) -> int:
    """Return a run that attempt 1 trains."""
    with database.write() as session:
        run_id = create_experiment(session).runs[0].id
        claim_next(session, worker_id="one", queues=["cpu"], lease_seconds=60)
    return run_id


def steps(first: int, count: int) -> NDArray[np.float32]:
    values = np.zeros((count, len(STEP_COLUMNS)), np.float32)
    values[:, 0] = np.arange(first, first + count)
    return values


def add_steps(database: Database, run_id: int, first: int, count: int, *, attempt: int = ATTEMPT) -> None:
    with database.write() as session:
        record_steps(
            session,
            run_id=run_id,
            attempt=attempt,
            first_step=first,
            values=steps(first, count),
            images_per_second=10.0,
        )


def add_epoch(database: Database, run_id: int, epoch: int, *, step: int, attempt: int = ATTEMPT) -> None:
    with database.write() as session:
        record_epoch(session, run_id=run_id, attempt=attempt, record=epoch_record(epoch, step=step))


def chunks(database: Database, run_id: int) -> list[tuple[int, int, bool]]:
    with database.read() as session:
        rows = session.scalars(
            select(StepChunkRow).where(StepChunkRow.run_id == run_id).order_by(StepChunkRow.first_step)
        )
        return [(row.first_step, row.count, row.sealed) for row in rows]


def take_over(database: Database, run_id: int) -> None:
    """Make attempt 1 a zombie: the run is lost and attempt 2 has it."""
    with database.write() as session:
        session.get_one(RunRow, run_id).lease_expires_at = utc_now()
        session.flush()
        assert mark_lost(session, now=utc_now()) == [run_id]
        claim_next(session, worker_id="two", queues=["cpu"], lease_seconds=60)


def image(database: Database, run_id: int) -> object:
    """Return all that a zombie could spoil."""
    with database.read() as session:
        run = session.get_one(RunRow, run_id)
        counts = [
            session.scalar(select(func.count()).select_from(table))
            for table in (EpochRow, StepChunkRow, SampleRow, FindingRow)
        ]
        return {column.name: getattr(run, column.key) for column in RunRow.__table__.columns}, counts


def zombie_steps(session: Session, run_id: int) -> None:
    record_steps(session, run_id=run_id, attempt=ATTEMPT, first_step=4, values=steps(4, 1), images_per_second=1.0)


def zombie_epoch(session: Session, run_id: int) -> None:
    finding = Finding(code=FindingCode.COLLAPSE, severity=Severity.SERIOUS, epoch=2, title="t", message="m")
    record = epoch_record(2, step=6, findings=(finding,))
    record_epoch(session, run_id=run_id, attempt=ATTEMPT, record=record)


def zombie_finish(session: Session, run_id: int) -> None:
    finish(session, run_id=run_id, attempt=ATTEMPT, state=RunState.FINISHED, reason=StopReason.COMPLETED)


def zombie_rewind(session: Session, run_id: int) -> None:
    rewind(session, run_id=run_id, attempt=ATTEMPT)


def zombie_start(session: Session, run_id: int) -> None:
    record_start(
        session,
        run_id=run_id,
        attempt=ATTEMPT,
        steps_per_epoch=9,
        parameters=9,
        device="none",
        baselines=Baselines(0.1, 0.0),
        facts={},
    )


def zombie_renewal(session: Session, run_id: int) -> None:
    renew_lease(session, run_id=run_id, attempt=ATTEMPT, lease_seconds=999)


def zombie_order(session: Session, run_id: int) -> None:
    training_order(session, run_id=run_id, attempt=ATTEMPT)


@pytest.mark.parametrize(
    "write",
    [zombie_steps, zombie_epoch, zombie_finish, zombie_rewind, zombie_start, zombie_renewal, zombie_order],
)
@pytest.mark.parametrize("taken_over", [True, False], ids=["taken-over", "ended"])
def test_an_old_attempt_is_refused_and_writes_nothing(
    database: Database, run_id: int, write: Callable[[Session, int], None], taken_over: bool
) -> None:
    add_steps(database, run_id, 1, 3)
    add_epoch(database, run_id, 1, step=3)
    add_steps(database, run_id, 4, 1)
    if taken_over:
        take_over(database, run_id)
    else:
        with database.write() as session:
            finish(session, run_id=run_id, attempt=ATTEMPT, state=RunState.FAILED, reason=StopReason.ERROR)
    before = image(database, run_id)

    with pytest.raises(LeaseLostError, match=f"Run {run_id} is no longer trained by attempt 1"):
        with database.write() as session:
            write(session, run_id)

    assert image(database, run_id) == before


def test_an_epoch_seals_its_steps_and_the_snapshot_returns_all(database: Database, run_id: int, redis_url: str) -> None:
    for first in (1, 3, 5):
        add_steps(database, run_id, first, 2)
    assert chunks(database, run_id) == [(1, 2, False), (3, 2, False), (5, 2, False)]

    add_epoch(database, run_id, 1, step=6)
    add_steps(database, run_id, 7, 2)

    assert chunks(database, run_id) == [(1, 6, True), (7, 2, False)]
    client = connect(redis_url)
    snapshot = run_snapshot(database, Announcer(client), run_id)
    client.close()
    assert snapshot.steps_total == 8
    assert snapshot.steps.columns["step"] == list(range(1, 9))
    assert snapshot.steps.columns["loss"] == list(range(1, 9))
    assert snapshot.epochs.columns["epoch"] == [1]
    assert snapshot.epochs.columns["step"] == [6]
    assert (snapshot.run.epoch, snapshot.run.step) == (1, 8)


def test_a_resume_drops_the_partial_epoch_only(database: Database, run_id: int) -> None:
    add_steps(database, run_id, 1, 3)
    add_epoch(database, run_id, 1, step=3)
    add_steps(database, run_id, 4, 2)
    take_over(database, run_id)

    with database.write() as session:
        last = rewind(session, run_id=run_id, attempt=2)

    assert last == 3
    assert chunks(database, run_id) == [(1, 3, True)]
    assert get_run(database, run_id).step == 3
    add_steps(database, run_id, 4, 3, attempt=2)
    add_epoch(database, run_id, 2, step=6, attempt=2)
    assert chunks(database, run_id) == [(1, 3, True), (4, 3, True)]


def test_a_resume_before_the_first_epoch_starts_from_nothing(database: Database, run_id: int) -> None:
    add_steps(database, run_id, 1, 2)

    with database.write() as session:
        assert rewind(session, run_id=run_id, attempt=ATTEMPT) == 0

    assert chunks(database, run_id) == []


def test_not_finite_metrics_survive_the_database(database: Database, run_id: int) -> None:
    record = epoch_record(
        1, step=1, metrics={"loss": math.nan, "val_loss": math.inf, "val_dice": -math.inf, "val_jaccard": math.nan}
    )
    with database.write() as session:
        record_epoch(session, run_id=run_id, attempt=ATTEMPT, record=record)

    with database.read() as session:
        [(epoch, stored)] = load_history(session, run_id)
    metrics = metrics_from_json(stored)
    assert epoch == 1
    assert metrics["loss"] is not None
    assert math.isnan(metrics["loss"])
    assert (metrics["val_loss"], metrics["val_dice"], metrics["jaccard"]) == (math.inf, -math.inf, 0.5)
    [listed] = list_runs(database)
    assert listed.sparkline == ["nan"]
    assert listed.last_val_jaccard is None


def test_findings_are_closed_and_never_deleted(database: Database, run_id: int) -> None:
    opened = Finding(
        code=FindingCode.COLLAPSE, severity=Severity.SERIOUS, epoch=2, title="collapsed", message="m", evidence={"a": 1}
    )
    closed = opened.model_copy(update={"until_epoch": 4, "severity": Severity.INFO})

    for epoch, findings in ((3, (opened,)), (4, (closed,)), (5, ())):
        with database.write() as session:
            synchronise_findings(session, run_id=run_id, findings=findings, epoch=epoch)

    [finding] = get_run(database, run_id).findings
    assert (finding.code, finding.epoch, finding.until_epoch) == (FindingCode.COLLAPSE, 2, 4)
    assert (finding.severity, finding.raised_at_epoch, finding.evidence) == (Severity.INFO, 3, {"a": 1})


def test_samples_are_stored_with_their_epoch(database: Database, redis_url: str) -> None:
    with database.write() as session:
        dataset = create_dataset(session)
        item_id = dataset.items[0].id
        run_id = create_experiment(session, dataset=dataset).runs[0].id
        claim_next(session, worker_id="one", queues=["cpu"], lease_seconds=60)
        sample = SampleRecord(item_id=item_id, path="runs/1/samples/a b.png", counts=ConfusionCounts(3, 1, 0, 12))
        record_epoch(session, run_id=run_id, attempt=ATTEMPT, record=epoch_record(1, step=1, samples=(sample,)))

    client = connect(redis_url)
    [view] = run_snapshot(database, Announcer(client), run_id).samples
    client.close()
    assert (view.item_id, view.epoch, view.url) == (item_id, 1, "/artifacts/runs/1/samples/a%20b.png")
    assert view.jaccard == 0.75
