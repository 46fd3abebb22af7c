"""The list of datasets, registration, and the page of one dataset."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from app.domain.dataset_import import ImportSpec, Layout, MaskRule, MaskSpec
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitStrategy
from app.store.dataset_queries import get_dataset, list_datasets
from app.store.item_queries import ITEM_STATISTICS, list_items
from app.web import registration
from app.web.pages.gathered_findings import gather
from app.web.pages.rendering import render
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=4096)]
#: Items that come with the page itself, so that their pictures need no second question: more than a screen.
_FIRST_ITEMS = 60
_DEFAULTS = {"name": "", "root": "", "images": "images", "masks": "masks", "mask_rule": "auto"}


def _show(
    request: Request,
    services: ServicesDep,
    *,
    values: dict[str, str] | None = None,
    error: InvalidInputError | None = None,
) -> Response:
    fields = error.fields if error else ()
    return render(
        request,
        "datasets.html",
        status=error.status if error else 200,
        datasets=list_datasets(services.database),
        roots=services.settings.root_paths,
        values=_DEFAULTS | (values or {}),
        errors={item.field.removeprefix("import_spec."): item.message for item in fields},
        message=error.message if error else "",
        cursor=services.announcer.cursor(),
        upload_limit=services.settings.upload_max_bytes,
    )


@router.get("/datasets")
def show_datasets(request: Request, services: ServicesDep) -> Response:
    """Show the datasets and the ways to add one."""
    return _show(request, services)


@router.post("/datasets")
def register_folder(
    request: Request,
    services: ServicesDep,
    name: Text = "",
    root: Text = "",
    images: Text = "images",
    masks: Text = "masks",
    mask_rule: MaskRule = MaskRule.AUTO,
) -> Response:
    """Register a folder, or show the form again with what is wrong."""
    values = {
        "name": name,
        "root": root,
        "images": images,
        "masks": masks,
        "mask_rule": mask_rule.value,
    }
    try:
        spec = ImportSpec(layout=Layout.FOLDERS, images=images, masks=masks, mask=MaskSpec(rule=mask_rule))
        view = registration.register_folder(request, name=name, root=root, import_spec=spec)
    except InvalidInputError as error:
        return _show(request, services, values=values, error=error)
    return RedirectResponse(f"/datasets/{view.id}", status_code=303)


@router.post("/datasets/upload")
def upload_archive(
    request: Request, services: ServicesDep, upload: UploadFile, name: Text = "", mask_rule: MaskRule = MaskRule.AUTO
) -> Response:
    """Register an uploaded archive, or show the form again with what is wrong."""
    try:
        spec = ImportSpec(mask=MaskSpec(rule=mask_rule))
        view = registration.register_form_upload(request, name=name, import_spec=spec, upload=upload)
    except InvalidInputError as error:
        return _show(request, services, values={"name": name}, error=error)
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
