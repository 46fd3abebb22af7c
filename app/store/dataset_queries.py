"""Reads of datasets: rows become the views that pages, the JSON API and the live stream share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.dataset_import import ImportSpec
from app.domain.errors import NotFoundError
from app.domain.run_states import DatasetState
from app.store.artifacts import artifact_url
from app.store.database import Database
from app.store.schema import DatasetRow, ItemRow, ProblemRow
from app.store.views import DatasetDetail, DatasetView, ItemView, ProblemView


def thumbnail_path(dataset: DatasetRow, position: int, kind: str) -> str:
    """Return the artifact path of a thumbnail, `kind` being ``image.jpg`` or ``mask.png``."""
    return f"datasets/{dataset.id}/thumbnails/{position}-{kind}"


def list_datasets(db: Database) -> list[DatasetView]:
    """Return every dataset, newest first."""
    with db.read() as session:
        rows = session.scalars(select(DatasetRow).order_by(DatasetRow.id.desc())).all()
        items = _counts(session, ItemRow.dataset_id)
        problems = _counts(session, ProblemRow.dataset_id)
        return [DatasetView(**_dataset_fields(row, items.get(row.id, 0), problems.get(row.id, 0))) for row in rows]


def _counts(session: Session, column: Any) -> dict[int, int]:
    rows = session.execute(select(column, func.count()).group_by(column))
    return dict(rows.tuples().all())


def dataset_view(session: Session, dataset_id: int) -> DatasetView:
    """Return one dataset at a glance, as of the session's transaction."""
    row = _load_dataset(session, dataset_id)
    n_items = session.scalar(select(func.count()).select_from(ItemRow).where(ItemRow.dataset_id == dataset_id))
    n_problems = session.scalar(select(func.count()).select_from(ProblemRow).where(ProblemRow.dataset_id == dataset_id))
    return DatasetView(**_dataset_fields(row, n_items or 0, n_problems or 0))


def get_dataset(db: Database, dataset_id: int) -> DatasetDetail:
    """Return one dataset with its items and problems."""
    with db.read() as session:
        row = _load_dataset(session, dataset_id)
        return DatasetDetail(
            **_dataset_fields(row, len(row.items), len(row.problems)),
            intensity_low=row.intensity_low,
            intensity_high=row.intensity_high,
            items=[_item_view(row, item) for item in row.items],
            problems=[
                ProblemView(code=problem.code, name=problem.name, message=problem.message) for problem in row.problems
            ],
        )


def _load_dataset(session: Session, dataset_id: int) -> DatasetRow:
    row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise NotFoundError(f"There is no dataset {dataset_id}. The list of datasets shows which there are.")
    return row


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
    }


def _item_view(dataset: DatasetRow, item: ItemRow) -> ItemView:
    return ItemView(
        id=item.id,
        name=item.name,
        group=item.group,
        height=item.height,
        width=item.width,
        channels=item.channels,
        image_dtype=item.image_dtype,
        mask_dtype=item.mask_dtype,
        foreground_fraction=item.foreground_fraction,
        fractional_share=item.fractional_share,
        thumbnail_url=artifact_url(thumbnail_path(dataset, item.position, "image.jpg")),
        mask_thumbnail_url=artifact_url(thumbnail_path(dataset, item.position, "mask.png")),
    )
