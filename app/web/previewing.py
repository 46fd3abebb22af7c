"""What a launch would do, without doing it: the sides of the split, costs, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.splits.leakage import Leakage, NamePair, SharedGroup, near_duplicate_pairs
from app.datasets.splits.preview import FoldPreview, preview_split
from app.datasets.splits.recommendation import recommend
from app.domain.configuration import Architecture, RunConfig
from app.domain.estimate import RunEstimate, estimate_run
from app.domain.network_spec import NetworkSpec
from app.domain.split_spec import SplitSpec, SplitStrategy
from app.launching.gate import fatal_of
from app.launching.planning import LaunchPlan, plan_launch
from app.store.dataset_queries import findings_of
from app.store.queries import list_workers, live_workers, queue_positions
from app.store.schema import RunRow
from app.web.launching import parse_spec
from app.web.state import services_of

#: Names that are listed of each kind of leakage; the sentences give the full numbers.
LISTED = 20


class PreviewWarning(BaseModel):
    """Something to consider before the launch; `suggestion` is a better value for `field`, where one is known."""

    code: str
    message: str
    field: str | None
    advice: str
    suggestion: float | None


class PreviewRun(BaseModel):
    """What one run of the launch will be; `runs` is how many of them there will be, one for each fold.

    With folds, the one with the fewest training items. `batchnorm_momentum` is None where nothing is batch-normalised.
    """

    architecture: Architecture
    runs: int
    parameters: int
    steps_per_epoch: int
    updates: int
    memory_bytes: int
    batchnorm_momentum: float | None
    seconds: float | None
    warnings: list[PreviewWarning]


class LeakageView(BaseModel):
    """What training and validation share; lists hold the first of each kind."""

    messages: list[str]
    groups: list[SharedGroup]
    overlapping_tiles: list[NamePair]
    near_duplicates: list[NamePair]


class RecommendationView(BaseModel):
    """The split to take; `chosen` says that it is the present one."""

    strategy: SplitStrategy
    label: str
    folds: int
    reason: str
    chosen: bool


class SplitPreviewView(BaseModel):
    """The sides of the split.

    Foregrounds are fractions, 0 to 1; `edges` are the borders of the histograms' bins. Of the test set nothing but its
    size is said.
    """

    folds: list[FoldPreview]
    edges: list[float]
    test_items: int
    unused_items: int
    leakage: LeakageView
    recommendation: RecommendationView


class FatalFinding(BaseModel):
    """A finding of the dataset that the launch must acknowledge."""

    code: str
    title: str
    message: str
    fix: str


class LaunchPreview(BaseModel):
    """What will happen if the experiment is launched.

    Numbers and names of items are those of the first fold; foregrounds are mean fractions, 0 to 1.
    """

    training_items: int
    validation_items: int
    training_foreground: float
    validation_foreground: float
    validation_names: list[str]
    split: SplitPreviewView
    queue_position: int
    workers: int
    runs: list[PreviewRun]
    fatal_findings: list[FatalFinding]


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
        plan = plan_launch(session, spec)
        size = plan.smallest_fold
        estimates = [
            (
                config,
                estimate_run(
                    config,
                    training_items=size.training,
                    validation_items=size.validation,
                    split=spec.split,
                    measured_images_per_second=_measured_rate(session, config),
                ),
            )
            for config in spec.run_configs(training_items=size.training)
        ]
        waiting = len(queue_positions(session))
        split = _split_view(plan, spec.split)
        fatal = fatal_of(findings_of(plan.dataset))
    first = split.folds[0]
    return LaunchPreview(
        training_items=first.training.items,
        validation_items=first.validation.items,
        training_foreground=first.training.foreground_mean,
        validation_foreground=first.validation.foreground_mean,
        validation_names=[plan.items[position].name for position in plan.split.folds[0].validation],
        split=split,
        queue_position=waiting + 1,
        workers=len(live_workers(workers, queue=spec.queue)),
        runs=[_preview_run(config, estimate, runs=len(split.folds)) for config, estimate in estimates],
        fatal_findings=[
            FatalFinding(code=finding.code, title=finding.title, message=finding.message, fix=finding.fix)
            for finding in fatal
        ],
    )


def _split_view(plan: LaunchPlan, spec: SplitSpec) -> SplitPreviewView:
    seen = preview_split(plan.items, plan.split, near_duplicates=near_duplicate_pairs(plan.dataset.findings))
    advice = recommend(plan.items, spec)
    return SplitPreviewView(
        folds=list(seen.folds),
        edges=list(seen.edges),
        test_items=seen.test_items,
        unused_items=seen.unused_items,
        leakage=_leakage_view(seen.leakage),
        recommendation=RecommendationView(
            strategy=advice.strategy,
            label=advice.strategy.label,
            folds=advice.folds,
            reason=advice.reason,
            chosen=advice.strategy == spec.strategy and max(advice.folds, 1) == spec.fold_count,
        ),
    )


def _leakage_view(leakage: Leakage) -> LeakageView:
    return LeakageView(
        messages=list(leakage.messages),
        groups=list(leakage.groups[:LISTED]),
        overlapping_tiles=list(leakage.overlapping_tiles[:LISTED]),
        near_duplicates=list(leakage.near_duplicates[:LISTED]),
    )


def _preview_run(config: RunConfig, estimate: RunEstimate, *, runs: int) -> PreviewRun:
    return PreviewRun(
        architecture=config.model.architecture,
        runs=runs,
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
