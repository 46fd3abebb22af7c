"""Launches: from what a form or the API sends to an experiment with queued runs, and the preview of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.splits.random import random_split
from app.domain.configuration import Architecture, ExperimentSpec, RunConfig
from app.domain.errors import FieldError, InvalidInputError, NotFoundError
from app.domain.estimate import RunEstimate, check_against_dataset, estimate_run
from app.domain.network_spec import NetworkSpec
from app.domain.run_states import DatasetState
from app.store.database import Database
from app.store.events import announce_run
from app.store.experiments import create_experiment
from app.store.queries import get_experiment, list_workers, live_workers, queue_positions
from app.store.schema import DatasetRow, ExperimentRow, ItemRow, RunRow
from app.store.views import ExperimentView
from app.web.errors import field_errors
from app.web.state import services_of

#: What `app.datasets` can make of any image; networks take 1 to 4.
READABLE_CHANNELS = (1, 3)


class PreviewWarning(BaseModel):
    """Something to consider before the launch; `suggestion` is a better value for `field`, where one is known."""

    code: str
    message: str
    field: str | None
    advice: str
    suggestion: float | None


class PreviewRun(BaseModel):
    """What one run of the launch will be; `batchnorm_momentum` is None where nothing is batch-normalised."""

    architecture: Architecture
    parameters: int
    steps_per_epoch: int
    updates: int
    memory_bytes: int
    batchnorm_momentum: float | None
    seconds: float | None
    warnings: list[PreviewWarning]


class LaunchPreview(BaseModel):
    """What will happen if the experiment is launched; foregrounds are mean fractions, 0 to 1."""

    training_items: int
    validation_items: int
    training_foreground: float
    validation_foreground: float
    validation_names: list[str]
    queue_position: int
    workers: int
    runs: list[PreviewRun]


@dataclass(frozen=True, slots=True)
class _Plan:
    dataset: DatasetRow
    training: list[ItemRow]
    validation: list[ItemRow]


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
        plan = _plan(session, spec)
        experiment = create_experiment(
            session,
            spec,
            dataset=plan.dataset,
            training_items=[item.id for item in plan.training],
            validation_items=[item.id for item in plan.validation],
        )
        experiment_id, run_ids = experiment.id, [run.id for run in experiment.runs]
    for run_id in run_ids:
        announce_run(services.database, services.announcer, run_id)
        services.doorbell.ring_training(spec.queue)
    return get_experiment(services.database, experiment_id)


def preview(request: Request, payload: Mapping[str, Any]) -> LaunchPreview:
    """Say what a launch would do, without doing it.

    Raises
    ------
    InvalidInputError
        The launch would be refused for the same reason.
    """
    database = services_of(request).database
    spec = parse_spec(payload)
    workers = list_workers(database)
    with database.read() as session:
        plan = _plan(session, spec)
        estimates = [
            (
                config,
                estimate_run(
                    config,
                    training_items=len(plan.training),
                    validation_items=len(plan.validation),
                    measured_images_per_second=_measured_rate(session, config),
                ),
            )
            for config in spec.run_configs(training_items=len(plan.training))
        ]
        waiting = len(queue_positions(session))
    return LaunchPreview(
        training_items=len(plan.training),
        validation_items=len(plan.validation),
        training_foreground=_mean_foreground(plan.training),
        validation_foreground=_mean_foreground(plan.validation),
        validation_names=[item.name for item in plan.validation],
        queue_position=waiting + 1,
        workers=len(live_workers(workers, queue=spec.queue)),
        runs=[_preview_run(config, estimate) for config, estimate in estimates],
    )


def _preview_run(config: RunConfig, estimate: RunEstimate) -> PreviewRun:
    return PreviewRun(
        architecture=config.model.architecture,
        parameters=estimate.parameters.total,
        steps_per_epoch=estimate.steps_per_epoch,
        updates=estimate.updates,
        memory_bytes=estimate.memory_bytes,
        batchnorm_momentum=config.batchnorm_momentum if estimate.parameters.batchnorm_layers else None,
        seconds=estimate.seconds,
        warnings=[
            PreviewWarning(
                code=warning.code,
                message=warning.message,
                field=warning.field,
                advice=warning.suggestion,
                suggestion=warning.value,
            )
            for warning in estimate.warnings
        ],
    )


def _plan(session: Session, spec: ExperimentSpec) -> _Plan:
    dataset = session.get(DatasetRow, spec.dataset_id)
    if dataset is None:
        message = f"There is no dataset {spec.dataset_id}; choose a registered one."
        raise InvalidInputError(message, fields=[FieldError("dataset_id", message)])
    if dataset.state != DatasetState.READY:
        message = (
            f"Dataset {dataset.name!r} is not ready ({dataset.state}); wait until it is indexed "
            "or look at its page for what went wrong."
        )
        raise InvalidInputError(message, fields=[FieldError("dataset_id", message)])
    if spec.image.channels not in READABLE_CHANNELS:
        message = f"Received {spec.image.channels}, expected 1 (grey) or 3 (colour): images are read as one of these."
        raise InvalidInputError(message, fields=[FieldError("image.channels", message)])
    items = dataset.items
    split = random_split(len(items), validation_fraction=spec.split.validation_fraction, seed=spec.split.seed)
    check_against_dataset(spec, training_items=len(split.training), validation_items=len(split.validation))
    return _Plan(
        dataset,
        [items[index] for index in split.training],
        [items[index] for index in split.validation],
    )


def _mean_foreground(items: list[ItemRow]) -> float:
    return sum(item.foreground_fraction for item in items) / len(items)


def _measured_rate(session: Session, config: RunConfig) -> float | None:
    """Return the images/s of the newest run of the same network at the same size, if there is one."""
    recent = session.execute(
        select(RunRow.config, RunRow.images_per_second)
        .where(
            RunRow.architecture == config.model.architecture,
            RunRow.images_per_second.is_not(None),
            RunRow.epoch > 0,
        )
        .order_by(RunRow.id.desc())
        .limit(50)
    )
    for stored, rate in recent:
        other = RunConfig.model_validate(stored)
        if (_without_momentum(other), other.image) == (_without_momentum(config), config.image):
            return float(rate)
    return None


def _without_momentum(config: RunConfig) -> NetworkSpec:
    # The one setting of a network that changes nothing about its speed.
    return config.network.model_copy(update={"batchnorm_momentum": None})


def spec_of_run(database: Database, run_id: int) -> ExperimentSpec:
    """Return the specification that would launch a run's model again, alone."""
    with database.read() as session:
        run = session.get(RunRow, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id} to clone.")
        spec = ExperimentSpec.model_validate(run.experiment.spec)
        config = RunConfig.model_validate(run.config)
    return spec.model_copy(update={"models": (config.model,)})


def spec_of_experiment(database: Database, experiment_id: int) -> ExperimentSpec:
    """Return the specification that would launch an experiment again."""
    with database.read() as session:
        experiment = session.get(ExperimentRow, experiment_id)
        if experiment is None:
            raise NotFoundError(f"There is no experiment {experiment_id} to clone.")
        return ExperimentSpec.model_validate(experiment.spec)
