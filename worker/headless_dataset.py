"""The dataset of a training without a server: a registered one, or a folder that is registered here."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from app.domain.errors import ConflictError, InvalidInputError
from app.domain.headless_order import HeadlessOrder
from app.domain.run_states import DatasetState
from app.store.database import Database
from app.store.datasets import claim_indexing, create_dataset
from app.store.schema import DatasetRow
from worker.headless_progress import ProgressPrinter
from worker.indexing_supervisor import supervise_indexing
from worker.services import WorkerServices

_LOOK_SECONDS = 0.5


def ready_dataset(
    order: HeadlessOrder, services: WorkerServices, *, printer: ProgressPrinter, stopping: threading.Event
) -> int:
    """Return the id of the dataset that the order names, registered and checked.

    A folder that was registered before is registered anew only when its files have changed since.

    Raises
    ------
    InvalidInputError
        The folder does not exist, or there is no such dataset.
    ConflictError
        The dataset cannot be used; the message says why.
    """
    if order.folder is None:
        dataset_id = int(order.dataset_id or 0)
    else:
        folder = order.folder.expanduser().resolve()
        if not folder.is_dir():
            raise InvalidInputError(f"Invalid folder: {folder} is not there; name the folder of the dataset.")
        dataset_id = _registered(services.database, folder, order) or _register(services.database, folder, order)
    while (state := _state(services.database, dataset_id)) in {DatasetState.QUEUED, DatasetState.INDEXING}:
        if stopping.is_set():
            raise ConflictError("Stopped before the dataset was read.")
        printer.indexing(services.database, dataset_id)
        with services.database.write() as session:
            claim = claim_indexing(session)
        if claim is None:
            # A worker beside this command reads it.
            stopping.wait(_LOOK_SECONDS)
            continue
        supervise_indexing(services, dataset_id=claim[0], attempt=claim[1], stopping=stopping)
    if state is not DatasetState.READY:
        with services.database.read() as session:
            message = session.get_one(DatasetRow, dataset_id).message
        raise ConflictError(f"The dataset cannot be used: {message}")
    printer.dataset(services.database, dataset_id)
    return dataset_id


def _registered(database: Database, folder: Path, order: HeadlessOrder) -> int | None:
    wanted = order.import_spec.model_dump(mode="json")
    with database.read() as session:
        rows = session.scalars(
            select(DatasetRow)
            .where(DatasetRow.root == str(folder), DatasetRow.state == DatasetState.READY, DatasetRow.version == 1)
            .order_by(DatasetRow.id.desc())
        ).all()
    changed = _last_change(folder)
    return next((row.id for row in rows if row.import_spec == wanted and row.created_at > changed), None)


def _last_change(folder: Path) -> datetime:
    # A folder's own time changes when a file comes or goes.
    newest = max((path.stat().st_mtime for path in (folder, *folder.rglob("*")) if path.exists()), default=0.0)
    return datetime.fromtimestamp(newest, UTC)


def _register(database: Database, folder: Path, order: HeadlessOrder) -> int:
    with database.write() as session:
        row = create_dataset(
            session, name=folder.name, source="folder", root=str(folder), import_spec=order.import_spec
        )
        return row.id


def _state(database: Database, dataset_id: int) -> DatasetState:
    with database.read() as session:
        row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise InvalidInputError(f"There is no dataset {dataset_id}; name a registered one, or a folder.")
    return DatasetState(row.state)
