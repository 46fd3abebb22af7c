"""The summary of a model, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from app.domain.errors import InvalidInputError
from app.domain.model_summary import BYTES_PER_FLOAT
from app.web.errors import field_errors
from app.web.model_summaries import ModelDescription
from app.web.pages.launch_form import payload_from_form
from app.web.pages.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/models/summary")
def show_summary(request: Request) -> Response:
    """Show a model's layers, size and arithmetic; the address holds the settings as the launch form names them."""
    items = request.query_params.multi_items()
    description = parse_description(items)
    others = [(name, value) for name, value in items if name != "architecture"]
    return render(
        request,
        "model_summary.html",
        description=description,
        summary=description.summarise(),
        bytes_per_value=BYTES_PER_FLOAT,
        query=urlencode(others),
    )


def parse_description(items: Iterable[tuple[str, str]]) -> ModelDescription:
    """Read the fields of an address, which are named as those of the launch form; other fields are passed over.

    Raises
    ------
    InvalidInputError
        With one field error for each field that is wrong.
    """
    wanted = ("image.", "network.", "architecture")
    payload: dict[str, Any] = payload_from_form((name, value) for name, value in items if name.startswith(wanted))
    # What belongs to a launch alone.
    del payload["models"], payload["acknowledged_findings"]
    try:
        return ModelDescription.model_validate(payload)
    except ValidationError as error:
        fields = field_errors(error.errors(), payload)
        listing = "; ".join(f"{item.field}: {item.message}" for item in fields)
        raise InvalidInputError(f"There is no such model. {listing}", fields=fields) from error
