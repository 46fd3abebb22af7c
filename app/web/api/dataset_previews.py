"""Previews of registrations as JSON: what a folder holds, and which groups a pattern makes."""

from __future__ import annotations

from typing import Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.dataset_import import ImportSpec
from app.web import dataset_previews
from app.web.dataset_previews import GroupsPreview, LayoutPreview

router = APIRouter(prefix="/api/datasets", tags=["datasets"])


class FolderQuestion(BaseModel):
    """A folder on the server and how it would be read."""

    model_config = ConfigDict(extra="forbid")

    root: str = Field(max_length=4096, description="Absolute path below one of the configured roots.")
    import_spec: ImportSpec = ImportSpec()


class GroupsQuestion(BaseModel):
    """A pattern, and a folder or a registered dataset to try it on."""

    model_config = ConfigDict(extra="forbid")

    pattern: str = Field("", max_length=512, description="As `import_spec.group_pattern`; empty: the usual groups.")
    dataset_id: int | None = None
    root: str | None = Field(None, max_length=4096)
    import_spec: ImportSpec = ImportSpec()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.dataset_id is None) == (self.root is None):
            raise ValueError("give either dataset_id or root")
        return self


@router.post("/preview")
def preview_layout(body: FolderQuestion, request: Request) -> LayoutPreview:
    """Say what registering a folder would find, without registering it."""
    return dataset_previews.preview_layout(request, root=body.root, import_spec=body.import_spec)


@router.post("/groups/preview")
def preview_groups(body: GroupsQuestion, request: Request) -> GroupsPreview:
    """Say which groups a pattern makes."""
    if body.dataset_id is not None:
        return dataset_previews.preview_dataset_groups(request, dataset_id=body.dataset_id, pattern=body.pattern)
    spec = body.import_spec.model_copy(update={"group_pattern": body.pattern})
    return dataset_previews.preview_groups(request, root=body.root or "", import_spec=spec)
