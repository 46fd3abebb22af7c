"""Serves artifacts. Their addresses are never reused for other content, so browsers may keep them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.domain.errors import NotFoundError
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)

#: What a page may ask for; checkpoints and uploads are not served as pictures are.
_SERVED_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@router.get("/artifacts/{path:path}")
def read_artifact(path: str, services: ServicesDep) -> FileResponse:
    """Return a picture."""
    file = services.artifacts.resolve(path)
    media_type = _SERVED_TYPES.get(file.suffix)
    if media_type is None:
        raise NotFoundError(f"No artifact {path!r}.")
    return FileResponse(
        file,
        media_type=media_type,
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )
