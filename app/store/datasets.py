"""Writes of datasets: registration, the claim of the indexing, its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.corrections import Correction, DatasetEdits
from app.domain.data_findings import DataFinding
from app.domain.dataset_import import ImportSpec, MaskSpec
from app.domain.errors import ConflictError, FieldError, InvalidInputError, NotFoundError
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
    def image_page(self) -> int | None: ...  # noqa: D102
    @property
    def mask_page(self) -> int | None: ...  # noqa: D102
    @property
    def window(self) -> Sequence[int] | None: ...  # noqa: D102
    @property
    def correction(self) -> Correction: ...  # noqa: D102
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
    mask_threshold: float | None
    mask_rule_text: str
    intensity_low: float
    intensity_high: float
    summary: Mapping[str, Any]
    findings: Sequence[DataFinding] = ()


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


def record_heartbeat(session: Session, *, dataset_id: int, attempt: int) -> bool:
    """Say that the indexing goes on, also while one file or archive takes long; return False if it was taken over."""
    row = session.get(DatasetRow, dataset_id)
    if row is None or row.attempt != attempt:
        return False
    row.heartbeat_at = utc_now()
    return True


def record_import_spec(session: Session, *, dataset_id: int, attempt: int, import_spec: ImportSpec) -> None:
    """Record how the files are really read, once the layout is known."""
    _require_attempt(session, dataset_id, attempt).import_spec = import_spec.model_dump(mode="json")


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
            image_page=item.image_page,
            mask_page=item.mask_page,
            window=None if item.window is None else list(item.window),
            correction=item.correction.model_dump(mode="json", exclude_defaults=True),
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
    row.findings = [finding.model_dump(mode="json") for finding in index.findings]


def record_failure(session: Session, *, dataset_id: int, attempt: int, message: str) -> None:
    """Store why the indexing failed."""
    row = _require_attempt(session, dataset_id, attempt)
    row.state = DatasetState.FAILED
    row.message = message


def hand_back(session: Session, *, dataset_id: int, attempt: int) -> None:
    """Queue an indexing again that its worker could not finish."""
    row = _require_attempt(session, dataset_id, attempt)
    row.state = DatasetState.QUEUED


def create_version(
    session: Session, parent_id: int, *, edits: DatasetEdits, import_spec: ImportSpec | None = None
) -> DatasetRow:
    """Register a new version of a dataset: the same files, read with other edits or in another way.

    Parameters
    ----------
    session : Session
        Of a write transaction.
    parent_id : int
        The version that it starts from.
    edits : DatasetEdits
        All edits of the new version, those of its parent included where they stay.
    import_spec : ImportSpec, optional
        How the files are read; None keeps the parent's.

    Returns
    -------
    DatasetRow
        Queued, with the next number of the lineage.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    ConflictError
        It is not ready, or nothing would change.
    InvalidInputError
        The edits name items that it does not have.
    """
    parent = _lock_lineage(session, parent_id)
    if parent.state != DatasetState.READY:
        raise ConflictError(f"Dataset {parent.name!r} is {parent.state}: wait until it is ready, then change it.")
    present_spec = ImportSpec.model_validate(parent.import_spec)
    present_edits = DatasetEdits.model_validate(parent.edits)
    spec, edits = import_spec or present_spec, _normalised(edits)
    if (spec, edits) == (present_spec, present_edits):
        raise ConflictError(f"Nothing of dataset {parent.name!r} would change, so there is no new version.")
    if _naming(spec) == _naming(present_spec):
        names = set(session.scalars(select(ItemRow.name).where(ItemRow.dataset_id == parent.id)))
        _check_names(edits, names | present_edits.dropped)
    lineage = select(func.max(DatasetRow.version)).where(DatasetRow.lineage_id == parent.lineage_id)
    row = DatasetRow(
        name=parent.name,
        source=parent.source,
        root=parent.root,
        import_spec=spec.model_dump(mode="json"),
        lineage_id=parent.lineage_id,
        version=(session.scalar(lineage) or 0) + 1,
        parent_id=parent.id,
        edits=edits.model_dump(mode="json"),
        state=DatasetState.QUEUED,
    )
    session.add(row)
    session.flush()
    return row


def delete_dataset(session: Session, dataset_id: int) -> Path | None:
    """Remove a dataset version that no experiment uses; versions made from it become its parent's.

    Returns
    -------
    Path or None
        The folder of files that Segscope keeps for the dataset and that no other version reads; the caller removes
        it after the commit.

    Raises
    ------
    ConflictError
        Experiments use it, or it is being indexed.
    """
    row = _lock_lineage(session, dataset_id)
    used = session.scalar(select(func.count()).select_from(ExperimentRow).where(ExperimentRow.dataset_id == dataset_id))
    if used:
        raise ConflictError(
            f"Dataset {row.name!r} is used by {used} experiment(s), whose runs refer to its items: it stays."
        )
    if row.state == DatasetState.INDEXING:
        raise ConflictError(f"Dataset {row.name!r} is being indexed: wait until it is ready.")
    session.execute(update(DatasetRow).where(DatasetRow.parent_id == row.id).values(parent_id=row.parent_id))
    others = session.scalar(
        select(func.count()).select_from(DatasetRow).where(DatasetRow.root == row.root, DatasetRow.id != row.id)
    )
    session.delete(row)
    return None if row.source == "folder" or others else Path(row.root)


def _lock_lineage(session: Session, dataset_id: int) -> DatasetRow:
    """Return a dataset as it is once everyone else who changes its lineage is done."""
    row = _require(session, dataset_id)
    if row.lineage_id is None:
        row.lineage_id = row.id
        session.flush()
    lineage = select(DatasetRow.id).where(DatasetRow.lineage_id == row.lineage_id).order_by(DatasetRow.id)
    session.execute(lineage.with_for_update())
    present = session.get(DatasetRow, dataset_id, populate_existing=True)
    if present is None:
        raise _missing(dataset_id)
    return present


def _normalised(edits: DatasetEdits) -> DatasetEdits:
    corrected = {
        name: correction
        for name, correction in edits.corrected.items()
        if not correction.is_empty and name not in edits.dropped
    }
    return DatasetEdits(dropped=edits.dropped, corrected=corrected)


def _naming(spec: ImportSpec) -> ImportSpec:
    """Return the part of a specification that decides which items there are."""
    return spec.model_copy(update={"mask": MaskSpec(), "group_pattern": ""})


def _check_names(edits: DatasetEdits, names: set[str]) -> None:
    unknown = sorted((edits.dropped | edits.corrected.keys()) - names)
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5])
        message = f"Invalid edits: received {shown}, expected names of this dataset's items; reload its page."
        raise InvalidInputError(message, fields=[FieldError("edits", message)])


def _require(session: Session, dataset_id: int) -> DatasetRow:
    row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise _missing(dataset_id)
    return row


def _missing(dataset_id: int) -> NotFoundError:
    return NotFoundError(f"There is no dataset {dataset_id}.")


def _require_attempt(session: Session, dataset_id: int, attempt: int) -> DatasetRow:
    row = _require(session, dataset_id)
    if row.attempt != attempt or row.state != DatasetState.INDEXING:
        raise ConflictError(f"Dataset {dataset_id} is no longer indexed by attempt {attempt}.")
    return row
