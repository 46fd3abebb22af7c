"""One handler for every error: JSON below `/api`, a page elsewhere; a stack trace never leaves the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from app.domain.errors import FieldError, InvalidInputError, SegscopeError

logger = logging.getLogger(__name__)

PageRenderer = Callable[..., Response]


def field_errors(errors: Sequence[Mapping[str, Any]], payload: object) -> tuple[FieldError, ...]:
    """Translate pydantic's errors into field errors with the names of the form.

    Positions in `models` become architectures, so that ``models.0.batch_size`` is
    ``models.unet.batch_size``; a number in a list has no field of its own, so that its position is left out.
    """
    places = [tuple(error["loc"]) for error in errors]
    return tuple(
        FieldError(_field_name(place, payload), _field_message(error))
        for place, error in zip(places, errors, strict=True)
        # Pydantic also calls a list too short whose entries it has just refused.
        if not (error["type"] == "too_short" and any(other[:-1][: len(place)] == place for other in places))
    )


def _field_name(location: Sequence[str | int], payload: object) -> str:
    parts = [part for part in location if part not in {"body", "query", "path"}]
    names: list[str] = []
    value: Any = payload
    for part in parts:
        if isinstance(part, int) and isinstance(value, list | tuple) and part < len(value):
            value = value[part]
            if isinstance(value, Mapping):
                names.append(str(value.get("architecture") or part))
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
            names.append(str(part))
    return ".".join(names)


def _field_message(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    received = repr(error.get("input"))[:80]
    match kind:
        case "missing":
            return "This field is missing; fill it in."
        case "extra_forbidden":
            return "Unknown field; remove it or check its spelling."
        case "greater_than_equal":
            return f"Received {received}, expected at least {context['ge']:,}."
        case "less_than_equal":
            return f"Received {received}, expected at most {context['le']:,}."
        case "greater_than":
            return f"Received {received}, expected more than {context['gt']}."
        case "less_than":
            return f"Received {received}, expected less than {context['lt']}."
        case "int_parsing" | "int_type" | "int_from_float":
            return f"Received {received}, expected a whole number."
        case "float_parsing" | "float_type" | "finite_number":
            return f"Received {received}, expected a number."
        case "value_error":
            message = str(context.get("error", error["msg"]))
            return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".")
        case _:
            return f"Received {received}: {error['msg']}."


def error_body(error: SegscopeError) -> dict[str, Any]:
    """Return the JSON body of an error: `{"error": {"code", "message", "fields"}}`."""
    fields = error.fields if isinstance(error, InvalidInputError) else ()
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "fields": [{"field": item.field, "message": item.message} for item in fields],
        }
    }


def install_error_handlers(app: FastAPI, render_page: PageRenderer) -> None:
    """Register the handlers; `render_page(request, status=, title=, message=, fields=)` draws the page."""

    def respond(request: Request, error: SegscopeError, status: int | None = None) -> Response:
        status = status or error.status
        if wants_json(request):
            return JSONResponse(error_body(error), status_code=status)
        if status == HTTPStatus.UNAUTHORIZED:
            return RedirectResponse(f"/login?next={request.url.path}", status_code=303)
        return render_page(
            request,
            status=status,
            title=HTTPStatus(status).phrase,
            message=error.message,
            fields=error.fields if isinstance(error, InvalidInputError) else (),
        )

    @app.exception_handler(SegscopeError)
    def _known(request: Request, error: SegscopeError) -> Response:
        return respond(request, error)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        fields = field_errors(error.errors(), error.body)
        listing = "; ".join(f"{item.field}: {item.message}" for item in fields)
        return respond(request, InvalidInputError(f"The request has invalid fields. {listing}", fields=fields))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        wrapped = SegscopeError("There is nothing at this address." if error.status_code == 404 else str(error.detail))
        wrapped.code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return respond(request, wrapped, error.status_code)

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> Response:
        logger.error("unexpected error at %s", request.url.path, exc_info=error)
        return respond(
            request,
            SegscopeError("Segscope made a mistake. Nothing was changed; the server's log has the details."),
        )


def wants_json(request: Request) -> bool:
    """Whether the answer to `request` should be JSON."""
    return request.url.path.startswith("/api/")
