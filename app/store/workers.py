"""Writes of workers about themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.store.schema import WorkerRow, utc_now

#: A worker that has been silent for longer than this is shown as lost.
LOST_AFTER_SECONDS = 10.0


def say_hello(
    session: Session,
    *,
    worker_id: str,
    hostname: str,
    pid: int,
    queues: Sequence[str],
    slots: int,
    versions: Mapping[str, str],
) -> None:
    """Register a worker that starts."""
    session.merge(
        WorkerRow(
            id=worker_id,
            hostname=hostname,
            pid=pid,
            queues=list(queues),
            slots=slots,
            devices=[],
            versions=dict(versions),
            started_at=utc_now(),
            heartbeat_at=utc_now(),
            stopped_at=None,
        )
    )


def beat(session: Session, worker_id: str) -> None:
    """Record a sign of life."""
    session.execute(update(WorkerRow).where(WorkerRow.id == worker_id).values(heartbeat_at=utc_now()))


def set_devices(session: Session, *, worker_id: str, devices: Sequence[str]) -> None:
    """Record the devices that a training found on this worker."""
    session.execute(update(WorkerRow).where(WorkerRow.id == worker_id).values(devices=list(devices)))


def say_goodbye(session: Session, worker_id: str) -> None:
    """Record an orderly end."""
    session.execute(update(WorkerRow).where(WorkerRow.id == worker_id).values(stopped_at=utc_now()))
