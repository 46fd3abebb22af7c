"""What every process of the worker needs: settings and connections."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.errors import SettingsError
from app.settings import Settings, load_settings
from app.store.artifacts import ArtifactStore
from app.store.database import Database
from app.store.stream import Announcer, connect


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """Settings and connections of this process."""

    settings: Settings
    database: Database
    artifacts: ArtifactStore
    announcer: Announcer


def open_services() -> WorkerServices:
    """Connect as the environment says; without a Redis, nothing is announced and nobody misses it."""
    settings = load_settings()
    return WorkerServices(
        settings=settings,
        database=Database(settings.resolved_database_url),
        artifacts=ArtifactStore(settings.artifacts_dir),
        announcer=Announcer(connect(settings.redis_url) if settings.redis_url else None),
    )


def require_redis(settings: Settings) -> None:
    """Refuse to serve queues without the Redis that the web process rings through.

    Raises
    ------
    SettingsError
        No Redis is configured.
    """
    if not settings.redis_url:
        raise SettingsError(
            "Missing setting SEGSCOPE_REDIS_URL: a worker needs the Redis that the web process uses, "
            "such as redis://host:6379/0. 'segscope up' starts both with one of its own."
        )
