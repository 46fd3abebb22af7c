"""New versions of a dataset: the same files with other edits, or read in another way."""

from __future__ import annotations

from fastapi import Request

from app.datasets.pairing.layout import find_pairs
from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec
from app.store import datasets
from app.store.dataset_queries import get_dataset
from app.store.dataset_reading import get_reading
from app.store.events import announce_dataset
from app.store.views import DatasetView
from app.web.state import services_of


def create_version(
    request: Request, dataset_id: int, *, edits: DatasetEdits | None = None, import_spec: ImportSpec | None = None
) -> DatasetView:
    """Register a version; a worker indexes it.

    Parameters
    ----------
    request : Request
        Of the web process.
    dataset_id : int
        The version that it starts from.
    edits : DatasetEdits, optional
        All edits of the new version; None keeps those of its parent.
    import_spec : ImportSpec, optional
        How the files are read; None keeps the parent's way.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    ConflictError
        It is not ready, or nothing would change.
    InvalidInputError
        The files cannot be read so, or the edits name items that it does not have.
    """
    services = services_of(request)
    reading = get_reading(services.database, dataset_id)
    if import_spec is not None:
        # Before anything is written: what a person can correct is said at once.
        find_pairs(reading.root, import_spec)
    edits = reading.edits if edits is None else edits
    with services.database.write() as session:
        version_id = datasets.create_version(session, dataset_id, edits=edits, import_spec=import_spec).id
    announce_dataset(services.database, services.announcer, version_id)
    services.doorbell.ring_indexing()
    return get_dataset(services.database, version_id)
