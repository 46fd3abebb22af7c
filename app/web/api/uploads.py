"""Uploads in pieces: begin, append, ask for the offset, register, give up."""

from __future__ import annotations

import logging
import re

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from app.domain.dataset_import import ImportSpec
from app.domain.errors import FieldError, InvalidInputError
from app.store.uploads import Upload, UploadWriter
from app.store.views import DatasetView
from app.web import registration
from app.web.state import ServicesDep

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/api/uploads", tags=["datasets"])

OFFSET_HEADER = "Upload-Offset"

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_WRITTEN_BYTES = 1024 * 1024


class UploadStart(BaseModel):
    """An archive that shall be uploaded."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255, description="File name of the archive.")
    size: int = Field(ge=1, description="In bytes.")


class UploadView(BaseModel):
    """How far an upload is."""

    id: str
    name: str
    size: int
    offset: int


class UploadRegistration(BaseModel):
    """What a complete upload becomes."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=120, description="Empty: the archive's name.")
    import_spec: ImportSpec = ImportSpec()


@router.post("", status_code=201)
def begin(body: UploadStart, services: ServicesDep) -> UploadView:
    """Begin an upload; its pieces are appended with PUT."""
    return _view(services.uploads.create(name=body.name, size=body.size))


@router.api_route("/{upload_id}", methods=["GET", "HEAD"])
def read_offset(upload_id: str, response: Response, services: ServicesDep) -> UploadView:
    """Say how much has arrived, also as the header `Upload-Offset`."""
    upload = services.uploads.get(upload_id)
    response.headers[OFFSET_HEADER] = str(upload.offset)
    return _view(upload)


@router.put("/{upload_id}")
async def append(upload_id: str, request: Request, response: Response, services: ServicesDep) -> UploadView:
    """Append the body at the start of `Content-Range: bytes start-end/size`; what arrives of it stays."""
    upload = await run_in_threadpool(services.uploads.get, upload_id)
    offset = _offset(request, upload)
    with services.uploads.writing(upload_id, offset=offset) as writer:
        try:
            await _receive(request, writer)
        except ClientDisconnect:
            logger.info("upload %s was interrupted", upload_id)
    upload = await run_in_threadpool(services.uploads.get, upload_id)
    response.headers[OFFSET_HEADER] = str(upload.offset)
    return _view(upload)


@router.post("/{upload_id}/register", status_code=201)
def register(upload_id: str, body: UploadRegistration, request: Request) -> DatasetView:
    """Register a complete upload; a worker unpacks and indexes it."""
    return registration.register_upload(request, upload_id, name=body.name, import_spec=body.import_spec)


@router.delete("/{upload_id}", status_code=204)
def give_up(upload_id: str, services: ServicesDep) -> Response:
    """Remove an upload."""
    services.uploads.get(upload_id)
    services.uploads.discard(upload_id)
    return Response(status_code=204)


async def _receive(request: Request, writer: UploadWriter) -> None:
    pending = bytearray()
    try:
        async for chunk in request.stream():
            pending += chunk
            if len(pending) >= _WRITTEN_BYTES:
                data, pending = bytes(pending), bytearray()
                await run_in_threadpool(writer.write, data)
    finally:
        # Whatever ended the request, what has arrived is kept.
        if pending:
            await run_in_threadpool(writer.write, bytes(pending))


def _offset(request: Request, upload: Upload) -> int:
    text = request.headers.get("content-range", "")
    match = _CONTENT_RANGE.fullmatch(text)
    start, end, size = (int(number) for number in match.groups()) if match else (-1, -1, -1)
    if size != upload.size or not 0 <= start <= end < size:
        message = (
            f"Invalid Content-Range: received {text[:80]!r}, expected 'bytes start-end/{upload.size}'; send it with "
            "every piece."
        )
        raise InvalidInputError(message, fields=[FieldError("Content-Range", message)])
    return start


def _view(upload: Upload) -> UploadView:
    return UploadView(id=upload.id, name=upload.name, size=upload.size, offset=upload.offset)
