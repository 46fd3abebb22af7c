"""Reads of datasets: rows become the views that pages, the JSON API and the live stream share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.corrections import DatasetEdits
from app.domain.data_findings import DataFinding, DataSeverity
from app.domain.dataset_import import ImportSpec
from app.domain.errors import NotFoundError
from app.domain.run_states import DatasetState
from app.domain.version_changes import describe_changes
from app.store.database import Database
from app.store.schema import DatasetRow, ItemRow, ProblemRow
from app.store.views import DatasetDetail, DatasetView, HealthView, ProblemView, VersionView


def list_datasets(db: Database, *, every_version: bool = False) -> list[DatasetView]:
    """Return the newest version of every dataset, or every version; newest first."""
    with db.read() as session:
        query = select(DatasetRow).order_by(DatasetRow.id.desc())
        if not every_version:
            query = query.where(DatasetRow.id.in_(select(func.max(DatasetRow.id)).group_by(DatasetRow.lineage_id)))
        rows = session.scalars(query).all()
        items = _counts(session, ItemRow.dataset_id)
        problems = _counts(session, ProblemRow.dataset_id)
        return [DatasetView(**_dataset_fields(row, items.get(row.id, 0), problems.get(row.id, 0))) for row in rows]


def _counts(session: Session, column: Any) -> dict[int, int]:
    rows = session.execute(select(column, func.count()).group_by(column))
    return dict(rows.all())


def dataset_view(session: Session, dataset_id: int) -> DatasetView:
    """Return one dataset at a glance, as of the session's transaction."""
    row = load_dataset(session, dataset_id)
    return DatasetView(**_dataset_fields(row, *_sizes(session, dataset_id)))


def get_dataset(db: Database, dataset_id: int) -> DatasetDetail:
    """Return one dataset with its findings, problems and versions."""
    with db.read() as session:
        row = load_dataset(session, dataset_id)
        return DatasetDetail(
            **_dataset_fields(row, *_sizes(session, dataset_id)),
            intensity_low=row.intensity_low,
            intensity_high=row.intensity_high,
            edits=DatasetEdits.model_validate(row.edits),
            findings=findings_of(row),
            problems=[
                ProblemView(code=problem.code, name=problem.name, message=problem.message) for problem in row.problems
            ],
            versions=_versions(session, row),
        )


def load_dataset(session: Session, dataset_id: int) -> DatasetRow:
    """Return the row of a dataset.

    Raises
    ------
    NotFoundError
        There is none with this id.
    """
    row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise NotFoundError(f"There is no dataset {dataset_id}. The list of datasets shows which there are.")
    return row


def findings_of(row: DatasetRow) -> list[DataFinding]:
    """Return what the checks saw in a dataset."""
    return [DataFinding.model_validate(finding) for finding in row.findings]


def _sizes(session: Session, dataset_id: int) -> tuple[int, int]:
    return (
        session.scalar(select(func.count()).select_from(ItemRow).where(ItemRow.dataset_id == dataset_id)) or 0,
        session.scalar(select(func.count()).select_from(ProblemRow).where(ProblemRow.dataset_id == dataset_id)) or 0,
    )


def _versions(session: Session, row: DatasetRow) -> list[VersionView]:
    rows = session.scalars(
        select(DatasetRow).where(DatasetRow.lineage_id == row.lineage_id).order_by(DatasetRow.version.desc())
    ).all()
    by_id = {version.id: version for version in rows}
    items = _counts(session, ItemRow.dataset_id)
    return [_version_view(version, by_id, items) for version in rows]


def _version_view(version: DatasetRow, by_id: Mapping[int, DatasetRow], items: Mapping[int, int]) -> VersionView:
    parent = by_id.get(version.parent_id) if version.parent_id is not None else None
    return VersionView(
        id=version.id,
        version=version.version,
        state=DatasetState(version.state),
        created_at=version.created_at,
        n_items=items.get(version.id, 0),
        parent_version=parent.version if parent else None,
        changes=[]
        if parent is None
        else describe_changes(
            DatasetEdits.model_validate(parent.edits),
            DatasetEdits.model_validate(version.edits),
            before=ImportSpec.model_validate(parent.import_spec),
            after=ImportSpec.model_validate(version.import_spec),
        ),
    )


def _dataset_fields(row: DatasetRow, n_items: int, n_problems: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "source": row.source,
        "root": row.root,
        "state": DatasetState(row.state),
        "message": row.message,
        "progress": row.progress,
        "content_hash": row.content_hash,
        "import_spec": ImportSpec.model_validate(row.import_spec),
        "lineage_id": row.lineage_id or row.id,
        "version": row.version,
        "parent_id": row.parent_id,
        "mask_rule_text": row.mask_rule_text,
        "created_at": row.created_at,
        "n_items": n_items,
        "n_problems": n_problems,
        "foreground_mean": row.summary.get("foreground_mean"),
        "foreground_std": row.summary.get("foreground_std"),
        "summary": row.summary,
        "health": _health(row.findings) if row.state == DatasetState.READY else None,
    }


def _health(findings: Sequence[Mapping[str, Any]]) -> HealthView:
    counts = Counter(finding["severity"] for finding in findings)
    return HealthView(
        fatal=counts[DataSeverity.FATAL],
        serious=counts[DataSeverity.SERIOUS],
        worth_knowing=counts[DataSeverity.WORTH_KNOWING],
    )
