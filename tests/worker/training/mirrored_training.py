"""Run as a program: one step, and a short training, on one device and on two, compared.

The CPU is split into two logical devices, which TensorFlow allows only before it has started: hence a process of its
own. Prints one JSON object.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from app.domain.configuration import Precision, RunConfig
from app.domain.network_spec import Normalisation
from app.domain.optimization_spec import OptimizerKind, OptimizerSpec
from tests.worker.training.tiny_training import ListRecorder, make_config, make_data, run_training
from worker.models.building import build_model
from worker.training.assembly import all_variables
from worker.training.devices import make_strategy
from worker.training.losses.building import make_loss
from worker.training.losses.objective import make_objective
from worker.training.mirrored_step import make_mirrored_step
from worker.training.optimization import compile_model, make_training_step


def small_model(config: RunConfig, *, precision: Precision) -> keras.Model:
    """Build the network in float32, whatever the precision of the optimizer."""
    keras.utils.set_random_seed(3)
    model = build_model(architecture=config.model.architecture, image=config.image, network=config.network)
    compile_model(model, config, precision=precision)
    return model


def compare_steps(config: RunConfig, *, precision: Precision) -> dict[str, float]:
    """Largest differences between one device and two, over batches of which one has a single item."""
    data = make_data()
    strategy = make_strategy(2)
    assert strategy is not None
    one = small_model(config, precision=precision)
    loss, auxiliary_weight = make_loss(config.loss), config.network.auxiliary_weight
    alone = make_training_step(one, make_objective(one, loss, auxiliary_weight=auxiliary_weight))
    with strategy.scope():
        two = small_model(config, precision=precision)
    together = make_mirrored_step(
        two,
        make_objective(two, loss, auxiliary_weight=auxiliary_weight),
        strategy=strategy,
        clipnorm=config.training.clipnorm,
    )
    losses, counts = [], []
    for start, stop in ((0, 4), (4, 7), (7, 8), (8, 10)):
        images, masks = tf.constant(data.training_images[start:stop]), tf.constant(data.training_masks[start:stop])
        (loss_one, counts_one), (loss_two, counts_two) = alone(images, masks), together(images, masks)
        losses.append(abs(float(loss_one) - float(loss_two)))
        counts.append(int(np.abs(counts_one.numpy() - counts_two.numpy()).max()))
    pairs = zip(all_variables(one), all_variables(two), strict=True)
    return {
        "loss": max(losses),
        "counts": max(counts),
        "variables": max(float(np.abs(left.numpy() - right.numpy()).max()) for left, right in pairs),
    }


def main() -> None:
    """Compare and print."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # SGD with a clip that bites: a gradient that was clipped before it was summed would show.
    # Without batch normalisation: with it, replicas normalise differently by design.
    network = {"normalisation": Normalisation.NONE, "levels": 2, "deep_supervision": True}
    config = make_config(learning_rate=0.5, clipnorm=0.01, network=network).model_copy(
        update={"optimizer": OptimizerSpec(kind=OptimizerKind.SGD)}
    )
    result: dict[str, Any] = {
        "float32": compare_steps(config, precision=Precision.FLOAT32),
        "loss_scale": compare_steps(config, precision=Precision.MIXED_FLOAT16),
    }
    recorder, resumed = ListRecorder(), ListRecorder()
    training = make_config(
        epochs=3, base_filters=4, replicas=2, ema_decay=0.5, precise_batchnorm=True, deterministic=True
    )
    with tempfile.TemporaryDirectory() as folder:
        run_training(training, Path(folder) / "straight", recorder=recorder)
        run_training(training, Path(folder) / "resumed", recorder=resumed, should_stop=lambda: len(resumed.epochs) == 1)
        run_training(training, Path(folder) / "resumed", recorder=resumed, resume_epoch=1)
    result["replicas"] = recorder.facts[0].replicas
    result["losses"] = [metrics["loss"] for metrics in recorder.history]
    result["resumed_is_same"] = resumed.history == recorder.history
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
