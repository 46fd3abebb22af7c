"""Writes experiments: one transaction for the launch and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.configuration import ExperimentSpec
from app.domain.run_states import RunState
from app.store.schema import DatasetRow, ExperimentRow, RunRow


@dataclass(frozen=True, slots=True)
class Fold:
    """Ids of the items that train and that validate the runs of one fold."""

    training: Sequence[int]
    validation: Sequence[int]


def create_experiment(
    session: Session,
    spec: ExperimentSpec,
    *,
    dataset: DatasetRow,
    folds: Sequence[Fold],
    test_items: Sequence[int] = (),
    queue: str | None = None,
) -> ExperimentRow:
    """Write a launch: the experiment with its split (item ids) and one queued run for each model and fold.

    What the specification leaves automatic fits the items of each run's own fold. `queue` is where the runs wait if not
    in the queue of the specification.
    """
    experiment = ExperimentRow(
        name=spec.name or dataset.name,
        dataset_id=dataset.id,
        dataset_hash=dataset.content_hash,
        spec=spec.model_dump(mode="json"),
        folds=[{"training": list(fold.training), "validation": list(fold.validation)} for fold in folds],
        test_items=list(test_items),
    )
    configs_of_folds = [spec.run_configs(training_items=len(fold.training)) for fold in folds]
    for configs in zip(*configs_of_folds, strict=True):
        experiment.runs += [
            RunRow(
                architecture=config.model.architecture,
                config=config.model_dump(mode="json"),
                fold=fold,
                state=RunState.QUEUED,
                queue=queue or spec.queue,
                epochs_planned=config.training.epochs,
            )
            for fold, config in enumerate(configs)
        ]
    session.add(experiment)
    session.flush()
    return experiment
