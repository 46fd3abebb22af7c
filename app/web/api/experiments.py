"""Experiments as JSON: launch, preview, read."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.domain.configuration import ExperimentSpec
from app.store.held_out import held_out_items
from app.store.queries import experiment_snapshot, get_experiment, list_experiments
from app.store.views import ExperimentSnapshot, ExperimentView, ItemView
from app.web import held_out
from app.web.launching import launch
from app.web.previewing import LaunchPreview, preview
from app.web.state import ServicesDep

router = APIRouter(prefix="/api", tags=["experiments"])


class ExperimentList(BaseModel):
    """Experiments, newest first."""

    experiments: list[ExperimentView]


class HeldOutItems(BaseModel):
    """The items of a test set that has been revealed."""

    items: list[ItemView]


@router.get("/experiments")
def read_experiments(services: ServicesDep) -> ExperimentList:
    """List experiments."""
    return ExperimentList(experiments=list_experiments(services.database))


@router.post("/experiments", status_code=201)
def launch_experiment(spec: ExperimentSpec, request: Request) -> ExperimentView:
    """Launch: one run is queued for each model and fold."""
    return launch(request, spec.model_dump(mode="json"))


@router.post("/preview")
def preview_experiment(spec: ExperimentSpec, request: Request) -> LaunchPreview:
    """Say what a launch would do, without doing it."""
    return preview(request, spec.model_dump(mode="json"))


@router.get("/experiments/{experiment_id}")
def read_experiment(experiment_id: int, services: ServicesDep) -> ExperimentView:
    """Return one experiment with its runs."""
    return get_experiment(services.database, experiment_id)


@router.get("/experiments/{experiment_id}/snapshot")
def read_snapshot(experiment_id: int, services: ServicesDep) -> ExperimentSnapshot:
    """Return the experiment with the curves of its runs and the cursor for `/api/events`."""
    return experiment_snapshot(services.database, services.announcer, experiment_id)


@router.post("/experiments/{experiment_id}/reveal-test")
def reveal_test_set(experiment_id: int, request: Request) -> ExperimentView:
    """Reveal the held-out test set; the moment is recorded, and a second call changes nothing."""
    return held_out.reveal(request, experiment_id)


@router.get("/experiments/{experiment_id}/test-set")
def read_test_set(experiment_id: int, services: ServicesDep) -> HeldOutItems:
    """Return the items of a test set that has been revealed."""
    with services.database.read() as session:
        return HeldOutItems(items=held_out_items(session, experiment_id))
