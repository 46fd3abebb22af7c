"""Reads: rows become the views that pages, the JSON API and the live stream share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain.configuration import Architecture, RunConfig
from app.domain.decimation import decimate_min_max
from app.domain.errors import InvalidInputError, NotFoundError
from app.domain.findings import Severity
from app.domain.history import HISTORY_COLUMNS, STEP_COLUMNS, JsonNumber, number_to_json
from app.domain.metrics import ConfusionCounts
from app.domain.run_states import CLAIMABLE_STATES, RunRequest, RunState
from app.store.artifacts import artifact_url
from app.store.database import Database
from app.store.fold_scores import fold_scores_of
from app.store.held_out import public_spec
from app.store.schema import (
    DatasetRow,
    EpochRow,
    ExperimentRow,
    FindingRow,
    ItemRow,
    RunRow,
    SampleRow,
    StepChunkRow,
    WorkerRow,
    utc_now,
)
from app.store.step_codec import join_steps
from app.store.stream import Announcer
from app.store.views import (
    Columns,
    ExperimentSnapshot,
    ExperimentView,
    FindingView,
    RunRowView,
    RunSnapshot,
    RunView,
    SampleItemView,
    SampleView,
    WorkerView,
)
from app.store.workers import LOST_AFTER_SECONDS

#: Steps that a page gets at most, decimated so that every extreme survives.
STEP_BUCKETS = 600

_SORTS: Mapping[str, ColumnElement[Any]] = {
    "id": RunRow.id.expression,
    "created": RunRow.created_at.expression,
    "state": RunRow.state.expression,
    "architecture": RunRow.architecture.expression,
    "best": RunRow.best_val_jaccard.expression,
    "last": RunRow.last_val_jaccard.expression,
    "epoch": RunRow.epoch.expression,
    "experiment": ExperimentRow.name.expression,
    "dataset": DatasetRow.name.expression,
}


# --- Runs -------------------------------------------------------------------------------------------------------


def list_runs(
    db: Database,
    *,
    text: str = "",
    state: str | None = None,
    architecture: str | None = None,
    dataset_id: int | None = None,
    sort: str = "-created",
    limit: int = 200,
) -> list[RunRowView]:
    """Return runs, newest first unless `sort` says otherwise.

    Parameters
    ----------
    text : str
        Part of the name of the experiment, dataset or model, or a run number.
    state : str, optional
        A `RunState`, or ``attention`` for runs with an open serious finding, failed or lost ones.
    sort : str
        One of `id created state architecture best last epoch experiment dataset`, with ``-`` before it to descend.
    """
    key = sort.removeprefix("-")
    if key not in _SORTS:
        raise InvalidInputError(f"Invalid sort: received {sort!r}, expected one of {', '.join(_SORTS)}.")
    query = (
        select(RunRow)
        .join(RunRow.experiment)
        .join(ExperimentRow.dataset)
        .options(
            joinedload(RunRow.experiment).joinedload(ExperimentRow.dataset),
            selectinload(RunRow.findings),
        )
    )
    if text.strip():
        pattern = "%" + text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions: list[ColumnElement[bool]] = [
            column.ilike(pattern, escape="\\") for column in (ExperimentRow.name, DatasetRow.name, RunRow.architecture)
        ]
        if text.strip().removeprefix("#").isdecimal():
            conditions.append(RunRow.id == int(text.strip().removeprefix("#")))
        query = query.where(or_(*conditions))
    if state == "attention":
        serious = select(FindingRow.run_id).where(
            FindingRow.severity == Severity.SERIOUS, FindingRow.until_epoch.is_(None)
        )
        query = query.where(or_(RunRow.id.in_(serious), RunRow.state.in_([RunState.FAILED, RunState.LOST])))
    elif state:
        query = query.where(RunRow.state == state)
    if architecture:
        query = query.where(RunRow.architecture == architecture)
    if dataset_id:
        query = query.where(ExperimentRow.dataset_id == dataset_id)
    order = _SORTS[key]
    query = query.order_by(
        (order.desc() if sort.startswith("-") else order.asc()).nulls_last(), RunRow.id.desc()
    ).limit(limit)
    with db.read() as session:
        runs = session.scalars(query).all()
        positions = queue_positions(session)
        sparklines = _sparklines(session, [run.id for run in runs])
        return [RunRowView(**dict(_run_view(run, positions)), sparkline=sparklines.get(run.id, [])) for run in runs]


def _sparklines(session: Session, run_ids: Sequence[int]) -> dict[int, list[JsonNumber]]:
    lines: dict[int, list[JsonNumber]] = {}
    rows = session.execute(
        select(EpochRow.run_id, EpochRow.metrics["val_jaccard"])
        .where(EpochRow.run_id.in_(run_ids))
        .order_by(EpochRow.run_id, EpochRow.epoch)
    )
    for run_id, value in rows:
        lines.setdefault(run_id, []).append(value)
    return lines


def queue_positions(session: Session) -> dict[int, int]:
    """Return the place of every waiting run, from 1."""
    waiting = session.scalars(
        select(RunRow.id).where(RunRow.state.in_(CLAIMABLE_STATES)).order_by(RunRow.queued_at, RunRow.id)
    )
    return {run_id: place for place, run_id in enumerate(waiting, start=1)}


def _load_run(session: Session, run_id: int) -> RunRow:
    run = session.get(
        RunRow,
        run_id,
        options=[
            joinedload(RunRow.experiment).joinedload(ExperimentRow.dataset),
            selectinload(RunRow.findings),
        ],
    )
    if run is None:
        raise NotFoundError(f"There is no run {run_id}. The list of runs shows which there are.")
    return run


def run_view(session: Session, run_id: int) -> RunView:
    """Return one run as of the session's transaction."""
    return _run_view(_load_run(session, run_id), queue_positions(session))


def get_run(db: Database, run_id: int) -> RunView:
    """Return one run."""
    with db.read() as session:
        return run_view(session, run_id)


def run_snapshot(db: Database, stream: Announcer, run_id: int) -> RunSnapshot:
    """Return all that a run page draws, with the cursor from which to follow the live stream."""
    cursor = stream.cursor()
    with db.read() as session:
        run = _load_run(session, run_id)
        steps, steps_total = _steps(session, run_id)
        return RunSnapshot(
            cursor=cursor,
            run=_run_view(run, queue_positions(session)),
            config=RunConfig.model_validate(run.config),
            facts=run.facts,
            epochs=_epochs(session, run_id),
            steps=steps,
            steps_total=steps_total,
            sample_items=_sample_items(session, run),
            samples=samples_of(session, run_id),
        )


def _run_view(run: RunRow, positions: Mapping[int, int]) -> RunView:
    ended = run.ended_at is not None
    folded = len(run.experiment.folds) > 1
    label = Architecture(run.architecture).label
    planned_steps = run.epochs_planned * run.steps_per_epoch
    progress = run.step / planned_steps if planned_steps else 0.0
    seconds_left = None
    if run.state == RunState.RUNNING and run.epoch:
        seconds_left = run.training_seconds / run.epoch * (run.epochs_planned - run.epoch)
    return RunView(
        id=run.id,
        experiment_id=run.experiment_id,
        experiment_name=run.experiment.name,
        dataset_id=run.experiment.dataset_id,
        dataset_name=run.experiment.dataset.name,
        architecture=Architecture(run.architecture),
        fold=run.fold + 1 if folded else None,
        label=f"{label} · fold {run.fold + 1}" if folded else label,
        state=RunState(run.state),
        stop_reason=run.stop_reason,
        message=run.message,
        cancel_requested=run.cancel_requested_at is not None and not ended,
        requested=_requested(run),
        queue=run.queue,
        queue_position=positions.get(run.id),
        attempt=run.attempt,
        worker_id=run.worker_id,
        device=run.device,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        epoch=run.epoch,
        epochs_planned=run.epochs_planned,
        step=run.step,
        steps_per_epoch=run.steps_per_epoch,
        progress=1.0 if run.state == RunState.FINISHED else min(progress, 1.0),
        images_per_second=run.images_per_second,
        seconds_left=seconds_left,
        training_seconds=run.training_seconds,
        parameters=run.parameters,
        baseline_all_foreground=run.baseline_all_foreground,
        baseline_empty=run.baseline_empty,
        best_val_jaccard=run.best_val_jaccard,
        best_epoch=run.best_epoch,
        last_val_jaccard=run.last_val_jaccard,
        last_jaccard=run.last_jaccard,
        findings=[_finding_view(row) for row in run.findings],
        retry_of_id=run.retry_of_id,
    )


def _requested(run: RunRow) -> RunRequest | None:
    if run.state != RunState.RUNNING:
        return None
    if run.cancel_requested_at is not None:
        return RunRequest.CANCEL
    return RunRequest(run.requested) if run.requested else None


def _finding_view(row: FindingRow) -> FindingView:
    return FindingView(
        code=row.code,
        severity=Severity(row.severity),
        epoch=row.epoch,
        until_epoch=row.until_epoch,
        raised_at_epoch=row.raised_at_epoch,
        title=row.title,
        message=row.message,
        evidence=row.evidence,
    )


def _epochs(session: Session, run_id: int) -> Columns:
    rows = session.execute(
        select(EpochRow.epoch, EpochRow.step, EpochRow.seconds, EpochRow.metrics)
        .where(EpochRow.run_id == run_id)
        .order_by(EpochRow.epoch)
    ).all()
    columns: dict[str, list[JsonNumber]] = {
        "epoch": [row.epoch for row in rows],
        "step": [row.step for row in rows],
        "seconds": [row.seconds for row in rows],
    }
    for name in HISTORY_COLUMNS[1:]:
        columns[name] = [row.metrics.get(name) for row in rows]
    return Columns(columns=columns)


def _steps(session: Session, run_id: int) -> tuple[Columns, int]:
    chunks = session.execute(
        select(StepChunkRow.first_step, StepChunkRow.count.label("n_steps"), StepChunkRow.payload)
        .where(StepChunkRow.run_id == run_id)
        .order_by(StepChunkRow.first_step)
    ).all()
    names = ("step", *STEP_COLUMNS)
    if not chunks:
        return Columns(columns={name: [] for name in names}), 0
    values = join_steps([(chunk.payload, chunk.n_steps) for chunk in chunks]).astype(np.float64)
    steps = np.concatenate([np.arange(chunk.first_step, chunk.first_step + chunk.n_steps) for chunk in chunks])
    drawn = [STEP_COLUMNS.index("loss"), STEP_COLUMNS.index("jaccard")]
    kept = decimate_min_max(steps, values[:, drawn], buckets=STEP_BUCKETS)
    columns: dict[str, list[JsonNumber]] = {"step": steps[kept].tolist()}
    for index, name in enumerate(STEP_COLUMNS):
        columns[name] = [number_to_json(float(value)) for value in values[kept, index]]
    return Columns(columns=columns), len(steps)


def _sample_items(session: Session, run: RunRow) -> list[SampleItemView]:
    wanted = run.facts.get("sample_items", [])
    rows = session.execute(select(ItemRow.id, ItemRow.name).where(ItemRow.id.in_(wanted))).all()
    names = {row.id: row.name for row in rows}
    return [
        SampleItemView(
            item_id=item_id,
            name=names[item_id],
            image_url=artifact_url(f"runs/{run.id}/samples/{item_id}-image.png"),
            mask_url=artifact_url(f"runs/{run.id}/samples/{item_id}-mask.png"),
        )
        for item_id in wanted
        if item_id in names
    ]


def samples_of(session: Session, run_id: int, *, epoch: int | None = None) -> list[SampleView]:
    """Return the stored predictions of a run (of one epoch), in order of epoch and item."""
    query = select(SampleRow).where(SampleRow.run_id == run_id)
    if epoch is not None:
        query = query.where(SampleRow.epoch == epoch)
    return [
        SampleView(
            item_id=row.item_id,
            epoch=row.epoch,
            url=artifact_url(row.path),
            true_positive=row.true_positive,
            false_positive=row.false_positive,
            false_negative=row.false_negative,
            true_negative=row.true_negative,
            jaccard=ConfusionCounts(
                row.true_positive, row.false_positive, row.false_negative, row.true_negative
            ).jaccard,
        )
        for row in session.scalars(query.order_by(SampleRow.epoch, SampleRow.item_id))
    ]


# --- Experiments ------------------------------------------------------------------------------------------------


def _experiment_query() -> Any:
    return select(ExperimentRow).options(
        joinedload(ExperimentRow.dataset),
        selectinload(ExperimentRow.runs).selectinload(RunRow.findings),
    )


def list_experiments(db: Database, *, limit: int = 200) -> list[ExperimentView]:
    """Return the newest experiments."""
    with db.read() as session:
        rows = session.scalars(_experiment_query().order_by(ExperimentRow.id.desc()).limit(limit)).all()
        positions = queue_positions(session)
        return [_experiment_view(row, positions) for row in rows]


def _load_experiment(session: Session, experiment_id: int) -> ExperimentRow:
    row: ExperimentRow | None = session.scalars(_experiment_query().where(ExperimentRow.id == experiment_id)).first()
    if row is None:
        raise NotFoundError(f"There is no experiment {experiment_id}.")
    return row


def get_experiment(db: Database, experiment_id: int) -> ExperimentView:
    """Return one experiment with its runs."""
    with db.read() as session:
        return _experiment_view(_load_experiment(session, experiment_id), queue_positions(session))


def experiment_snapshot(db: Database, stream: Announcer, experiment_id: int) -> ExperimentSnapshot:
    """Return all that an experiment page draws."""
    cursor = stream.cursor()
    with db.read() as session:
        row = _load_experiment(session, experiment_id)
        return ExperimentSnapshot(
            cursor=cursor,
            experiment=_experiment_view(row, queue_positions(session)),
            epochs={run.id: _epochs(session, run.id) for run in row.runs},
            steps={run.id: _steps(session, run.id)[0] for run in row.runs},
        )


def _experiment_view(row: ExperimentRow, positions: Mapping[int, int]) -> ExperimentView:
    return ExperimentView(
        id=row.id,
        name=row.name,
        dataset_id=row.dataset_id,
        dataset_name=row.dataset.name,
        dataset_hash=row.dataset_hash,
        created_at=row.created_at,
        spec=public_spec(row),
        training_items=len(row.folds[0]["training"]),
        validation_items=len(row.folds[0]["validation"]),
        test_items=len(row.test_items),
        test_revealed_at=row.test_revealed_at,
        folds=len(row.folds),
        fold_scores=fold_scores_of(row),
        runs=[_run_view(run, positions) for run in row.runs],
    )


# --- Workers ----------------------------------------------------------------------------------------------------


def list_workers(db: Database) -> list[WorkerView]:
    """Return every worker that has said hello, the live ones first; `live`, `lost` or `stopped`."""
    now = utc_now()
    with db.read() as session:
        rows = session.scalars(select(WorkerRow).order_by(WorkerRow.started_at.desc())).all()
        positions = queue_positions(session)
        running: dict[str, list[RunView]] = {}
        for run in session.scalars(
            select(RunRow)
            .where(RunRow.state == RunState.RUNNING)
            .options(
                joinedload(RunRow.experiment).joinedload(ExperimentRow.dataset),
                selectinload(RunRow.findings),
            )
        ):
            running.setdefault(run.worker_id or "", []).append(_run_view(run, positions))
        views = [
            WorkerView(
                id=row.id,
                hostname=row.hostname,
                pid=row.pid,
                state=_worker_state(row, (now - row.heartbeat_at).total_seconds()),
                queues=row.queues,
                slots=row.slots,
                devices=row.devices,
                versions=row.versions,
                started_at=row.started_at,
                heartbeat_at=row.heartbeat_at,
                silent_seconds=max(0.0, (now - row.heartbeat_at).total_seconds()),
                runs=running.get(row.id, []),
            )
            for row in rows
        ]
    order = ("live", "lost", "stopped")
    return sorted(views, key=lambda view: order.index(view.state))


def _worker_state(row: WorkerRow, silent_seconds: float) -> str:
    if row.stopped_at is not None:
        return "stopped"
    return "live" if silent_seconds <= LOST_AFTER_SECONDS else "lost"


def live_workers(views: Iterable[WorkerView], *, queue: str | None = None) -> list[WorkerView]:
    """Return the workers that are live and serve `queue` (any queue if None)."""
    return [view for view in views if view.state == "live" and (queue is None or queue in view.queues)]
