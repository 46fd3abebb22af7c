"""The process that reads one dataset: `python -m worker.indexing_process --dataset N --attempt K`.

Files from people are read here and nowhere else: a reader that crashes or eats the memory ends this process only.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

from app.datasets.checks.index import check_index
from app.datasets.demo.writing import write_demo_dataset
from app.datasets.files.archive_entries import ArchiveLimits
from app.datasets.files.archives import extract_archive
from app.datasets.items.indexing import index_dataset
from app.datasets.pairing.layout import resolve_layout
from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec
from app.domain.errors import NotFoundError, SegscopeError
from app.store.artifacts import UPLOADED_ARCHIVE
from app.store.datasets import IndexRecord, record_failure, record_import_spec, record_index, record_progress
from app.store.events import announce_dataset
from app.store.schema import DatasetRow
from worker.child_process import ExitCode, end_with_parent
from worker.services import WorkerServices, open_services

logger = logging.getLogger("worker.indexing_process")

_PROGRESS_SECONDS = 0.3


def main() -> int:
    """Index the dataset that the command line names, as the claimed attempt."""
    parser = argparse.ArgumentParser(prog="python -m worker.indexing_process")
    parser.add_argument("--dataset", type=int, required=True)
    parser.add_argument("--attempt", type=int, required=True)
    arguments = parser.parse_args()
    dataset_id, attempt = arguments.dataset, arguments.attempt
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)-7s %(message)s")
    end_with_parent()
    services = open_services()
    try:
        _index(services, dataset_id=dataset_id, attempt=attempt)
    except Exception as error:
        if isinstance(error, SegscopeError):
            message = error.message
        elif isinstance(error, OSError):
            message = f"The files could not be read: {error.strerror or error} ({error.filename or 'no name'})."
        else:
            message = (
                f"Reading the files ended with an unexpected {type(error).__name__}; the worker's log has the details."
            )
        logger.exception("indexing failed: %s", message)
        with services.database.write() as session:
            record_failure(session, dataset_id=dataset_id, attempt=attempt, message=message)
        announce_dataset(services.database, services.announcer, dataset_id)
        return ExitCode.FAILED
    return ExitCode.DONE


def _index(services: WorkerServices, *, dataset_id: int, attempt: int) -> None:
    settings = services.settings
    with services.database.read() as session:
        row = session.get(DatasetRow, dataset_id)
        if row is None:
            raise NotFoundError(f"There is no dataset {dataset_id}.")
    root, edits = Path(row.root), DatasetEdits.model_validate(row.edits)
    folder = services.artifacts.dataset_dir(dataset_id)
    if row.source == "demo":
        write_demo_dataset(root)
    elif row.source == "upload" and not root.exists():
        limits = ArchiveLimits(
            max_bytes=settings.archive_max_bytes,
            max_ratio=settings.archive_max_ratio,
            max_files=settings.archive_max_files,
        )
        extract_archive(folder / UPLOADED_ARCHIVE, root, limits=limits)
        (folder / UPLOADED_ARCHIVE).unlink()
    spec = resolve_layout(root, ImportSpec.model_validate(row.import_spec))
    with services.database.write() as session:
        record_import_spec(session, dataset_id=dataset_id, attempt=attempt, import_spec=spec)

    last = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < _PROGRESS_SECONDS:
            return
        last = time.monotonic()
        with services.database.write() as session:
            record_progress(session, dataset_id=dataset_id, attempt=attempt, progress=done / max(total, 1))
        announce_dataset(services.database, services.announcer, dataset_id)

    index = index_dataset(
        root,
        spec,
        edits,
        max_pixels=settings.image_max_pixels,
        thumbnails_dir=folder / "thumbnails",
        on_progress=on_progress,
    )
    on_progress(1, 1)
    findings = check_index(index)
    with services.database.write() as session:
        record_index(
            session,
            dataset_id=dataset_id,
            attempt=attempt,
            index=IndexRecord(
                items=index.items,
                problems=index.problems,
                content_hash=index.content_hash,
                mask_threshold=index.mask_rule.threshold,
                mask_rule_text=index.mask_rule.text,
                intensity_low=index.intensity_low,
                intensity_high=index.intensity_high,
                summary=index.summary,
                findings=findings,
            ),
        )
    announce_dataset(services.database, services.announcer, dataset_id)


if __name__ == "__main__":
    sys.exit(main())
