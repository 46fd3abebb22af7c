"""Writes experiments: one transaction for the launch and its runs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.domain.configuration import ExperimentSpec
from app.domain.run_states import RunState
from app.store.schema import DatasetRow, ExperimentRow, RunRow


def create_experiment(
    session: Session,
    spec: ExperimentSpec,
    *,
    dataset: DatasetRow,
    training_items: Sequence[int],
    validation_items: Sequence[int],
) -> ExperimentRow:
    """Write a launch: the experiment with its split (item ids) and one queued run for each model."""
    experiment = ExperimentRow(
        name=spec.name or dataset.name,
        dataset_id=dataset.id,
        dataset_hash=dataset.content_hash,
        spec=spec.model_dump(mode="json"),
        training_items=list(training_items),
        validation_items=list(validation_items),
    )
    for config in spec.run_configs(training_items=len(training_items)):
        experiment.runs.append(
            RunRow(
                architecture=config.model.architecture,
                config=config.model_dump(mode="json"),
                state=RunState.QUEUED,
                queue=spec.queue,
                epochs_planned=config.training.epochs,
            )
        )
    session.add(experiment)
    session.flush()
    return experiment
