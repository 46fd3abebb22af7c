"""Builds the FastAPI application."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from app import __version__
from app.domain.errors import SegscopeError
from app.settings import PROJECT_ROOT, Settings
from app.store.artifacts import ArtifactStore
from app.store.database import Database
from app.store.reconciler import Reconciler
from app.store.schema_version import ensure_current
from app.store.stream import Announcer, connect
from app.store.task_queue import Doorbell, create_celery
from app.store.uploads import UploadStore
from app.web import artifacts as artifact_routes
from app.web.api import dataset_previews, datasets, events, experiments, health, models, runs, uploads, workers
from app.web.errors import install_error_handlers
from app.web.live import LiveHub
from app.web.pages import all_routers
from app.web.pages.rendering import render_error
from app.web.security import SecurityMiddleware, check_exposure
from app.web.state import Services

logger = logging.getLogger(__name__)

_COLLECTION_SECONDS = 3600.0


def create_app(settings: Settings, *, redis_url: str) -> FastAPI:
    """Return the application for `settings`, with its database migrated.

    Raises
    ------
    SettingsError
        It would be reachable from other machines without a login.
    """
    check_exposure(settings)
    database = Database(settings.resolved_database_url)
    ensure_current(database)
    services = Services(
        settings=settings,
        database=database,
        artifacts=ArtifactStore(settings.artifacts_dir),
        announcer=Announcer(connect(redis_url)),
        doorbell=Doorbell(create_celery(redis_url)),
        uploads=UploadStore(settings.artifacts_dir / "uploads", max_bytes=settings.upload_max_bytes),
    )
    hub = LiveHub(redis_url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stopping = threading.Event()
        reconciling = threading.Thread(target=_reconcile, args=(services, stopping), name="reconciler", daemon=True)
        hub.start()
        reconciling.start()
        yield
        stopping.set()
        await hub.stop()
        reconciling.join(timeout=5)
        database.dispose()

    app = FastAPI(
        title="Segscope",
        version=__version__,
        description="Launch, watch and diagnose image-segmentation trainings.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.database = database
    app.state.announcer = services.announcer
    app.state.live_hub = hub
    # Event streams are left alone by the compression: Starlette never compresses text/event-stream.
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(SecurityMiddleware, settings=settings)
    install_error_handlers(app, render_error)
    routers = (
        health,
        runs,
        experiments,
        dataset_previews,
        datasets,
        uploads,
        models,
        workers,
        events,
        artifact_routes,
    )
    for resource in routers:
        app.include_router(resource.router)
    for router in all_routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=PROJECT_ROOT / "static"), name="static")
    return app


def _reconcile(services: Services, stopping: threading.Event) -> None:
    reconciler = Reconciler(db=services.database, announcer=services.announcer, doorbell=services.doorbell)
    collected = -_COLLECTION_SECONDS
    while not stopping.wait(services.settings.heartbeat_seconds):
        try:
            reconciler.run_once()
            if time.monotonic() - collected > _COLLECTION_SECONDS:
                collected = time.monotonic()
                for upload_id in services.uploads.collect():
                    logger.info("upload %s was abandoned and is removed", upload_id)
        except SegscopeError as error:
            logger.warning("reconciliation failed, will try again: %s", error)
        except Exception:
            logger.exception("reconciliation failed, will try again")
