"""The doorbell: Celery tasks are sent by name and carry nothing; the database row is the truth."""

from __future__ import annotations

import logging

from celery import Celery
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

TRAIN_TASK = "segscope.train_next"
INDEX_TASK = "segscope.index_next"
ALL_QUEUES = ("gpu", "cpu")
DATA_QUEUE = "data"

#: Runs of commands that train without a server wait here, where no worker looks.
HEADLESS_QUEUE = "headless"

# A bell that nobody heard for this long is rung again by the reconciler.
_EXPIRES_SECONDS = 600


def broker_url(redis_url: str) -> str:
    """Return a redis-py URL as Celery spells it (they differ for unix sockets)."""
    prefix = "unix://"
    return "redis+socket://" + redis_url[len(prefix) :] if redis_url.startswith(prefix) else redis_url


def create_celery(redis_url: str) -> Celery:
    """Return the Celery application that both the web and the worker use.

    Messages are acknowledged when they are received: with late acknowledgement, Redis would deliver a task that
    outlives the visibility timeout again while it runs.
    """
    celery = Celery("segscope", broker=broker_url(redis_url))
    celery.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Few, quick retries: a launch must not wait for a Redis that is away, the reconciler rings again.
        broker_transport_options={
            "health_check_interval": 10,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.05,
            "interval_max": 0.1,
        },
        task_default_queue=ALL_QUEUES[0],
    )
    return celery


class Doorbell:
    """Rings for workers. A ring that fails is only late: the reconciler rings again."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def ring_training(self, queue: str | None) -> None:
        """Tell the workers of `queue` (all queues if None) that a run waits."""
        for name in (queue,) if queue else ALL_QUEUES:
            self._ring(TRAIN_TASK, name)

    def ring_indexing(self) -> None:
        """Tell the workers that a dataset waits to be indexed."""
        self._ring(INDEX_TASK, DATA_QUEUE)

    def _ring(self, task: str, queue: str) -> None:
        try:
            self._celery.send_task(task, queue=queue, expires=_EXPIRES_SECONDS, retry=False)
        except OperationalError as error:
            logger.warning("could not ring %s: %s", queue, error)
