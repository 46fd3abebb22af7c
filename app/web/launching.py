"""Launches: from what a form or the API sends to an experiment with queued runs, and back for a clone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from app.domain.configuration import ExperimentSpec, RunConfig
from app.domain.errors import InvalidInputError, NotFoundError
from app.launching.gate import check_acknowledged
from app.launching.planning import plan_launch
from app.store.database import Database
from app.store.events import announce_run
from app.store.experiments import create_experiment
from app.store.held_out import names_its_test_set
from app.store.queries import get_experiment
from app.store.schema import ExperimentRow, RunRow
from app.store.views import ExperimentView
from app.web.errors import field_errors
from app.web.state import services_of


def parse_spec(payload: Mapping[str, Any]) -> ExperimentSpec:
    """Validate what a form or the API sends.

    Raises
    ------
    InvalidInputError
        With one field error for each field that is wrong.
    """
    try:
        return ExperimentSpec.model_validate(payload)
    except ValidationError as error:
        fields = field_errors(error.errors(), payload)
        raise InvalidInputError(
            f"The experiment cannot be launched: {len(fields)} field(s) need a change.", fields=fields
        ) from error


def launch(request: Request, payload: Mapping[str, Any]) -> ExperimentView:
    """Write the experiment and its runs in one transaction, then ring for a worker."""
    services = services_of(request)
    spec = parse_spec(payload)
    with services.database.write() as session:
        plan = plan_launch(session, spec)
        check_acknowledged(plan.dataset, spec.acknowledged_findings)
        experiment = create_experiment(
            session, spec, dataset=plan.dataset, folds=plan.folds, test_items=plan.ids(plan.split.test)
        )
        experiment_id, run_ids = experiment.id, [run.id for run in experiment.runs]
    for run_id in run_ids:
        announce_run(services.database, services.announcer, run_id)
        services.doorbell.ring_training(spec.queue)
    return get_experiment(services.database, experiment_id)


def spec_of_run(database: Database, run_id: int) -> ExperimentSpec:
    """Return the specification that would launch a run's model again, alone."""
    with database.read() as session:
        run = session.get(RunRow, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id} to clone.")
        spec = _spec_to_show(run.experiment)
        config = RunConfig.model_validate(run.config)
    return spec.model_copy(update={"models": (config.model,)})


def spec_of_experiment(database: Database, experiment_id: int) -> ExperimentSpec:
    """Return the specification that would launch an experiment again."""
    with database.read() as session:
        experiment = session.get(ExperimentRow, experiment_id)
        if experiment is None:
            raise NotFoundError(f"There is no experiment {experiment_id} to clone.")
        return _spec_to_show(experiment)


def _spec_to_show(experiment: ExperimentRow) -> ExperimentSpec:
    spec = ExperimentSpec.model_validate(experiment.spec)
    if not names_its_test_set(experiment):
        return spec
    # All three lists: without the test list a clone would train on what is held out here. An explicit split without
    # names cannot be launched, so that the form asks for them.
    nameless = spec.split.model_copy(update={"training": (), "validation": (), "test": ()})
    return spec.model_copy(update={"split": nameless})
