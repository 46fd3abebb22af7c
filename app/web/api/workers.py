"""Workers as JSON."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from app.store.queries import list_workers
from app.store.views import WorkerView
from app.web.state import ServicesDep

router = APIRouter(prefix="/api/workers", tags=["workers"])


class WorkerList(BaseModel):
    """Workers, live ones first."""

    workers: list[WorkerView]


@router.get("")
def read_workers(services: ServicesDep) -> WorkerList:
    """List workers with what they train."""
    return WorkerList(workers=list_workers(services.database))
