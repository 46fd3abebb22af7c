"""What the web process holds, made once and handed to requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from app.settings import Settings
from app.store.artifacts import ArtifactStore
from app.store.database import Database
from app.store.stream import Announcer
from app.store.task_queue import Doorbell
from app.store.uploads import UploadStore


@dataclass(frozen=True, slots=True)
class Services:
    """Settings and connections of this process."""

    settings: Settings
    database: Database
    artifacts: ArtifactStore
    announcer: Announcer
    doorbell: Doorbell
    uploads: UploadStore


def services_of(request: Request) -> Services:
    """Return the services of the application that serves `request`."""
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(services_of)]
