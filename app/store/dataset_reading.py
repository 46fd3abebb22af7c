"""How a dataset version is read: where from, with which specification and edits, and what became of its pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec
from app.domain.errors import NotFoundError
from app.store.database import Database
from app.store.schema import DatasetRow, ItemRow


@dataclass(frozen=True, slots=True)
class DatasetReading:
    """Folder, import specification and edits of a version."""

    root: Path
    import_spec: ImportSpec
    edits: DatasetEdits


@dataclass(frozen=True, slots=True)
class ItemOrigin:
    """The name of an item, and whether it is a page of a stack."""

    name: str
    is_page: bool


def get_reading(db: Database, dataset_id: int) -> DatasetReading:
    """Return how a version is read.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    """
    with db.read() as session:
        row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise NotFoundError(f"There is no dataset {dataset_id}. The list of datasets shows which there are.")
    return DatasetReading(
        Path(row.root), ImportSpec.model_validate(row.import_spec), DatasetEdits.model_validate(row.edits)
    )


def item_origins(db: Database, dataset_id: int) -> list[ItemOrigin]:
    """Return the items of a version, in no order."""
    with db.read() as session:
        rows = session.execute(select(ItemRow.name, ItemRow.image_page).where(ItemRow.dataset_id == dataset_id))
        return [ItemOrigin(name, page is not None) for name, page in rows]
