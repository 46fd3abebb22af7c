"""Models as JSON, before anything is trained."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.model_summaries import ModelDescription, ModelSummaryView, view_of

router = APIRouter(prefix="/api/models", tags=["models"])


@router.post("/summary")
def summarise(description: ModelDescription) -> ModelSummaryView:
    """Say how large a model is, layer by layer, without building it."""
    return view_of(description)
