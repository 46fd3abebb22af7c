"""Runs of a k-fold experiment: named by their fold, and summed up over the folds."""

from __future__ import annotations

import pytest

from app.domain.configuration import Architecture, ExperimentSpec, ModelSpec
from app.domain.run_states import RunState
from app.domain.split_spec import SplitSpec
from app.store import experiments, runs
from app.store.database import Database
from app.store.queries import get_experiment, list_runs
from app.store.schema import RunRow
from tests import factories


def create(database: Database, *, folds: int) -> int:
    """Write an experiment of two models; returns its id."""
    with database.write() as session:
        dataset = factories.create_dataset(session)
        ids = [item.id for item in dataset.items]
        spec = ExperimentSpec(
            dataset_id=dataset.id,
            split=SplitSpec(folds=folds),
            models=tuple(
                ModelSpec(architecture=name, batch_size=1) for name in (Architecture.UNET, Architecture.ATTENTION_UNET)
            ),
        )
        sides = [
            experiments.Fold([other for other in ids if other != validating], [validating])
            for validating in ids[: max(folds, 1)]
        ]
        return experiments.create_experiment(session, spec, dataset=dataset, folds=sides).id


def test_runs_are_named_by_their_fold(database: Database) -> None:
    experiment = get_experiment(database, create(database, folds=2))
    assert [(run.label, run.fold) for run in experiment.runs] == [
        ("UNet · fold 1", 1),
        ("UNet · fold 2", 2),
        ("Attention UNet · fold 1", 1),
        ("Attention UNet · fold 2", 2),
    ]
    assert {run.label for run in list_runs(database)} == {run.label for run in experiment.runs}
    assert experiment.folds == 2


def test_a_single_split_has_no_folds(database: Database) -> None:
    experiment = get_experiment(database, create(database, folds=0))
    assert [(run.label, run.fold) for run in experiment.runs] == [("UNet", None), ("Attention UNet", None)]
    assert experiment.fold_scores == []


def test_scores_over_the_folds(database: Database) -> None:
    experiment_id = create(database, folds=3)
    with database.write() as session:
        unet = session.query(RunRow).filter_by(experiment_id=experiment_id, architecture="unet").order_by(RunRow.fold)
        for run, best, last in zip(unet, (0.2, 0.6, 0.1), (0.1, None, 0.3), strict=True):
            run.best_val_jaccard, run.last_val_jaccard, run.state = best, last, RunState.FINISHED

    first, second = get_experiment(database, experiment_id).fold_scores

    assert (first.label, first.best_folds, first.last_folds) == ("UNet", 3, 2)
    assert first.best_mean == pytest.approx(0.3)
    assert first.best_deviation == pytest.approx((0.14 / 3) ** 0.5)
    assert first.last_mean == pytest.approx(0.2)
    assert first.last_deviation == pytest.approx(0.1)
    assert (second.architecture, second.best_folds, second.best_mean) == ("attention-unet", 0, None)


def test_a_retry_takes_the_place_of_the_run_that_it_repeats(database: Database) -> None:
    experiment_id = create(database, folds=2)
    with database.write() as session:
        for run in session.query(RunRow).filter_by(experiment_id=experiment_id, architecture="unet"):
            run.best_val_jaccard, run.state = 0.5, RunState.FAILED
            if run.fold == 1:
                runs.retry(session, run.id).best_val_jaccard = 0.9

    unet = get_experiment(database, experiment_id).fold_scores[0]

    assert unet.best_folds == 2
    assert unet.best_mean == pytest.approx(0.7)
    retried = [run for run in get_experiment(database, experiment_id).runs if run.retry_of_id]
    assert [run.label for run in retried] == ["UNet · fold 2"]
