"""Tables of the database, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets time zones, so they are put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC before storing."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Attach UTC to what the database returns."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Declarative base; the naming convention lets Alembic alter constraints on SQLite."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON, str: Text}


class DatasetRow(Base):
    """One version of a registered folder or upload of image/mask pairs.

    Versions of the same files share `lineage_id`, the id of the first. A version never changes once it is ready:
    corrections make a new one (`edits` is cumulative, see `app.domain.corrections`), and runs keep the one they used.
    """

    __tablename__ = "datasets"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    source: Mapped[str] = mapped_column(String(16))
    root: Mapped[str]
    import_spec: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lineage_id: Mapped[int | None] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(default=1)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id"))
    edits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(16), index=True)
    message: Mapped[str] = mapped_column(default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    mask_threshold: Mapped[float | None]
    mask_rule_text: Mapped[str] = mapped_column(default="")
    intensity_low: Mapped[float | None]
    intensity_high: Mapped[float | None]
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    findings: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    heartbeat_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(default=0)

    items: Mapped[list[ItemRow]] = relationship(
        back_populates="dataset", order_by="ItemRow.position", cascade="all, delete-orphan"
    )
    problems: Mapped[list[ProblemRow]] = relationship(order_by="ProblemRow.name", cascade="all, delete-orphan")


class ItemRow(Base):
    """One image/mask pair of a dataset."""

    __tablename__ = "items"
    __table_args__ = (UniqueConstraint("dataset_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    name: Mapped[str]
    group: Mapped[str] = mapped_column("acquisition", default="")
    image_path: Mapped[str]
    mask_path: Mapped[str]
    image_page: Mapped[int | None]
    mask_page: Mapped[int | None]
    window: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    correction: Mapped[dict[str, Any]] = mapped_column(default=dict)
    image_sha256: Mapped[str] = mapped_column(String(64))
    mask_sha256: Mapped[str] = mapped_column(String(64))
    height: Mapped[int]
    width: Mapped[int]
    channels: Mapped[int]
    image_dtype: Mapped[str] = mapped_column(String(16))
    mask_dtype: Mapped[str] = mapped_column(String(16))
    foreground_fraction: Mapped[float]
    fractional_share: Mapped[float] = mapped_column(default=0.0)
    statistics: Mapped[dict[str, Any]] = mapped_column(default=dict)

    dataset: Mapped[DatasetRow] = relationship(back_populates="items")


class ProblemRow(Base):
    """A file that could not become part of an item, with the reason."""

    __tablename__ = "problems"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str]
    message: Mapped[str]


class ExperimentRow(Base):
    """One launch.

    `folds` holds item ids as `{"training": [...], "validation": [...]}`: one entry, or one for each fold of a k-fold
    split; a run trains on entry `RunRow.fold`. `test_items` are in none of them, and nothing shows which they are while
    `test_revealed_at` is null (see `app.store.held_out`).
    """

    __tablename__ = "experiments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"), index=True)
    dataset_hash: Mapped[str] = mapped_column(String(64))
    spec: Mapped[dict[str, Any]]
    folds: Mapped[list[Any]]
    test_items: Mapped[list[Any]] = mapped_column(default=list)
    test_revealed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    dataset: Mapped[DatasetRow] = relationship()
    runs: Mapped[list[RunRow]] = relationship(back_populates="experiment", order_by="RunRow.id")


class RunRow(Base):
    """One model trained once. The row is the truth; a task message is only a hint."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_state_queue", "state", "queue", "queued_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id"), index=True)
    architecture: Mapped[str] = mapped_column(String(32), index=True)
    config: Mapped[dict[str, Any]]
    fold: Mapped[int] = mapped_column(default=0)
    retry_of_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))

    state: Mapped[str] = mapped_column(String(16))
    stop_reason: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(default="")
    queue: Mapped[str | None] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    attempts_without_progress: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(String(128))
    lease_expires_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    requested: Mapped[str | None] = mapped_column(String(16))

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    queued_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    epochs_planned: Mapped[int]
    extended_at_epoch: Mapped[int | None]
    epoch: Mapped[int] = mapped_column(default=0)
    step: Mapped[int] = mapped_column(BigInteger, default=0)
    steps_per_epoch: Mapped[int] = mapped_column(default=0)
    images_per_second: Mapped[float | None]
    training_seconds: Mapped[float] = mapped_column(default=0.0)
    device: Mapped[str] = mapped_column(default="")
    parameters: Mapped[int | None] = mapped_column(BigInteger)
    baseline_all_foreground: Mapped[float | None]
    baseline_empty: Mapped[float | None]
    best_val_jaccard: Mapped[float | None]
    best_epoch: Mapped[int | None]
    last_val_jaccard: Mapped[float | None]
    last_jaccard: Mapped[float | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)

    experiment: Mapped[ExperimentRow] = relationship(back_populates="runs")
    findings: Mapped[list[FindingRow]] = relationship(order_by="FindingRow.epoch", cascade="all, delete-orphan")


class EpochRow(Base):
    """One finished epoch of a run; `metrics` maps column names to JSON numbers (see `app.domain.history`)."""

    __tablename__ = "epochs"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    metrics: Mapped[dict[str, Any]]
    step: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[datetime] = mapped_column(default=utc_now)


class StepChunkRow(Base):
    """Consecutive training steps of a run as packed columns (see `app.store.step_codec`).

    Steps count from 1. `sealed` chunks hold exactly one finished epoch; the others are the live tail.
    """

    __tablename__ = "step_chunks"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    first_step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer)
    sealed: Mapped[bool] = mapped_column(Boolean, default=False)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class FindingRow(Base):
    """A finding of a detector on a run."""

    __tablename__ = "findings"
    __table_args__ = (UniqueConstraint("run_id", "code", "epoch"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    code: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[int]
    until_epoch: Mapped[int | None]
    title: Mapped[str]
    message: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    raised_at_epoch: Mapped[int]


class SampleRow(Base):
    """What a run predicted for one validation item at one epoch; counts are at threshold 0.5."""

    __tablename__ = "samples"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    path: Mapped[str]
    true_positive: Mapped[int]
    false_positive: Mapped[int]
    false_negative: Mapped[int]
    true_negative: Mapped[int]


class WorkerRow(Base):
    """A worker process that has said hello; silent for too long, it is shown as lost."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    hostname: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[list[Any]]
    slots: Mapped[int]
    devices: Mapped[list[Any]] = mapped_column(default=list)
    versions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    heartbeat_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    stopped_at: Mapped[datetime | None]
