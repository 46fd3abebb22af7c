"""Each optimizer makes the steps of its paper, clipped, whatever the precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain.configuration import Precision, RunConfig
from app.domain.optimization_spec import OptimizerKind, OptimizerSpec
from tests.worker.training.tiny_training import ListRecorder, make_config, run_training
from worker.training.assembly import assemble_model
from worker.training.optimizers import make_optimizer

RATE = 0.1


def configured(kind: OptimizerKind, *, clipnorm: float = 1000.0, **choices: Any) -> RunConfig:
    spec = OptimizerSpec(kind=kind, **choices)
    return make_config(learning_rate=RATE, clipnorm=clipnorm).model_copy(update={"optimizer": spec})


def steps(config: RunConfig, gradients: list[float], *, name: str = "kernel") -> list[float]:
    """Where a variable that starts at 1 is after each step."""
    optimizer = make_optimizer(config, precision=Precision.FLOAT32)
    variable = keras.Variable([1.0], name=name)
    optimizer.build([variable])
    places = []
    for gradient in gradients:
        optimizer.apply([tf.constant([gradient])], [variable])
        places.append(float(variable.numpy()[0]))
    return places


def adam(gradients: list[float], *, decay: float = 0.0) -> list[float]:
    place, mean, square, places = 1.0, 0.0, 0.0, []
    for step, gradient in enumerate(gradients, start=1):
        place -= RATE * decay * place
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        place -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-7)
        places.append(place)
    return places


def momentum(gradients: list[float], *, nesterov: bool) -> list[float]:
    place, velocity, places = 1.0, 0.0, []
    for gradient in gradients:
        velocity = 0.9 * velocity - RATE * gradient
        place += 0.9 * velocity - RATE * gradient if nesterov else velocity
        places.append(place)
    return places


@pytest.mark.parametrize(
    ("choices", "by_hand"),
    [
        ({"kind": OptimizerKind.ADAM}, adam),
        ({"kind": OptimizerKind.ADAMW, "weight_decay": 0.2}, lambda gradients: adam(gradients, decay=0.2)),
        ({"kind": OptimizerKind.SGD, "nesterov": False}, lambda gradients: momentum(gradients, nesterov=False)),
        ({"kind": OptimizerKind.SGD}, lambda gradients: momentum(gradients, nesterov=True)),
    ],
    ids=["adam", "adamw", "sgd", "nesterov"],
)
def test_steps_by_hand(choices: dict[str, Any], by_hand: Callable[[list[float]], list[float]]) -> None:
    gradients = [1.0, -0.5, 0.25, 2.0]
    # Keras bounds the bias-corrected rate with ε at another place than the paper: 1e-7 against gradients of 1.
    assert steps(configured(**choices), gradients) == pytest.approx(by_hand(gradients), rel=1e-4)


@pytest.mark.parametrize("name", ["bias", "gamma", "beta"])
def test_weight_decay_spares_biases_and_normalisations(name: str) -> None:
    decayed = configured(OptimizerKind.ADAMW, weight_decay=0.5)
    assert steps(decayed, [0.0], name=name) == [1.0]
    assert steps(decayed, [0.0]) == pytest.approx([0.95])


@pytest.mark.parametrize("kind", OptimizerKind)
def test_gradients_are_clipped(kind: OptimizerKind) -> None:
    optimizer = make_optimizer(configured(kind, clipnorm=0.5), precision=Precision.FLOAT32)
    assert optimizer.clipnorm == 0.5


def test_sgd_moves_by_the_clipped_gradient() -> None:
    config = configured(OptimizerKind.SGD, clipnorm=0.5, momentum=0, nesterov=False)
    assert steps(config, [40.0]) == pytest.approx([1 - RATE * 0.5])


def test_mixed_precision_computes_in_float16_and_keeps_weights_and_head_in_float32() -> None:
    model = assemble_model(make_config(), precision=Precision.MIXED_FLOAT16)
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.get_layer("encoder_1_conv_1").compute_dtype == "float16"
    assert model.get_layer("head_sigmoid").compute_dtype == "float32"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert keras.config.dtype_policy().name == "float32"


def test_a_training_in_mixed_precision_learns_and_resumes(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = make_config(epochs=3, base_filters=4, precision=Precision.MIXED_FLOAT16, deterministic=True)
    straight, resumed = ListRecorder(), ListRecorder()
    run_training(config, tmp_path_factory.mktemp("straight"), recorder=straight)
    assert straight.facts[0].precision == "mixed-float16"
    assert straight.history[-1]["loss"] < straight.history[0]["loss"]
    folder = tmp_path_factory.mktemp("resumed")
    run_training(config, folder, recorder=resumed, should_stop=lambda: len(resumed.epochs) == 1)
    # On a machine that would choose float32, the run stays what it was.
    automatic = config.model_copy(update={"training": config.training.model_copy(update={"precision": Precision.AUTO})})
    run_training(automatic, folder, recorder=resumed, resume_epoch=1)
    assert resumed.facts[-1].precision == "mixed-float16"
    assert resumed.history == straight.history
