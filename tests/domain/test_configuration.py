"""Specifications: what was stored before still reads, and nothing in a run is left open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.batchnorm import advised_momentum, batchnorm_warning
from app.domain.configuration import Architecture, ExperimentSpec, ImageSpec, ModelSpec, RunConfig, TrainingSpec
from app.domain.loss_spec import LEAST_FRACTION, ClassBalance, LossKind, LossSpec
from app.domain.network_spec import NetworkSpec, Normalisation
from app.domain.presets import PRESETS, collapse_demo, recommended_preset, report_preset

#: What the first release stored for a run and an experiment, word for word.
STORED_TRAINING: dict[str, Any] = {
    "epochs": 19,
    "focal_gamma": 1.5,
    "clipnorm": 1.0,
    "early_stopping_patience": 15,
    "reduce_lr_factor": 0.5,
    "reduce_lr_patience": 8,
    "min_learning_rate": 1e-06,
    "seed": 42,
}
STORED_RUN: dict[str, Any] = {
    "model": {"architecture": "unet", "learning_rate": 0.001, "batch_size": 8},
    "network": {"base_filters": 16, "batchnorm_momentum": 0.99},
    "image": {"height": 128, "width": 128, "channels": 3},
    "training": STORED_TRAINING,
}
STORED_EXPERIMENT: dict[str, Any] = {
    "name": "Reproduce the collapse",
    "dataset_id": 1,
    "queue": None,
    "split": {"strategy": "random", "validation_fraction": 0.1, "seed": 42},
    "image": STORED_RUN["image"],
    "network": STORED_RUN["network"],
    "training": STORED_TRAINING,
    "models": [STORED_RUN["model"]],
}


def test_a_run_of_the_first_release_reads_as_what_it_was() -> None:
    config = RunConfig.model_validate(STORED_RUN)
    assert config.loss == LossSpec(kind=LossKind.FOCAL, focal_gamma=1.5, class_balance=ClassBalance.NONE)
    assert config.network == NetworkSpec(base_filters=16, batchnorm_momentum=0.99)
    network = config.network
    assert (network.levels, network.normalisation, network.has_final_batchnorm) == (5, Normalisation.BATCH, True)
    assert (network.dropout, network.spatial_dropout, network.deep_supervision) == (0, 0, False)
    # And once more, as it is stored now.
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config


def test_an_experiment_of_the_first_release_reads_and_can_be_launched_again() -> None:
    spec = ExperimentSpec.model_validate(STORED_EXPERIMENT)
    assert spec.loss.focal_gamma == 1.5
    assert spec.run_configs(training_items=65) == (RunConfig.model_validate(STORED_RUN),)


def test_the_old_place_of_gamma_is_not_read_beside_the_new_one() -> None:
    with pytest.raises(ValidationError, match=r"training\.focal_gamma"):
        RunConfig.model_validate({**STORED_RUN, "loss": {"focal_gamma": 3.0}})


def test_validation_does_not_change_what_it_is_given() -> None:
    RunConfig.model_validate(STORED_RUN)
    assert STORED_TRAINING["focal_gamma"] == 1.5


# === Momentum ===


def spec_with(momentum: float | None, *, batch_sizes: tuple[int, ...] = (8,), **training: Any) -> ExperimentSpec:
    return ExperimentSpec(
        dataset_id=1,
        network=NetworkSpec(batchnorm_momentum=momentum),
        training=TrainingSpec(**training),
        models=tuple(
            ModelSpec(architecture=architecture, batch_size=size)
            for architecture, size in zip(Architecture, batch_sizes, strict=False)
        ),
    )


def test_each_run_gets_the_momentum_of_its_own_steps() -> None:
    spec = spec_with(None, batch_sizes=(8, 65), epochs=20, early_stopping_patience=0)
    few, one = (config.batchnorm_momentum for config in spec.run_configs(training_items=65))
    assert (few, one) == (advised_momentum(180), advised_momentum(20)) == (0.9, 0.75)


def test_a_momentum_that_was_chosen_stays() -> None:
    (config,) = spec_with(0.99, epochs=1).run_configs(training_items=8)
    assert config.batchnorm_momentum == 0.99


def test_an_open_momentum_is_no_configuration_of_a_run() -> None:
    (config,) = spec_with(0.9).run_configs(training_items=8)
    with pytest.raises(ValidationError, match="must be a number"):
        RunConfig(**{**dict(config), "network": NetworkSpec()})


def test_validation_depends_on_moving_averages_only_where_there_are_some() -> None:
    (config,) = spec_with(0.95).run_configs(training_items=8)
    assert config.moving_average_momentum == 0.95
    (precise,) = spec_with(0.95, precise_batchnorm=True).run_configs(training_items=8)
    assert (precise.batchnorm_momentum, precise.moving_average_momentum) == (0.95, None)
    grouped = config.model_copy(update={"network": NetworkSpec(batchnorm_momentum=0.95, normalisation="group")})
    assert grouped.moving_average_momentum is None


def test_only_the_recommended_preset_prevents_the_collapse() -> None:
    assert [name for name, preset in PRESETS.items() if preset.make(1).training.precise_batchnorm] == ["recommended"]
    assert recommended_preset(1).network.batchnorm_momentum is None
    assert report_preset(1).network == NetworkSpec(base_filters=64, batchnorm_momentum=0.99)
    assert collapse_demo(1).network.batchnorm_momentum == 0.99
    for config in recommended_preset(1).run_configs(training_items=65):
        updates = 16 * -(-65 // config.model.batch_size)
        assert batchnorm_warning(updates=updates, momentum=config.batchnorm_momentum) is None


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_presets_train_the_learning_rates_and_batches_of_the_study(preset: Any) -> None:
    study = {"unet": (1e-3, 8), "attention-unet": (1e-4, 16), "attention-resunet": (5e-4, 16)}
    spec = preset.make(7)
    assert spec.dataset_id == 7
    for model in spec.models:
        assert (model.learning_rate, model.batch_size) == study[model.architecture]


# === Network, loss ===


@pytest.mark.parametrize(("levels", "multiple"), [(2, 2), (5, 16), (6, 32)])
def test_sides_that_need_no_padding(levels: int, multiple: int) -> None:
    assert NetworkSpec(levels=levels).size_multiple == multiple


def test_the_head_is_normalised_only_where_the_network_is() -> None:
    assert NetworkSpec().has_final_batchnorm
    assert not NetworkSpec(final_batchnorm=False).has_final_batchnorm
    for other in (Normalisation.GROUP, Normalisation.LAYER, Normalisation.NONE):
        assert not NetworkSpec(normalisation=other).has_final_batchnorm


def test_any_size_and_one_to_four_channels_can_be_described() -> None:
    assert ImageSpec(height=33, width=2047, channels=4).channels == 4
    with pytest.raises(ValidationError, match="greater than or equal to 32"):
        ImageSpec(height=31)


def test_a_weighted_sum_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a weight above 0"):
        LossSpec(kind=LossKind.WEIGHTED_SUM)
    assert LossSpec(kind=LossKind.WEIGHTED_SUM, lovasz_weight=0.5).weights() == {LossKind.LOVASZ: 0.5}


def test_a_tversky_index_that_nothing_lowers_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not both be 0"):
        LossSpec(kind=LossKind.TVERSKY, tversky_alpha=0, tversky_beta=0)


@given(st.floats(0, 1))
def test_both_classes_weigh_the_same_in_all(fraction: float) -> None:
    loss = LossSpec(class_balance=ClassBalance.FROM_DATA).balanced(fraction)
    assert loss.class_balance == ClassBalance.FIXED
    # The bounds of the settings hold.
    assert LossSpec.model_validate(loss.model_dump()) == loss
    if LEAST_FRACTION <= fraction <= 1 - LEAST_FRACTION:
        assert loss.focal_alpha * fraction == pytest.approx((1 - loss.focal_alpha) * (1 - fraction))
        assert loss.positive_weight * fraction == pytest.approx(1 - fraction)


@pytest.mark.parametrize("balance", [ClassBalance.NONE, ClassBalance.FIXED])
def test_weights_that_are_settled_stay(balance: ClassBalance) -> None:
    loss = LossSpec(class_balance=balance, focal_alpha=0.4)
    assert loss.balanced(0.01) == loss
