"""Datasets as JSON: register, upload, read, remove."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec, MaskRule, MaskSpec
from app.domain.split_spec import SplitSpec, SplitStrategy
from app.launching.sides import Side, side_names
from app.store.dataset_queries import get_dataset, list_datasets
from app.store.item_queries import MOST_ITEMS, item_statistics, list_items
from app.store.views import Columns, DatasetDetail, DatasetView, ItemPage
from app.web import dataset_versions, registration
from app.web.state import ServicesDep

router = APIRouter(prefix="/api/datasets", tags=["datasets"])


class FolderRegistration(BaseModel):
    """A folder on the server with images and masks."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=120, description="Empty: the folder's name.")
    root: str = Field(max_length=4096, description="Absolute path below one of the configured roots.")
    import_spec: ImportSpec = ImportSpec()


class VersionChange(BaseModel):
    """What a new version changes; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    edits: DatasetEdits | None = Field(None, description="All edits of the new version, not only the new ones.")
    import_spec: ImportSpec | None = Field(None, description="How the files are read from now on.")


class DatasetList(BaseModel):
    """Datasets, newest first."""

    datasets: list[DatasetView]


@router.get("")
def read_datasets(services: ServicesDep) -> DatasetList:
    """List datasets."""
    return DatasetList(datasets=list_datasets(services.database))


@router.post("", status_code=201)
def register(body: FolderRegistration, request: Request) -> DatasetView:
    """Register a folder; a worker indexes it."""
    return registration.register_folder(request, name=body.name, root=body.root, import_spec=body.import_spec)


@router.post("/upload", status_code=201)
def upload(
    request: Request,
    upload: UploadFile,
    name: Annotated[str, Form(max_length=120)] = "",
    mask_rule: Annotated[MaskRule, Form()] = MaskRule.AUTO,
) -> DatasetView:
    """Upload a zip or tar archive in one piece."""
    spec = ImportSpec(mask=MaskSpec(rule=mask_rule))
    return registration.register_form_upload(request, name=name, import_spec=spec, upload=upload)


@router.post("/demo", status_code=201)
def demo(request: Request) -> DatasetView:
    """Register the generated demo dataset (the present one, if it is there already)."""
    return registration.register_demo(request)


@router.get("/{dataset_id}")
def read_dataset(dataset_id: int, services: ServicesDep) -> DatasetDetail:
    """Return one dataset with its items and problems."""
    return get_dataset(services.database, dataset_id)


@router.get("/{dataset_id}/items")
def read_items(
    dataset_id: int,
    services: ServicesDep,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ITEMS)] = 100,
    sort: Annotated[str, Query(max_length=64)] = "name",
    finding: Annotated[str, Query(max_length=64, description="Code of a finding, `flagged` or `unflagged`.")] = "",
    group: Annotated[str, Query(max_length=1024)] = "",
    text: Annotated[str, Query(max_length=256)] = "",
    side: Annotated[Side | None, Query(description="Only one side of the split that the next three describe.")] = None,
    strategy: SplitStrategy = SplitStrategy.RANDOM,
    validation_fraction: Annotated[float, Query(gt=0, lt=1)] = 0.1,
    seed: Annotated[int, Query(ge=0, le=2**32 - 1)] = 42,
) -> ItemPage:
    """Return some items, sorted and filtered."""
    names = None
    if side is not None:
        split = SplitSpec(strategy=strategy, validation_fraction=validation_fraction, seed=seed)
        names = side_names(services.database, dataset_id, split=split, side=side)
    return list_items(
        services.database,
        dataset_id,
        offset=offset,
        limit=limit,
        sort=sort,
        finding=finding,
        group=group,
        text=text,
        names=names,
    )


@router.get("/{dataset_id}/statistics")
def read_statistics(dataset_id: int, services: ServicesDep) -> Columns:
    """Return the numbers of every item by column, for plots."""
    return item_statistics(services.database, dataset_id)


@router.post("/{dataset_id}/versions", status_code=201)
def create_version(dataset_id: int, body: VersionChange, request: Request) -> DatasetView:
    """Register a new version of a dataset's files; a worker indexes it."""
    return dataset_versions.create_version(request, dataset_id, edits=body.edits, import_spec=body.import_spec)


@router.delete("/{dataset_id}", status_code=204)
def remove(dataset_id: int, request: Request) -> Response:
    """Remove a dataset that no experiment uses; a registered folder's files are never touched."""
    registration.delete(request, dataset_id)
    return Response(status_code=204)
