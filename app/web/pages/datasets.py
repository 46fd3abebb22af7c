"""The list of datasets, registration, and the page of one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from app.datasets.files.archives import ARCHIVE_SUFFIXES
from app.domain.dataset_import import ImportSpec
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitStrategy
from app.store.dataset_queries import get_dataset, list_datasets
from app.store.item_queries import ITEM_STATISTICS, list_items
from app.web import registration
from app.web.pages.gathered_findings import gather
from app.web.pages.import_form import errors_by_field, form_values, parse_import_spec, spec_values
from app.web.pages.rendering import render
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)

#: Items that come with the page itself, so that their pictures need no second question: more than a screen.
_FIRST_ITEMS = 60
FormValues = Annotated[dict[str, str], Depends(form_values)]
_DEFAULTS = {"name": "", "root": ""} | spec_values(ImportSpec())


def _show(
    request: Request,
    services: ServicesDep,
    *,
    folder: Mapping[str, str] | None = None,
    upload: Mapping[str, str] | None = None,
    error: InvalidInputError | None = None,
) -> Response:
    """Show the page; `folder` or `upload` are the texts of the form that `error` is about."""
    errors = errors_by_field(error, [*_DEFAULTS, "upload"])
    return render(
        request,
        "datasets.html",
        status=error.status if error else 200,
        datasets=list_datasets(services.database),
        roots=services.settings.root_paths,
        folder=_DEFAULTS | dict(folder or {}),
        folder_errors=errors if folder is not None else {},
        upload=_DEFAULTS | dict(upload or {}),
        upload_errors=errors if upload is not None else {},
        defaults=_DEFAULTS,
        message=error.message if error else "",
        cursor=services.announcer.cursor(),
        upload_limit=services.settings.upload_max_bytes,
        archive_suffixes=ARCHIVE_SUFFIXES,
    )


@router.get("/datasets")
def show_datasets(request: Request, services: ServicesDep) -> Response:
    """Show the datasets and the ways to add one."""
    return _show(request, services)


@router.post("/datasets")
def register_folder(request: Request, services: ServicesDep, values: FormValues) -> Response:
    """Register a folder, or show the form again with what is wrong."""
    try:
        spec = parse_import_spec(values)
        view = registration.register_folder(
            request, name=values.get("name", ""), root=values.get("root", ""), import_spec=spec
        )
    except InvalidInputError as error:
        return _show(request, services, folder=values, error=error)
    return RedirectResponse(f"/datasets/{view.id}", status_code=303)


@router.post("/datasets/upload")
def upload_archive(request: Request, services: ServicesDep, upload: UploadFile, values: FormValues) -> Response:
    """Register an archive that was sent in one piece, or show the form again with what is wrong."""
    try:
        spec = parse_import_spec(values)
        view = registration.register_form_upload(request, name=values.get("name", ""), import_spec=spec, upload=upload)
    except InvalidInputError as error:
        return _show(request, services, upload=values, error=error)
    return RedirectResponse(f"/datasets/{view.id}", status_code=303)


@router.post("/datasets/demo")
def register_demo(request: Request) -> Response:
    """Register the demo and show it."""
    return RedirectResponse(f"/datasets/{registration.register_demo(request).id}", status_code=303)


@router.post("/demo/collapse")
def reproduce_collapse(request: Request) -> Response:
    """Launch the report's training on the demo and show it."""
    experiment = registration.launch_collapse_demo(request)
    target = f"/runs/{experiment.runs[0].id}" if len(experiment.runs) == 1 else f"/experiments/{experiment.id}"
    return RedirectResponse(target, status_code=303)


@router.get("/datasets/{dataset_id}")
def show_dataset(dataset_id: int, request: Request, services: ServicesDep) -> Response:
    """Show whether the dataset can be trusted."""
    cursor = services.announcer.cursor()
    dataset = get_dataset(services.database, dataset_id)
    first = list_items(services.database, dataset_id, limit=_FIRST_ITEMS)
    return render(
        request,
        "dataset.html",
        dataset=dataset,
        findings=gather(dataset.findings),
        first=first,
        cursor=cursor,
        statistics=ITEM_STATISTICS,
        strategies=[strategy for strategy in SplitStrategy if strategy is not SplitStrategy.EXPLICIT],
    )


@router.post("/datasets/{dataset_id}/delete")
def delete_dataset(dataset_id: int, request: Request) -> Response:
    """Remove a dataset that no experiment uses."""
    registration.delete(request, dataset_id)
    return RedirectResponse("/datasets", status_code=303)
