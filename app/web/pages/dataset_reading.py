"""How a dataset's files are read: acquisitions and mask rule of one that exists, changed by a new version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from app.domain.errors import ConflictError, InvalidInputError
from app.store.dataset_queries import get_dataset
from app.store.dataset_reading import get_reading
from app.web import dataset_previews, dataset_versions
from app.web.dataset_previews import GroupsPreview
from app.web.pages.import_form import errors_by_field, form_values, parse_import_spec, spec_values
from app.web.pages.rendering import render
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)

FormValues = Annotated[dict[str, str], Depends(form_values)]
#: With more values than this, labels are typed instead of ticked.
_MOST_TICKS = 64


@router.get("/datasets/{dataset_id}/reading")
def show_reading(dataset_id: int, request: Request, services: ServicesDep) -> Response:
    """Show groups, mask values and how both come about."""
    return _show(request, services, dataset_id)


@router.post("/datasets/{dataset_id}/reading")
def change_reading(dataset_id: int, request: Request, services: ServicesDep, values: FormValues) -> Response:
    """Make a version that reads the files so, or show the form again with what is wrong."""
    try:
        spec = parse_import_spec(values, base=get_reading(services.database, dataset_id).import_spec)
        version = dataset_versions.create_version(request, dataset_id, import_spec=spec)
    except (InvalidInputError, ConflictError) as error:
        return _show(request, services, dataset_id, values=values, error=error)
    return RedirectResponse(f"/datasets/{version.id}", status_code=303)


def _show(
    request: Request,
    services: ServicesDep,
    dataset_id: int,
    *,
    values: dict[str, str] | None = None,
    error: InvalidInputError | ConflictError | None = None,
) -> Response:
    dataset = get_dataset(services.database, dataset_id)
    shown = spec_values(dataset.import_spec) | (values or {})
    return render(
        request,
        "dataset_reading.html",
        status=error.status if error else 200,
        dataset=dataset,
        groups=_groups(request, dataset_id, pattern=dataset.import_spec.group_pattern),
        values=shown,
        ticks=_ticks(dataset.summary),
        ticked=shown["import_spec.mask.foreground_labels"].replace(",", " ").split(),
        errors=errors_by_field(error if isinstance(error, InvalidInputError) else None, shown),
        message=error.message if error else "",
    )


def _groups(request: Request, dataset_id: int, *, pattern: str) -> GroupsPreview | None:
    try:
        return dataset_previews.preview_dataset_groups(request, dataset_id=dataset_id, pattern=pattern)
    except InvalidInputError:
        # The files are gone: the page says the rest.
        return None


def _ticks(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the mask values to tick as foreground, with their share of all pixels; none if labels make no sense."""
    table = summary.get("mask_values", [])
    if len(table) > _MOST_TICKS or any(value != int(value) for value, _ in table):
        return []
    total = sum(pixels for _, pixels in table) or 1
    return [{"value": int(value), "pixels": int(pixels), "share": pixels / total} for value, pixels in table]
