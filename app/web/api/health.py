"""A sign of life for supervisors and containers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app import __version__
from app.web.state import ServicesDep

router = APIRouter(tags=["health"])


@router.get("/healthz")
def read_health(services: ServicesDep) -> dict[str, Any]:
    """Return 200 while the process serves and its database answers (503 otherwise)."""
    services.database.check()
    return {"status": "ok", "version": __version__}
