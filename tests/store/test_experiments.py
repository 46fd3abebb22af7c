"""What a launch writes."""

from __future__ import annotations

from app.domain.configuration import Architecture, ExperimentSpec, ModelSpec, RunConfig, TrainingSpec
from app.store import experiments
from app.store.database import Database
from tests import factories


def test_what_is_left_automatic_fits_the_items_of_each_fold(database: Database) -> None:
    with database.write() as session:
        dataset = factories.create_dataset(session, items=10)
        ids = [item.id for item in dataset.items]
        spec = ExperimentSpec(
            dataset_id=dataset.id,
            training=TrainingSpec(epochs=2, early_stopping_patience=0),
            models=(
                ModelSpec(architecture=Architecture.UNET, batch_size=1),
                ModelSpec(architecture=Architecture.ATTENTION_UNET, batch_size=5),
            ),
        )
        folds = [experiments.Fold(ids[:9], ids[9:]), experiments.Fold(ids[:5], ids[5:])]
        runs = experiments.create_experiment(session, spec, dataset=dataset, folds=folds).runs
        # 1 - 5 / updates, rounded down to a twentieth, 0.5 at least: of 18 and 10 updates, and of 4 and 2.
        assert [
            (run.architecture, run.fold, RunConfig.model_validate(run.config).batchnorm_momentum) for run in runs
        ] == [("unet", 0, 0.7), ("unet", 1, 0.5), ("attention-unet", 0, 0.5), ("attention-unet", 1, 0.5)]
