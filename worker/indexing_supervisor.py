"""Watches the process that reads one dataset."""

from __future__ import annotations

import logging
import threading
import time

from app.domain.errors import ConflictError, UnavailableError
from app.store.datasets import hand_back, record_failure, record_heartbeat
from app.store.events import announce_dataset
from worker.child_process import ChildProcess, ExitCode
from worker.services import WorkerServices

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_HEARTBEAT_SECONDS = 5.0


def supervise_indexing(services: WorkerServices, *, dataset_id: int, attempt: int, stopping: threading.Event) -> None:
    """Read a claimed dataset in a process of its own; hand it back when this worker shuts down."""
    announce_dataset(services.database, services.announcer, dataset_id)
    child = ChildProcess(
        "worker.indexing_process",
        ["--dataset", str(dataset_id), "--attempt", str(attempt)],
        environment={},
        log_path=services.artifacts.dataset_dir(dataset_id) / "log.txt",
    )
    beaten = time.monotonic()
    try:
        while (code := child.poll()) is None and not stopping.is_set():
            if time.monotonic() > beaten + _HEARTBEAT_SECONDS:
                beaten = time.monotonic()
                if not _beat(services, dataset_id=dataset_id, attempt=attempt):
                    logger.warning("dataset %d was taken over from attempt %d", dataset_id, attempt)
                    return
            time.sleep(_LOOK_SECONDS)
    finally:
        child.close()
    if code in {ExitCode.DONE, ExitCode.FAILED}:
        return
    try:
        with services.database.write() as session:
            if stopping.is_set():
                hand_back(session, dataset_id=dataset_id, attempt=attempt)
            else:
                record_failure(
                    session,
                    dataset_id=dataset_id,
                    attempt=attempt,
                    message=(
                        "The process that read the files was ended from outside, most likely because the machine ran "
                        "out of memory. Remove the largest files and register the folder again."
                    ),
                )
    except ConflictError as error:
        logger.warning("%s", error)
        return
    announce_dataset(services.database, services.announcer, dataset_id)


def _beat(services: WorkerServices, *, dataset_id: int, attempt: int) -> bool:
    try:
        with services.database.write() as session:
            return record_heartbeat(session, dataset_id=dataset_id, attempt=attempt)
    except UnavailableError as error:
        logger.warning("no heartbeat of dataset %d, will try again: %s", dataset_id, error)
        return True
