"""Puts right what a lost message or a dead worker left behind."""

from __future__ import annotations

from dataclasses import dataclass

from app.store.database import Database
from app.store.datasets import has_waiting
from app.store.events import announce_run, announce_workers
from app.store.queries import list_workers, live_workers
from app.store.runs import has_claimable, mark_lost
from app.store.schema import utc_now
from app.store.stream import Announcer
from app.store.task_queue import Doorbell


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one pass did: the runs that were marked, and whether bells were rung."""

    lost: tuple[int, ...]
    rang_training: tuple[str, ...]
    rang_indexing: bool


class Reconciler:
    """Compares the database with what lives; every pass is idempotent, so several processes may run it."""

    def __init__(self, *, db: Database, announcer: Announcer, doorbell: Doorbell) -> None:
        self._db = db
        self._announcer = announcer
        self._doorbell = doorbell
        self._known_states: dict[str, str] = {}

    def run_once(self) -> Reconciliation:
        """Mark lapsed runs as lost and ring where something waits while a worker is free."""
        with self._db.write() as session:
            lost = mark_lost(session, now=utc_now())
        for run_id in lost:
            announce_run(self._db, self._announcer, run_id)
        workers = list_workers(self._db)
        states = {worker.id: worker.state for worker in workers}
        if lost or states != self._known_states:
            self._known_states = states
            announce_workers(self._announcer)
        free_queues = sorted(
            {queue for worker in live_workers(workers) if len(worker.runs) < worker.slots for queue in worker.queues}
        )
        rang: list[str] = []
        with self._db.read() as session:
            waiting = [queue for queue in free_queues if has_claimable(session, [queue])]
            indexing = bool(live_workers(workers)) and has_waiting(session)
        for queue in waiting:
            self._doorbell.ring_training(queue)
            rang.append(queue)
        if indexing:
            self._doorbell.ring_indexing()
        return Reconciliation(tuple(lost), tuple(rang), indexing)
