"""Writes to runs: claim, lease, epochs, steps, cancellation, ends.

Every function takes the session of the caller's transaction. Writes of a training carry its `attempt`
(the fencing token): when the row has moved on, `LeaseLostError` is raised and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from app.domain.configuration import RunConfig
from app.domain.errors import ConflictError, NotFoundError, SegscopeError
from app.domain.findings import Finding
from app.domain.history import metrics_to_json
from app.domain.metrics import Baselines, ConfusionCounts
from app.domain.run_states import (
    CLAIMABLE_STATES,
    TERMINAL_STATES,
    RunRequest,
    RunState,
    StopReason,
    sources_of,
)
from app.store.schema import (
    EpochRow,
    ExperimentRow,
    FindingRow,
    RunRow,
    SampleRow,
    StepChunkRow,
    utc_now,
)
from app.store.step_codec import encode_steps, join_steps

#: A run that was lost this often without finishing one more epoch fails instead of being resumed again.
MAX_ATTEMPTS_WITHOUT_PROGRESS = 3


class LeaseLostError(SegscopeError):
    """The run belongs to another attempt by now, or has ended: this training must stop writing."""

    code = "lease-lost"
    status = 409


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this worker may train, and from which epoch."""

    run_id: int
    experiment_id: int
    attempt: int
    resume_epoch: int


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A stored prediction: artifact path of its probability image and its counts at threshold 0.5."""

    item_id: int
    path: str
    counts: ConfusionCounts


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one finished epoch leaves in the database; `step` is the last step of the epoch."""

    epoch: int
    step: int
    seconds: float
    metrics: Mapping[str, float]
    best_val_jaccard: float
    best_epoch: int
    samples: Sequence[SampleRecord]
    findings: Sequence[Finding]


def _claimable(queues: Sequence[str]) -> Any:
    return (
        RunRow.state.in_(CLAIMABLE_STATES)
        & RunRow.cancel_requested_at.is_(None)
        & or_(RunRow.queue.is_(None), RunRow.queue.in_(queues))
    )


def claim_next(
    session: Session, *, worker_id: str, queues: Sequence[str], lease_seconds: float, run_id: int | None = None
) -> Claim | None:
    """Take the oldest claimable run of `queues`, or only `run_id`; return None when nothing waits."""
    wanted = _claimable(queues) if run_id is None else _claimable(queues) & (RunRow.id == run_id)
    run = session.scalars(
        select(RunRow).where(wanted).order_by(RunRow.queued_at, RunRow.id).limit(1).with_for_update(skip_locked=True)
    ).first()
    if run is None:
        return None
    now = utc_now()
    run.state = RunState.RUNNING
    run.attempt += 1
    run.attempts_without_progress += 1
    run.worker_id = worker_id
    run.lease_expires_at = now + timedelta(seconds=lease_seconds)
    run.started_at = run.started_at or now
    run.ended_at = None
    run.message = ""
    run.stop_reason = None
    return Claim(run.id, run.experiment_id, run.attempt, run.epoch)


def has_claimable(session: Session, queues: Sequence[str]) -> bool:
    """Whether anything waits in `queues`."""
    return session.scalar(select(RunRow.id).where(_claimable(queues)).limit(1)) is not None


def _fenced_update(session: Session, *, run_id: int, attempt: int, values: Mapping[str, Any]) -> None:
    result = cast(
        "CursorResult[Any]",
        session.execute(
            update(RunRow)
            .where(RunRow.id == run_id, RunRow.attempt == attempt, RunRow.state == RunState.RUNNING)
            .values(**values)
        ),
    )
    if result.rowcount != 1:
        raise LeaseLostError(f"Run {run_id} is no longer trained by attempt {attempt}.")


def renew_lease(session: Session, *, run_id: int, attempt: int, lease_seconds: float) -> RunRequest | None:
    """Extend the lease; return what was requested of the run meanwhile.

    Raises
    ------
    LeaseLostError
        The run is not this attempt's any more.
    """
    _fenced_update(
        session,
        run_id=run_id,
        attempt=attempt,
        values={"lease_expires_at": utc_now() + timedelta(seconds=lease_seconds)},
    )
    return pending_request(session, run_id)


def pending_request(session: Session, run_id: int) -> RunRequest | None:
    """Return what a person has asked of the run and its worker has not done yet; a cancellation outweighs the rest."""
    cancelled_at, requested = session.execute(
        select(RunRow.cancel_requested_at, RunRow.requested).where(RunRow.id == run_id)
    ).one()
    if cancelled_at is not None:
        return RunRequest.CANCEL
    return RunRequest(requested) if requested else None


def rewind(session: Session, *, run_id: int, attempt: int) -> int:
    """Drop what an earlier attempt wrote after its last finished epoch; return the last step that remains."""
    run = _require(session, run_id)
    step = session.scalar(select(EpochRow.step).where(EpochRow.run_id == run_id, EpochRow.epoch == run.epoch)) or 0
    _fenced_update(session, run_id=run_id, attempt=attempt, values={"step": step})
    session.execute(delete(StepChunkRow).where(StepChunkRow.run_id == run_id, StepChunkRow.first_step > step))
    return step


def record_start(
    session: Session,
    *,
    run_id: int,
    attempt: int,
    steps_per_epoch: int,
    parameters: int,
    device: str,
    baselines: Baselines,
    facts: Mapping[str, Any],
) -> None:
    """Store what is known once the model and the data are in memory."""
    known = _require(session, run_id).facts
    _fenced_update(
        session,
        run_id=run_id,
        attempt=attempt,
        values={
            "steps_per_epoch": steps_per_epoch,
            "parameters": parameters,
            "device": device,
            "baseline_all_foreground": baselines.all_foreground,
            "baseline_empty": baselines.empty,
            "facts": {**known, **facts},
        },
    )


def add_facts(session: Session, *, run_id: int, attempt: int, facts: Mapping[str, Any]) -> None:
    """Store facts that were found on the way; a later value replaces an earlier one of the same name."""
    run = _require(session, run_id)
    _fenced_update(session, run_id=run_id, attempt=attempt, values={"facts": {**run.facts, **facts}})


def record_steps(
    session: Session,
    *,
    run_id: int,
    attempt: int,
    first_step: int,
    values: NDArray[np.float32],
    images_per_second: float,
) -> None:
    """Append live steps.

    Parameters
    ----------
    first_step : int
        Global number of the first row, from 1.
    values : ndarray of float32, shape (n_steps, len(STEP_COLUMNS))
    """
    _fenced_update(
        session,
        run_id=run_id,
        attempt=attempt,
        values={"step": first_step + len(values) - 1, "images_per_second": images_per_second},
    )
    session.add(StepChunkRow(run_id=run_id, first_step=first_step, count=len(values), payload=encode_steps(values)))


def record_epoch(session: Session, *, run_id: int, attempt: int, record: EpochRecord) -> None:
    """Store a finished epoch, seal its steps into one chunk and bring the findings up to date."""
    run = _require(session, run_id)
    _fenced_update(
        session,
        run_id=run_id,
        attempt=attempt,
        values={
            "epoch": record.epoch,
            "step": record.step,
            "attempts_without_progress": 0,
            "training_seconds": run.training_seconds + record.seconds,
            "best_val_jaccard": record.best_val_jaccard,
            "best_epoch": record.best_epoch,
            "last_val_jaccard": _finite_or_none(record.metrics["val_jaccard"]),
            "last_jaccard": _finite_or_none(record.metrics["jaccard"]),
        },
    )
    session.add(
        EpochRow(
            run_id=run_id,
            epoch=record.epoch,
            step=record.step,
            seconds=record.seconds,
            metrics=metrics_to_json(record.metrics),
        )
    )
    _seal_steps(session, run_id)
    for sample in record.samples:
        session.add(
            SampleRow(
                run_id=run_id,
                epoch=record.epoch,
                item_id=sample.item_id,
                path=sample.path,
                true_positive=sample.counts.true_positive,
                false_positive=sample.counts.false_positive,
                false_negative=sample.counts.false_negative,
                true_negative=sample.counts.true_negative,
            )
        )
    synchronise_findings(session, run_id=run_id, findings=record.findings, epoch=record.epoch)


def _finite_or_none(value: float) -> float | None:
    # SQLite stores NaN as NULL and PostgreSQL does not; the epoch table keeps the exact value.
    return value if np.isfinite(value) else None


def _seal_steps(session: Session, run_id: int) -> None:
    tail = session.scalars(
        select(StepChunkRow)
        .where(StepChunkRow.run_id == run_id, StepChunkRow.sealed.is_(False))
        .order_by(StepChunkRow.first_step)
    ).all()
    if not tail:
        return
    values = join_steps([(chunk.payload, chunk.count) for chunk in tail])
    first_step = tail[0].first_step
    session.execute(delete(StepChunkRow).where(StepChunkRow.run_id == run_id, StepChunkRow.sealed.is_(False)))
    session.expunge_all()
    session.add(
        StepChunkRow(
            run_id=run_id,
            first_step=first_step,
            count=len(values),
            sealed=True,
            payload=encode_steps(values),
        )
    )


def synchronise_findings(session: Session, *, run_id: int, findings: Iterable[Finding], epoch: int) -> None:
    """Store the findings of the whole history as of `epoch`: new ones are added, known ones updated, none removed."""
    known = {
        (row.code, row.epoch): row for row in session.scalars(select(FindingRow).where(FindingRow.run_id == run_id))
    }
    for finding in findings:
        row = known.get((finding.code, finding.epoch))
        if row is None:
            row = FindingRow(run_id=run_id, code=finding.code, epoch=finding.epoch, raised_at_epoch=epoch)
            session.add(row)
        row.severity = finding.severity
        row.until_epoch = finding.until_epoch
        row.title = finding.title
        row.message = finding.message
        row.evidence = dict(finding.evidence)


def finish(
    session: Session,
    *,
    run_id: int,
    attempt: int,
    state: RunState,
    reason: StopReason,
    message: str = "",
) -> None:
    """End an attempt: `state` is terminal, or `paused`, or `queued` to hand the run back.

    A run that is handed back while a cancellation or a pause waits for its worker is stopped or paused instead: nobody
    would be there to do it.
    """
    if RunState.RUNNING not in sources_of(state):
        raise ValueError(f"Invalid end state: received {state}, expected one that follows running.")
    if state == RunState.QUEUED:
        match pending_request(session, run_id):
            case RunRequest.CANCEL:
                state, reason, message = RunState.STOPPED, StopReason.CANCELLED, ""
            case RunRequest.PAUSE:
                state, reason, message = RunState.PAUSED, StopReason.PAUSED, ""
    handed_back = state in {RunState.QUEUED, RunState.PAUSED}
    values: dict[str, Any] = {
        "state": state,
        "stop_reason": reason,
        "message": message,
        "lease_expires_at": None,
        "worker_id": None if handed_back else RunRow.worker_id,
    }
    if state in TERMINAL_STATES:
        values["ended_at"] = utc_now()
    if state != RunState.QUEUED:
        values["requested"] = None
    if handed_back:
        values["attempts_without_progress"] = RunRow.attempts_without_progress - 1
    _fenced_update(session, run_id=run_id, attempt=attempt, values=values)


def request_cancel(session: Session, run_id: int) -> None:
    """Cancel a run: at once where it waits or is paused, through its worker where it trains.

    Raises
    ------
    ConflictError
        The run has already ended.
    """
    run = _require(session, run_id, lock=True)
    if RunState(run.state) in TERMINAL_STATES:
        raise ConflictError(f"Run {run_id} has already {_past(run.state)}: there is nothing to cancel.")
    now = utc_now()
    run.cancel_requested_at = run.cancel_requested_at or now
    if RunState(run.state) != RunState.RUNNING:
        run.state = RunState.STOPPED
        run.stop_reason = StopReason.CANCELLED
        run.ended_at = now


def _past(state: str) -> str:
    return {"stopped": "been stopped"}.get(state, state)


def retry(session: Session, run_id: int) -> RunRow:
    """Queue a new run with the configuration and split of an ended one; the old one keeps its numbers.

    Raises
    ------
    ConflictError
        The run has not ended.
    """
    run = _require(session, run_id)
    if RunState(run.state) not in TERMINAL_STATES:
        raise ConflictError(f"Run {run_id} is {run.state}: cancel it before you retry it.")
    fresh = RunRow(
        experiment_id=run.experiment_id,
        architecture=run.architecture,
        config=run.config,
        fold=run.fold,
        retry_of_id=run.id,
        state=RunState.QUEUED,
        queue=run.queue,
        epochs_planned=run.epochs_planned,
    )
    session.add(fresh)
    session.flush()
    return fresh


def mark_lost(session: Session, *, now: datetime) -> list[int]:
    """Mark runs whose lease has lapsed: `lost`, or ended where that is decided already.

    Returns
    -------
    list of int
        The runs that changed.
    """
    lapsed = session.scalars(
        select(RunRow)
        .where(RunRow.state == RunState.RUNNING, RunRow.lease_expires_at < now)
        .with_for_update(skip_locked=True)
    ).all()
    for run in lapsed:
        run.lease_expires_at = None
        if run.cancel_requested_at is not None:
            run.state, run.stop_reason, run.ended_at = RunState.STOPPED, StopReason.CANCELLED, now
        elif run.requested == RunRequest.PAUSE:
            run.state, run.stop_reason, run.requested = RunState.PAUSED, StopReason.PAUSED, None
        elif run.attempts_without_progress >= MAX_ATTEMPTS_WITHOUT_PROGRESS:
            run.state, run.stop_reason, run.ended_at = RunState.FAILED, StopReason.WORKER_LOST, now
            run.message = (
                f"The worker died {run.attempts_without_progress} times without finishing another epoch. "
                "Look at the log, reduce the batch size or the image size, and retry."
            )
        else:
            run.state, run.stop_reason = RunState.LOST, StopReason.WORKER_LOST
            run.message = (
                f"The worker has been silent; the training resumes from epoch {run.epoch} on the next free worker."
            )
    return [run.id for run in lapsed]


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What a training process needs to know about its run."""

    run: RunRow
    config: RunConfig
    experiment: ExperimentRow


def training_order(session: Session, *, run_id: int, attempt: int) -> TrainingOrder:
    """Load a claimed run with its experiment and dataset.

    Raises
    ------
    LeaseLostError
        The run is not this attempt's any more.
    """
    run = _require(session, run_id)
    if run.attempt != attempt or run.state != RunState.RUNNING:
        raise LeaseLostError(f"Run {run_id} is no longer trained by attempt {attempt}.")
    experiment = run.experiment
    _ = experiment.dataset.items
    return TrainingOrder(run, RunConfig.model_validate(run.config), experiment)


def load_history(session: Session, run_id: int) -> list[tuple[int, dict[str, Any]]]:
    """Return the run's epochs in order as (epoch, metrics as JSON numbers)."""
    rows = session.execute(
        select(EpochRow.epoch, EpochRow.metrics).where(EpochRow.run_id == run_id).order_by(EpochRow.epoch)
    )
    return [(epoch, metrics) for epoch, metrics in rows]


def _require(session: Session, run_id: int, *, lock: bool = False) -> RunRow:
    run = session.get(RunRow, run_id, with_for_update=True if lock else None)
    if run is None:
        raise NotFoundError(f"There is no run {run_id}.")
    return run
