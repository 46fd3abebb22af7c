"""What a training will cost and what will go wrong, against hand-computed values."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.configuration import (
    Architecture,
    ExperimentSpec,
    ImageSpec,
    ModelSpec,
    RunConfig,
    TrainingSpec,
)
from app.domain.errors import InvalidInputError
from app.domain.estimate import (
    EstimateWarning,
    EstimateWarningCode,
    FoldSize,
    check_against_dataset,
    estimate_run,
    steps_per_epoch,
)
from app.domain.model_summary import parameter_count, training_memory_bytes
from app.domain.network_spec import NetworkSpec
from app.domain.presets import collapse_demo, report_preset
from app.domain.split_spec import SplitSpec


@pytest.mark.parametrize(("items", "batch", "steps"), [(65, 8, 9), (65, 16, 5), (64, 16, 4), (1, 512, 1), (0, 8, 0)])
def test_steps_per_epoch(items: int, batch: int, steps: int) -> None:
    assert steps_per_epoch(items, batch) == steps


def config(
    *, batch_size: int = 8, epochs: int = 100, momentum: float | None = 0.99, patience: int = 15, **network: Any
) -> RunConfig:
    return ExperimentSpec(
        dataset_id=1,
        image=ImageSpec(height=64, width=64),
        network=NetworkSpec(base_filters=4, batchnorm_momentum=momentum, **network),
        training=TrainingSpec(epochs=epochs, early_stopping_patience=patience),
        models=(ModelSpec(architecture=Architecture.UNET, batch_size=batch_size),),
    ).run_configs(training_items=65)[0]


def warnings_of(
    run_config: RunConfig, *, training_items: int = 65, validation_items: int = 20, **split: Any
) -> dict[EstimateWarningCode, EstimateWarning]:
    estimate = estimate_run(
        run_config, training_items=training_items, validation_items=validation_items, split=SplitSpec(**split)
    )
    return {warning.code: warning for warning in estimate.warnings}


def test_estimate_of_a_run() -> None:
    estimate = estimate_run(
        config(), training_items=65, validation_items=9, split=SplitSpec(), measured_images_per_second=10
    )
    assert (estimate.steps_per_epoch, estimate.updates) == (9, 900)
    assert estimate.seconds == pytest.approx(100 * (65 + 9 / 3) / 10)
    network: dict[str, Any] = {
        "architecture": Architecture.UNET,
        "image": config().image,
        "network": config().network,
    }
    assert estimate.parameters == parameter_count(**network)
    assert estimate.memory_bytes == training_memory_bytes(**network, batch_size=8)


@pytest.mark.parametrize("rate", [None, 0.0])
def test_no_rate_no_time(rate: float | None) -> None:
    estimate = estimate_run(
        config(), training_items=65, validation_items=9, split=SplitSpec(), measured_images_per_second=rate
    )
    assert estimate.seconds is None


def test_the_demo_is_warned_about_the_moving_statistics() -> None:
    (run_config,) = collapse_demo(1).run_configs(training_items=65)
    warning = warnings_of(run_config)[EstimateWarningCode.BATCHNORM_LAG]
    assert warning.field == "network.batchnorm_momentum"
    assert warning.suggestion == "Set the batch-norm momentum to 0.9."
    assert "171 updates" in warning.message


def test_the_report_is_warned_although_its_plan_would_suffice() -> None:
    """100 planned epochs are 500 updates; early stopping ended the runs after 16, and 80 updates."""
    run_config = report_preset(1).run_configs(training_items=65)[1]
    warning = warnings_of(run_config)[EstimateWarningCode.BATCHNORM_LAG]
    assert warning.message.startswith("Early stopping may end this run after 16 epochs. If it does: the moving")
    assert "will not converge in 80 updates" in warning.message


def test_without_early_stopping_the_plan_counts() -> None:
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(config(patience=0))
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(config(momentum=0.9))


@pytest.mark.parametrize("epochs", [2, 5, 100])
def test_the_automatic_momentum_gives_nothing_to_warn_about(epochs: int) -> None:
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(config(epochs=epochs, momentum=None))


def test_other_normalisations_have_no_moving_statistics() -> None:
    assert EstimateWarningCode.BATCHNORM_LAG in warnings_of(config(epochs=1))
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(config(epochs=1, normalisation="group"))


def test_statistics_that_are_re_estimated_cannot_lag() -> None:
    (run_config,) = collapse_demo(1).run_configs(training_items=65)
    precise = run_config.training.model_copy(update={"precise_batchnorm": True})
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(run_config.model_copy(update={"training": precise}))


def test_no_momentum_helps_a_run_of_a_few_steps() -> None:
    warning = warnings_of(config(epochs=1))[EstimateWarningCode.BATCHNORM_LAG]
    assert "more epochs" in warning.suggestion


@pytest.mark.parametrize(("items", "text"), [(8, "±0.13"), (2, "±1.00"), (1, "1 validation item nobody"), (9, "±0.12")])
def test_few_validation_items(items: int, text: str) -> None:
    warning = warnings_of(config(), validation_items=items)[EstimateWarningCode.VALIDATION_SMALL]
    assert text in warning.message
    assert warning.field == "split.validation_fraction"


@pytest.mark.parametrize(
    ("split", "field", "says"),
    [
        ({"folds": 5}, "split.folds", "mean over the folds"),
        ({"strategy": "explicit", "validation": ["a"]}, "split.validation", "Name more"),
    ],
)
def test_the_advice_fits_the_split(split: dict[str, Any], field: str, says: str) -> None:
    warning = warnings_of(config(), validation_items=8, **split)[EstimateWarningCode.VALIDATION_SMALL]
    assert warning.field == field
    assert says in warning.suggestion


def test_ten_validation_items_are_not_few() -> None:
    assert EstimateWarningCode.VALIDATION_SMALL not in warnings_of(config(), validation_items=10)


def test_a_batch_too_large_is_warned_in_the_estimate() -> None:
    warning = warnings_of(config(batch_size=66))[EstimateWarningCode.BATCH_TOO_LARGE]
    assert warning.field == "models.unet.batch_size"


def test_a_dataset_that_fits_is_accepted() -> None:
    check_against_dataset(report_preset(1), folds=[FoldSize(16, 1)])


def test_each_model_with_too_large_a_batch_is_named() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_against_dataset(report_preset(1), folds=[FoldSize(15, 2)])
    assert [error.field for error in caught.value.fields] == [
        "models.attention-unet.batch_size",
        "models.attention-resunet.batch_size",
    ]
    assert "A batch of 16 is larger than the training set of 15; use at most 15." in caught.value.message


def test_the_smallest_fold_must_hold_a_batch() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_against_dataset(report_preset(1), folds=[FoldSize(30, 5), FoldSize(15, 20)])
    assert [error.field for error in caught.value.fields] == [
        "models.attention-unet.batch_size",
        "models.attention-resunet.batch_size",
    ]
    assert "larger than the smallest training set of the folds, 15; use at most 15." in caught.value.message


@pytest.mark.parametrize(("training", "validation"), [(0, 5), (65, 0)])
def test_a_split_with_an_empty_side_is_refused(training: int, validation: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_against_dataset(report_preset(1), folds=[FoldSize(training, validation)])
    assert [error.field for error in caught.value.fields] == ["split.validation_fraction"]
