"""`python -m worker`: a Celery worker on threads that supervises one process for each training."""

from __future__ import annotations

import logging
import sys
from typing import Any

from celery import signals

from app.domain.errors import SegscopeError
from app.store.schema_version import ensure_current
from app.store.task_queue import ALL_QUEUES, DATA_QUEUE, create_celery
from worker.presence import Presence
from worker.services import open_services, require_redis
from worker.tasks import Jobs, register_tasks

logger = logging.getLogger("worker")


def main() -> int:
    """Serve the configured queues until asked to stop."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    try:
        services = open_services()
        require_redis(services.settings)
        queues = parse_queues(services.settings.worker_queues)
        ensure_current(services.database)
        presence = Presence(services, queues=queues)
        presence.start()
    except SegscopeError as error:
        logger.error("%s", error.message)
        return 2
    jobs = Jobs(services, worker_id=presence.worker_id, queues=queues)
    celery = create_celery(services.settings.redis_url)
    register_tasks(celery, jobs)

    def hand_back(**_signal: Any) -> None:
        # Celery now waits for its tasks; they end as soon as their trainings have handed their runs back.
        jobs.stopping.set()

    signals.worker_shutting_down.connect(hand_back, weak=False)
    worker = celery.Worker(
        pool="threads",
        # One thread more than trainings, so that a dataset can be read while all slots train.
        concurrency=services.settings.worker_slots + 1,
        queues=[*queues, DATA_QUEUE],
        hostname=f"segscope@{presence.worker_id}",
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    try:
        worker.start()
    finally:
        jobs.stopping.set()
        presence.stop()
        services.database.dispose()
    return int(worker.exitcode or 0)


def parse_queues(text: str) -> list[str]:
    """Return the queues of `SEGSCOPE_WORKER_QUEUES`.

    Raises
    ------
    SegscopeError
        A queue that does not exist, or none.
    """
    queues = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in queues if name not in ALL_QUEUES]
    if unknown or not queues:
        raise SegscopeError(
            f"Invalid SEGSCOPE_WORKER_QUEUES={text!r}: expected {' or '.join(ALL_QUEUES)}, or both with a comma."
        )
    return queues


if __name__ == "__main__":
    sys.exit(main())
