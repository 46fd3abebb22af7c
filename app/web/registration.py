"""Registers datasets: a folder on the server, an uploaded archive, or the generated demo."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path

from fastapi import Request, UploadFile
from sqlalchemy import select

from app.datasets.files.roots import confine, confined_child
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import (
    ConflictError,
    FieldError,
    InvalidInputError,
    TooLargeError,
    UnavailableError,
)
from app.domain.presets import collapse_demo
from app.domain.run_states import DatasetState
from app.store import datasets
from app.store.dataset_queries import get_dataset
from app.store.events import announce_dataset
from app.store.queries import list_workers, live_workers
from app.store.schema import DatasetRow
from app.store.views import DatasetView, ExperimentView
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
        The folder or one of its sub-folders does not exist or lies outside the roots.
    """
    services = services_of(request)
    if not root.strip():
        message = "Enter the folder that holds the images and the masks folder."
        raise InvalidInputError(message, fields=[FieldError("root", message)])
    folder = confine(root.strip(), services.settings.root_paths)
    confined_child(folder, import_spec.images, field="import_spec.images")
    confined_child(folder, import_spec.masks, field="import_spec.masks")
    return _register(
        services,
        name=name or folder.name,
        source="folder",
        root=str(folder),
        import_spec=import_spec,
    )


def register_upload(request: Request, *, name: str, import_spec: ImportSpec, upload: UploadFile) -> DatasetView:
    """Keep an uploaded zip archive and register it; a worker unpacks and indexes it.

    Raises
    ------
    InvalidInputError
        The file is no zip archive.
    TooLargeError
        It is larger than the limit.
    """
    services = services_of(request)
    file_name = Path(upload.filename or "").name
    if not file_name:
        message = "Choose a zip archive with an images and a masks folder."
        raise InvalidInputError(message, fields=[FieldError("upload", message)])
    if not zipfile.is_zipfile(upload.file):
        message = f"{file_name!r} is not a zip archive; pack the images and masks folders into a .zip."
        raise InvalidInputError(message, fields=[FieldError("upload", message)])
    upload.file.seek(0)
    incoming = services.artifacts.root / "incoming"
    incoming.mkdir(exist_ok=True)
    staged = incoming / f"{time.time_ns()}.zip"
    try:
        _copy_bounded(upload, staged, services.settings.upload_max_bytes)
        view = _register(
            services,
            name=name or Path(file_name).stem,
            source="upload",
            root="",
            import_spec=import_spec,
            staged=staged,
        )
    finally:
        staged.unlink(missing_ok=True)
    return view


def _copy_bounded(upload: UploadFile, target: Path, limit: int) -> None:
    written = 0
    with target.open("wb") as handle:
        while block := upload.file.read(_COPY_BYTES):
            written += len(block)
            if written > limit:
                raise TooLargeError(
                    f"{upload.filename!r} is larger than {limit:,} bytes. Register the folder on the server "
                    "instead, or raise SEGSCOPE_UPLOAD_MAX_BYTES."
                )
            handle.write(block)


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
            shutil.move(staged, folder / "upload.zip")
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
