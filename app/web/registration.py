"""Registers datasets: a folder on the server, an uploaded archive, or the generated demo."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from fastapi import Request, UploadFile
from sqlalchemy import select

from app.datasets.files.archives import ARCHIVE_SUFFIXES, archive_kind
from app.datasets.pairing.layout import find_pairs
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import (
    ConflictError,
    FieldError,
    InvalidInputError,
    UnavailableError,
)
from app.domain.presets import collapse_demo
from app.domain.run_states import DatasetState
from app.store import datasets
from app.store.artifacts import UPLOADED_ARCHIVE
from app.store.dataset_queries import get_dataset
from app.store.events import announce_dataset
from app.store.queries import list_workers, live_workers
from app.store.schema import DatasetRow
from app.store.views import DatasetView, ExperimentView
from app.web.dataset_previews import existing_folder
from app.web.launching import launch
from app.web.state import Services, services_of

DEMO_NAME = "Microbeads (generated demo)"
_NAME_LENGTH = 120
_COPY_BYTES = 1024**2
_DEMO_WAIT_SECONDS = 60.0


def register_folder(request: Request, *, name: str, root: str, import_spec: ImportSpec) -> DatasetView:
    """Register a folder below the configured roots; a worker indexes it.

    Raises
    ------
    InvalidInputError
        The folder does not exist or lies outside the roots, or no pairs are in it.
    """
    folder = existing_folder(request, root)
    find_pairs(folder, import_spec)
    return _register(
        services_of(request),
        name=name or folder.name[:_NAME_LENGTH],
        source="folder",
        root=str(folder),
        import_spec=import_spec,
    )


def register_form_upload(request: Request, *, name: str, import_spec: ImportSpec, upload: UploadFile) -> DatasetView:
    """Keep an archive that a form sent in one piece and register it, as `register_upload`.

    Raises
    ------
    InvalidInputError
        There is no file, or it is no archive.
    TooLargeError
        It is larger than the limit.
    """
    uploads = services_of(request).uploads
    file_name = Path(upload.filename or "").name
    if not file_name or not upload.size:
        message = "Choose a zip or tar archive with images and masks."
        raise InvalidInputError(message, fields=[FieldError("upload", message)])
    upload_id = uploads.create(name=file_name, size=upload.size).id
    try:
        with uploads.writing(upload_id, offset=0) as writer:
            while block := upload.file.read(_COPY_BYTES):
                writer.write(block)
        return register_upload(request, upload_id, name=name, import_spec=import_spec)
    finally:
        uploads.discard(upload_id)


def register_upload(request: Request, upload_id: str, *, name: str, import_spec: ImportSpec) -> DatasetView:
    """Register a complete upload; a worker unpacks and indexes it.

    Raises
    ------
    NotFoundError
        There is no such upload.
    ConflictError
        It is incomplete.
    InvalidInputError
        It is no archive.
    """
    services = services_of(request)
    with services.uploads.taking(upload_id) as (upload, path):
        if archive_kind(path) is None:
            message = (
                f"Invalid file {upload.name!r}: received none that can be unpacked, expected a zip or tar archive "
                f"({', '.join(ARCHIVE_SUFFIXES)}); pack the images and masks into one."
            )
            raise InvalidInputError(message, fields=[FieldError("upload", message)])
        return _register(
            services,
            name=name or archive_stem(upload.name)[:_NAME_LENGTH],
            source="upload",
            root="",
            import_spec=import_spec,
            staged=path,
        )


def archive_stem(file_name: str) -> str:
    """Return an archive's name without its type.

    Examples
    --------
    >>> archive_stem("beads.tar.gz"), archive_stem("beads.v2.zip")
    ('beads', 'beads.v2')
    """
    stem = Path(file_name).name
    for suffix in sorted(ARCHIVE_SUFFIXES, key=len, reverse=True):
        if stem.lower().endswith(suffix) and len(stem) > len(suffix):
            return stem[: -len(suffix)]
    return stem


def register_demo(request: Request) -> DatasetView:
    """Register the generated demo dataset, or return it if it is there already."""
    services = services_of(request)
    with services.database.read() as session:
        existing = session.scalar(
            select(DatasetRow.id)
            .where(DatasetRow.source == "demo", DatasetRow.version == 1, DatasetRow.state != DatasetState.FAILED)
            .limit(1)
        )
    if existing is not None:
        return get_dataset(services.database, existing)
    return _register(
        services,
        name=DEMO_NAME,
        source="demo",
        root="",
        import_spec=ImportSpec(layout=Layout.FOLDERS),
    )


def _register(
    services: Services,
    *,
    name: str,
    source: str,
    root: str,
    import_spec: ImportSpec,
    staged: Path | None = None,
) -> DatasetView:
    name = name.strip()
    if not 1 <= len(name) <= _NAME_LENGTH:
        message = f"The name has {len(name)} characters, expected 1 to {_NAME_LENGTH}."
        raise InvalidInputError(message, fields=[FieldError("name", message)])
    with services.database.write() as session:
        row = datasets.create_dataset(
            session,
            name=name,
            source=source,
            root=root,
            import_spec=import_spec,
        )
        folder = services.artifacts.dataset_dir(row.id)
        if not root:
            row.root = str(services.artifacts.dataset_files(row.id))
        if staged is not None:
            # Inside the transaction: a dataset that is registered has its archive.
            folder.mkdir(parents=True, exist_ok=True)
            shutil.move(staged, folder / UPLOADED_ARCHIVE)
        dataset_id = row.id
    announce_dataset(services.database, services.announcer, dataset_id)
    services.doorbell.ring_indexing()
    return get_dataset(services.database, dataset_id)


def launch_collapse_demo(request: Request) -> ExperimentView:
    """Register the demo dataset if it is missing, wait until it is ready and launch the report's training on it.

    Raises
    ------
    UnavailableError
        No worker is there to generate the dataset.
    ConflictError
        The dataset could not be made, or took too long.
    """
    services = services_of(request)
    if not live_workers(list_workers(services.database)):
        raise UnavailableError(
            "No worker is running, so the demo cannot be generated. Start one with 'segscope worker'."
        )
    dataset = register_demo(request)
    deadline = time.monotonic() + _DEMO_WAIT_SECONDS
    while dataset.state not in {DatasetState.READY, DatasetState.FAILED}:
        if time.monotonic() > deadline:
            raise ConflictError("The demo dataset is still being generated. Wait until it is ready, then try again.")
        time.sleep(0.1)
        dataset = get_dataset(services.database, dataset.id)
    if dataset.state == DatasetState.FAILED:
        raise ConflictError(f"The demo dataset could not be generated: {dataset.message}")
    return launch(request, collapse_demo(dataset.id).model_dump(mode="json"))


def delete(request: Request, dataset_id: int) -> None:
    """Remove a dataset version that no experiment uses; files of a registered folder are never touched."""
    services = services_of(request)
    with services.database.write() as session:
        files = datasets.delete_dataset(session, dataset_id)
    services.artifacts.remove_dataset(dataset_id, files=files)
