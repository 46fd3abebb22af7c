"""The Celery tasks: each hears a doorbell and works until nothing waits any more."""

from __future__ import annotations

import logging
import threading

from celery import Celery

from app.domain.errors import UnavailableError
from app.store.datasets import claim_indexing
from app.store.events import announce_workers
from app.store.runs import claim_next
from app.store.task_queue import INDEX_TASK, TRAIN_TASK
from worker.indexing_supervisor import supervise_indexing
from worker.services import WorkerServices
from worker.training_supervisor import supervise_training

logger = logging.getLogger(__name__)


class Jobs:
    """What this worker does when the bell rings, within its slots.

    Parameters
    ----------
    worker_id : str
        Name under which runs are claimed.
    """

    def __init__(self, services: WorkerServices, *, worker_id: str, queues: list[str]) -> None:
        self._services = services
        self._worker_id = worker_id
        self._queues = queues
        self._slots = threading.BoundedSemaphore(services.settings.worker_slots)
        self._indexing = threading.Lock()
        self.stopping = threading.Event()

    def train_waiting(self) -> int:
        """Train waiting runs one after another while this worker has a free slot; return how many."""
        if not self._slots.acquire(blocking=False):
            return 0
        trained = 0
        try:
            while not self.stopping.is_set():
                with self._services.database.write() as session:
                    claim = claim_next(
                        session,
                        worker_id=self._worker_id,
                        queues=self._queues,
                        lease_seconds=self._services.settings.lease_seconds,
                    )
                if claim is None:
                    break
                logger.info("run %d: attempt %d", claim.run_id, claim.attempt)
                announce_workers(self._services.announcer)
                supervise_training(self._services, claim, stopping=self.stopping)
                trained += 1
        except UnavailableError as error:
            logger.warning("stopped claiming runs: %s", error)
        finally:
            self._slots.release()
        announce_workers(self._services.announcer)
        return trained

    def index_waiting(self) -> int:
        """Index waiting datasets one after another; return how many."""
        if not self._indexing.acquire(blocking=False):
            return 0
        indexed = 0
        try:
            while not self.stopping.is_set():
                with self._services.database.write() as session:
                    claimed = claim_indexing(session)
                if claimed is None:
                    break
                dataset_id, attempt = claimed
                logger.info("dataset %d: attempt %d", dataset_id, attempt)
                supervise_indexing(self._services, dataset_id=dataset_id, attempt=attempt, stopping=self.stopping)
                indexed += 1
        except UnavailableError as error:
            logger.warning("stopped indexing: %s", error)
        finally:
            self._indexing.release()
        return indexed


def register_tasks(celery: Celery, jobs: Jobs) -> None:
    """Bind the doorbells' names to `jobs`."""

    @celery.task(name=TRAIN_TASK)  # type: ignore[untyped-decorator]
    def _train_next() -> None:
        jobs.train_waiting()

    @celery.task(name=INDEX_TASK)  # type: ignore[untyped-decorator]
    def _index_next() -> None:
        jobs.index_waiting()
