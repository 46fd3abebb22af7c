"""The list of experiments, the launch form, and the page of one experiment."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from app.domain.configuration import ExperimentSpec
from app.domain.errors import InvalidInputError, NotFoundError
from app.domain.presets import DEFAULT_PRESET, PRESETS
from app.domain.run_states import DatasetState
from app.domain.split_spec import SplitStrategy
from app.launching.gate import fatal_of
from app.store.dataset_queries import get_dataset, list_datasets
from app.store.held_out import held_out_items
from app.store.queries import experiment_snapshot, list_experiments
from app.store.views import DatasetDetail
from app.web import held_out
from app.web.launching import launch, spec_of_experiment, spec_of_run
from app.web.pages.launch_form import (
    chosen_models,
    form_sections,
    model_fields,
    own_fields,
    payload_from_form,
    summary_query,
    values_of_form,
    values_of_spec,
)
from app.web.pages.rendering import render
from app.web.state import Services, ServicesDep, services_of

router = APIRouter(include_in_schema=False)

HIDDEN_LISTS = (
    "The lists of this split stay hidden, because they name a test set that nobody has asked for. Enter lists, choose "
    "another strategy, or reveal the test set on the experiment's page first."
)


@router.get("/experiments")
def show_experiments(request: Request, services: ServicesDep) -> Response:
    """Show the launches."""
    return render(request, "experiments.html", experiments=list_experiments(services.database))


@router.get("/experiments/new")
def show_form(
    request: Request,
    services: ServicesDep,
    dataset: int | None = None,
    from_run: int | None = None,
    from_experiment: int | None = None,
    preset: str = DEFAULT_PRESET,
) -> Response:
    """Show the form, filled from a preset, a run or an experiment."""
    if from_run is not None:
        spec = spec_of_run(services.database, from_run)
    elif from_experiment is not None:
        spec = spec_of_experiment(services.database, from_experiment)
    else:
        spec = _preset_spec(services, preset=preset, dataset_id=dataset)
        return _show(request, services, values=values_of_spec(spec), preset=preset)
    hidden = spec.split.strategy is SplitStrategy.EXPLICIT and not spec.split.validation
    return _show(request, services, values=values_of_spec(spec), note=HIDDEN_LISTS if hidden else "")


def _preset_spec(services: Services, *, preset: str, dataset_id: int | None) -> ExperimentSpec:
    if dataset_id is None:
        ready = [view for view in list_datasets(services.database) if view.state == DatasetState.READY]
        dataset_id = ready[0].id if ready else 1
    return PRESETS[preset if preset in PRESETS else DEFAULT_PRESET].make(dataset_id)


@router.post("/experiments/new")
async def launch_form(request: Request) -> Response:
    """Launch, or show the form again with the error beside each field."""
    form = await request.form()
    items = [(name, str(value)) for name, value in form.multi_items()]
    return await run_in_threadpool(_launch, request, items)


def _launch(request: Request, items: list[tuple[str, str]]) -> Response:
    try:
        experiment = launch(request, payload_from_form(items))
    except InvalidInputError as error:
        return _show(request, services_of(request), values=values_of_form(items), error=error)
    return RedirectResponse(f"/experiments/{experiment.id}", status_code=303)


def _chosen_dataset(services: Services, text: str) -> DatasetDetail | None:
    try:
        return get_dataset(services.database, int(text))
    except (ValueError, NotFoundError):
        return None


def _show(
    request: Request,
    services: Services,
    *,
    values: dict[str, str],
    error: InvalidInputError | None = None,
    preset: str | None = None,
    note: str = "",
) -> Response:
    errors: dict[str, str] = {item.field: item.message for item in error.fields} if error else {}
    newest = list_datasets(services.database)
    chosen = _chosen_dataset(services, values.get("dataset_id", ""))
    context: dict[str, Any] = {
        "datasets": newest if chosen is None or chosen.id in {view.id for view in newest} else [chosen, *newest],
        "fatal": [] if chosen is None else fatal_of(chosen.findings),
        "acknowledged": values.get("acknowledged_findings", "").split(","),
        "sections": form_sections(),
        "own": own_fields(),
        "model_fields": model_fields,
        "summary_query": summary_query,
        "presets": PRESETS,
        "preset": preset,
        "values": values,
        "chosen": chosen_models(values),
        "errors": errors,
        "message": error.message if error else "",
        "note": note,
    }
    known = {"models", "acknowledged_findings", *own_fields()}
    for section in form_sections():
        known |= {section.name, *(field.name for field in section.fields + section.advanced)}
    context["other_errors"] = {
        name: text for name, text in errors.items() if name not in known and not name.startswith("models.")
    }
    return render(request, "experiment_new.html", status=error.status if error else 200, **context)


@router.get("/experiments/{experiment_id}")
def show_experiment(experiment_id: int, request: Request, services: ServicesDep) -> Response:
    """Show which model wins."""
    snapshot = experiment_snapshot(services.database, services.announcer, experiment_id)
    test_items = []
    if snapshot.experiment.test_revealed_at is not None:
        with services.database.read() as session:
            test_items = held_out_items(session, experiment_id)
    return render(request, "experiment.html", snapshot=snapshot, experiment=snapshot.experiment, test_items=test_items)


@router.post("/experiments/{experiment_id}/reveal-test")
def reveal_test_set(experiment_id: int, request: Request) -> Response:
    """Reveal the test set and return to the experiment."""
    held_out.reveal(request, experiment_id)
    return RedirectResponse(f"/experiments/{experiment_id}#test-set", status_code=303)
