"""Estimates against the reference's figures, hand-computed values, and the built models."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.domain.configuration import (
    Architecture,
    ExperimentSpec,
    ImageSpec,
    ModelSpec,
    NetworkSpec,
    RunConfig,
    TrainingSpec,
)
from app.domain.errors import InvalidInputError
from app.domain.estimate import (
    EstimateWarning,
    EstimateWarningCode,
    FoldSize,
    ParameterCount,
    advised_momentum,
    batchnorm_warning,
    check_against_dataset,
    convergence,
    estimate_run,
    initial_share,
    memory_bytes,
    parameter_count,
    steps_per_epoch,
)
from app.domain.presets import collapse_demo, report_preset
from app.domain.split_spec import SplitSpec


@pytest.mark.parametrize(
    ("architecture", "channels", "expected"),
    [
        (Architecture.UNET, 3, ParameterCount(31_402_501, 11_778, 19)),
        (Architecture.ATTENTION_UNET, 3, ParameterCount(37_334_665, 15_618, 27)),
        (Architecture.ATTENTION_RESUNET, 3, ParameterCount(39_090_377, 21_506, 36)),
        (Architecture.UNET, 1, ParameterCount(31_401_349, 11_778, 19)),
        (Architecture.ATTENTION_UNET, 1, ParameterCount(37_333_513, 15_618, 27)),
        (Architecture.ATTENTION_RESUNET, 1, ParameterCount(39_089_097, 21_506, 36)),
    ],
)
def test_parameters_of_the_reference(architecture: Architecture, channels: int, expected: ParameterCount) -> None:
    assert parameter_count(architecture=architecture, channels=channels, base_filters=64) == expected
    assert expected.trainable == expected.total - expected.non_trainable


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "base_filters"), [(3, 2), (1, 7), (3, 16)])
@pytest.mark.parametrize("architecture", Architecture)
def test_parameters_of_the_built_models(architecture: Architecture, channels: int, base_filters: int) -> None:
    building = pytest.importorskip("worker.models.building")
    model = building.build_model(
        architecture=architecture,
        height=32,
        width=32,
        channels=channels,
        base_filters=base_filters,
        batchnorm_momentum=0.99,
    )
    assert parameter_count(architecture=architecture, channels=channels, base_filters=base_filters) == ParameterCount(
        total=model.count_params(),
        non_trainable=sum(math.prod(weight.shape) for weight in model.non_trainable_weights),
        batchnorm_layers=building.count_batchnorm_layers(model),
    )


def test_memory_grows_with_batch_and_image_but_weights_do_not() -> None:
    def memory(batch_size: int, side: int) -> int:
        return memory_bytes(
            architecture=Architecture.UNET,
            channels=3,
            base_filters=64,
            height=side,
            width=side,
            batch_size=batch_size,
        )

    weights = 4 * (31_402_501 + 3 * (31_402_501 - 11_778))
    assert memory(2, 256) - weights == 2 * (memory(1, 256) - weights)
    assert memory(1, 512) - weights == 4 * (memory(1, 256) - weights)


@pytest.mark.parametrize(("items", "batch", "steps"), [(65, 8, 9), (65, 16, 5), (64, 16, 4), (1, 512, 1), (0, 8, 0)])
def test_steps_per_epoch(items: int, batch: int, steps: int) -> None:
    assert steps_per_epoch(items, batch) == steps


def test_convergence_and_initial_share() -> None:
    assert convergence(updates=80, momentum=0.99) == pytest.approx(0.8)
    assert initial_share(updates=80, momentum=0.99) == pytest.approx(0.4475, abs=1e-4)
    assert initial_share(updates=5, momentum=0.0) == 0.0


def test_batchnorm_warning_of_the_report() -> None:
    message = batchnorm_warning(updates=80, momentum=0.99)
    assert message is not None
    assert "will not converge in 80 updates: they keep 45 % of their initial values" in message
    assert "momentum 0.9 would" in message


@pytest.mark.parametrize(("updates", "momentum"), [(500, 0.99), (50, 0.9), (5, 0.0), (100_000, 0.999)])
def test_enough_updates_need_no_warning(updates: int, momentum: float) -> None:
    assert batchnorm_warning(updates=updates, momentum=momentum) is None


@pytest.mark.parametrize(("updates", "momentum"), [(499, 0.99), (49, 0.9), (4, 0.0)])
def test_one_update_less_does(updates: int, momentum: float) -> None:
    assert batchnorm_warning(updates=updates, momentum=momentum) is not None


@pytest.mark.parametrize(
    ("updates", "expected"), [(80, 0.9), (50, 0.9), (49, 0.85), (20, 0.75), (10, 0.5), (9, None), (0, None)]
)
def test_advised_momentum_converges(updates: int, expected: float | None) -> None:
    assert advised_momentum(updates) == expected
    if expected is not None:
        assert batchnorm_warning(updates=updates, momentum=expected) is None


def test_advice_that_would_not_help_is_not_given() -> None:
    assert "would converge" not in (batchnorm_warning(updates=4, momentum=0.9) or "")


def config(*, batch_size: int = 8, epochs: int = 100, momentum: float = 0.99, patience: int = 15) -> RunConfig:
    return ExperimentSpec(
        dataset_id=1,
        image=ImageSpec(height=64, width=64),
        network=NetworkSpec(base_filters=4, batchnorm_momentum=momentum),
        training=TrainingSpec(epochs=epochs, early_stopping_patience=patience),
        models=(ModelSpec(architecture=Architecture.UNET, batch_size=batch_size),),
    ).run_configs()[0]


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
    assert estimate.parameters == parameter_count(architecture=Architecture.UNET, channels=3, base_filters=4)
    assert estimate.memory_bytes > 4 * estimate.parameters.total


@pytest.mark.parametrize("rate", [None, 0.0])
def test_no_rate_no_time(rate: float | None) -> None:
    estimate = estimate_run(
        config(), training_items=65, validation_items=9, split=SplitSpec(), measured_images_per_second=rate
    )
    assert estimate.seconds is None


def test_the_demo_is_warned_about_the_moving_statistics() -> None:
    (run_config,) = collapse_demo(1).run_configs()
    warning = warnings_of(run_config)[EstimateWarningCode.BATCHNORM_LAG]
    assert warning.field == "network.batchnorm_momentum"
    assert warning.suggestion == "Set the batch-norm momentum to 0.9."
    assert "171 updates" in warning.message


def test_the_report_is_warned_although_its_plan_would_suffice() -> None:
    """100 planned epochs are 500 updates; early stopping ended the runs after 16, and 80 updates."""
    run_config = report_preset(1).run_configs()[1]
    warning = warnings_of(run_config)[EstimateWarningCode.BATCHNORM_LAG]
    assert warning.message.startswith("Early stopping may end this run after 16 epochs. If it does: the moving")
    assert "will not converge in 80 updates" in warning.message


def test_without_early_stopping_the_plan_counts() -> None:
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(config(patience=0))
    assert EstimateWarningCode.BATCHNORM_LAG not in warnings_of(config(momentum=0.9))


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
