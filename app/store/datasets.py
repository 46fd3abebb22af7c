"""Writes of datasets: registration, the claim of the indexing, its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec
from app.domain.errors import ConflictError, NotFoundError
from app.domain.run_states import DatasetState
from app.store.schema import DatasetRow, ExperimentRow, ItemRow, ProblemRow, utc_now

#: An indexing that has been silent for longer than this is taken over by another worker.
INDEXING_LEASE_SECONDS = 30.0
MAX_INDEXING_ATTEMPTS = 3


class ItemRecord(Protocol):
    """What the index says of one item (see `app.datasets.items.indexing.IndexedItem`)."""

    @property
    def position(self) -> int: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def group(self) -> str: ...  # noqa: D102
    @property
    def image_path(self) -> str: ...  # noqa: D102
    @property
    def mask_path(self) -> str: ...  # noqa: D102
    @property
    def image_sha256(self) -> str: ...  # noqa: D102
    @property
    def mask_sha256(self) -> str: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def image_dtype(self) -> str: ...  # noqa: D102
    @property
    def mask_dtype(self) -> str: ...  # noqa: D102
    @property
    def foreground_fraction(self) -> float: ...  # noqa: D102
    @property
    def fractional_share(self) -> float: ...  # noqa: D102
    @property
    def statistics(self) -> Mapping[str, Any]: ...  # noqa: D102


class ProblemRecord(Protocol):
    """What the index says of a file that became no item."""

    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """The result of an indexing as the database keeps it."""

    items: Sequence[ItemRecord]
    problems: Sequence[ProblemRecord]
    content_hash: str
    mask_threshold: float
    mask_rule_text: str
    intensity_low: float
    intensity_high: float
    summary: Mapping[str, Any]


def create_dataset(
    session: Session,
    *,
    name: str,
    source: str,
    root: str,
    import_spec: ImportSpec,
) -> DatasetRow:
    """Register the first version of a dataset; a worker indexes it."""
    row = DatasetRow(
        name=name,
        source=source,
        root=root,
        import_spec=import_spec.model_dump(mode="json"),
        edits=DatasetEdits().model_dump(mode="json"),
        state=DatasetState.QUEUED,
    )
    session.add(row)
    session.flush()
    row.lineage_id = row.id
    return row


def _waiting(now: datetime) -> Any:
    silent_since = now - timedelta(seconds=INDEXING_LEASE_SECONDS)
    return or_(
        DatasetRow.state == DatasetState.QUEUED,
        (DatasetRow.state == DatasetState.INDEXING) & (DatasetRow.heartbeat_at < silent_since),
    )


def has_waiting(session: Session) -> bool:
    """Whether a dataset waits to be indexed."""
    return session.scalar(select(DatasetRow.id).where(_waiting(utc_now())).limit(1)) is not None


def claim_indexing(session: Session) -> tuple[int, int] | None:
    """Take the oldest dataset that waits to be indexed; return (dataset id, attempt) or None."""
    now = utc_now()
    while True:
        row = session.scalars(
            select(DatasetRow).where(_waiting(now)).order_by(DatasetRow.id).limit(1).with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        if row.attempt >= MAX_INDEXING_ATTEMPTS:
            row.state = DatasetState.FAILED
            row.message = (
                f"Reading the files ended the process {row.attempt} times. One of the files probably needs more "
                "memory than this machine has; remove the largest ones and register the folder again."
            )
            session.flush()
            continue
        row.state = DatasetState.INDEXING
        row.attempt += 1
        row.heartbeat_at = now
        row.progress = 0.0
        return row.id, row.attempt


def record_progress(session: Session, *, dataset_id: int, attempt: int, progress: float) -> None:
    """Record how far the indexing is (0 to 1), which is its heartbeat too."""
    row = _require_attempt(session, dataset_id, attempt)
    row.progress = progress
    row.heartbeat_at = utc_now()


def record_index(session: Session, *, dataset_id: int, attempt: int, index: IndexRecord) -> None:
    """Store the finished index and make the dataset ready."""
    row = _require_attempt(session, dataset_id, attempt)
    session.execute(delete(ItemRow).where(ItemRow.dataset_id == dataset_id))
    session.execute(delete(ProblemRow).where(ProblemRow.dataset_id == dataset_id))
    session.add_all(
        ItemRow(
            dataset_id=dataset_id,
            position=item.position,
            name=item.name,
            group=item.group,
            image_path=item.image_path,
            mask_path=item.mask_path,
            image_sha256=item.image_sha256,
            mask_sha256=item.mask_sha256,
            height=item.height,
            width=item.width,
            channels=item.channels,
            image_dtype=item.image_dtype,
            mask_dtype=item.mask_dtype,
            foreground_fraction=item.foreground_fraction,
            fractional_share=item.fractional_share,
            statistics=dict(item.statistics),
        )
        for item in index.items
    )
    session.add_all(
        ProblemRow(
            dataset_id=dataset_id,
            code=problem.code,
            name=problem.name,
            message=problem.message,
        )
        for problem in index.problems
    )
    row.state = DatasetState.READY
    row.message = ""
    row.progress = 1.0
    row.content_hash = index.content_hash
    row.mask_threshold = index.mask_threshold
    row.mask_rule_text = index.mask_rule_text
    row.intensity_low = index.intensity_low
    row.intensity_high = index.intensity_high
    row.summary = dict(index.summary)


def record_failure(session: Session, *, dataset_id: int, attempt: int, message: str) -> None:
    """Store why the indexing failed."""
    row = _require_attempt(session, dataset_id, attempt)
    row.state = DatasetState.FAILED
    row.message = message


def hand_back(session: Session, *, dataset_id: int, attempt: int) -> None:
    """Queue an indexing again that its worker could not finish."""
    row = _require_attempt(session, dataset_id, attempt)
    row.state = DatasetState.QUEUED


def delete_dataset(session: Session, dataset_id: int) -> None:
    """Remove a dataset that no experiment uses.

    Raises
    ------
    ConflictError
        Experiments use it, or it is being indexed.
    """
    row = _require(session, dataset_id)
    used = session.scalar(select(func.count()).select_from(ExperimentRow).where(ExperimentRow.dataset_id == dataset_id))
    if used:
        raise ConflictError(
            f"Dataset {row.name!r} is used by {used} experiment(s), whose runs refer to its items: it stays."
        )
    if row.state == DatasetState.INDEXING:
        raise ConflictError(f"Dataset {row.name!r} is being indexed: wait until it is ready.")
    session.delete(row)


def _require(session: Session, dataset_id: int) -> DatasetRow:
    row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise NotFoundError(f"There is no dataset {dataset_id}.")
    return row


def _require_attempt(session: Session, dataset_id: int, attempt: int) -> DatasetRow:
    row = _require(session, dataset_id)
    if row.attempt != attempt or row.state != DatasetState.INDEXING:
        raise ConflictError(f"Dataset {dataset_id} is no longer indexed by attempt {attempt}.")
    return row
