"""Tells the database that this worker lives."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import socket
import threading
from importlib.metadata import version

from app import __version__
from app.domain.errors import UnavailableError
from app.store import workers
from app.store.events import announce_workers
from worker.services import WorkerServices

logger = logging.getLogger(__name__)


class Presence:
    """Hello at the start, a heartbeat from a thread, goodbye at an orderly end."""

    def __init__(self, services: WorkerServices, *, queues: list[str]) -> None:
        self._services = services
        self._queues = queues
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat_forever, name="heartbeat", daemon=True)
        self.worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"

    def start(self) -> None:
        """Say hello and begin to beat."""
        with self._services.database.write() as session:
            workers.say_hello(
                session,
                worker_id=self.worker_id,
                hostname=socket.gethostname(),
                pid=os.getpid(),
                queues=self._queues,
                slots=self._services.settings.worker_slots,
                versions={
                    "segscope": __version__,
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("tensorflow", "keras", "celery", "numpy")},
                },
            )
        announce_workers(self._services.announcer)
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye."""
        self._ending.set()
        try:
            with self._services.database.write() as session:
                workers.say_goodbye(session, self.worker_id)
        except UnavailableError as error:
            logger.warning("could not say goodbye: %s", error)
        announce_workers(self._services.announcer)

    def _beat_forever(self) -> None:
        while not self._ending.wait(self._services.settings.heartbeat_seconds):
            try:
                with self._services.database.write() as session:
                    workers.beat(session, self.worker_id)
            except UnavailableError as error:
                logger.warning("heartbeat not written: %s", error)
