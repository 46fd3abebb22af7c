"""What the validation metrics cost beside a training step: `python -m benchmarks.validation_cost [--json]`.

Times one training step and the validation of as many images, with the histograms and without them, on this machine:
medians over rounds that take turns. Then the metrics of one epoch for a set of validation items.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from app.domain.configuration import Architecture, ImageSpec, ModelSpec, Precision, RunConfig, TrainingSpec
from app.domain.network_spec import NetworkSpec
from app.domain.probability_histogram import item_histograms
from worker.training.assembly import assemble_model
from worker.training.losses.building import make_loss
from worker.training.losses.objective import make_objective
from worker.training.optimization import make_training_step
from worker.training.validation import ValidationResult, make_evaluation_step

BATCH = 8
ITEMS = 98


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(side=arguments.side, filters=arguments.filters, rounds=arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, milliseconds in result.items():
        print(f"{name}: {milliseconds:.1f}")


def measure(*, side: int, filters: int, rounds: int) -> dict[str, float]:
    """Return medians in milliseconds."""
    config = RunConfig(
        model=ModelSpec(architecture=Architecture.UNET, batch_size=BATCH),
        network=NetworkSpec(base_filters=filters, batchnorm_momentum=0.9),
        image=ImageSpec(height=side, width=side),
        training=TrainingSpec(),
    )
    keras.utils.set_random_seed(1)
    model = assemble_model(config, precision=Precision.FLOAT32)
    loss = make_loss(config.loss)
    training_step = make_training_step(model, make_objective(model, loss, auxiliary_weight=0.5))
    evaluation_step = make_evaluation_step(model, loss)
    random = np.random.default_rng(0)
    masks = (random.random((BATCH, side, side)) < 0.1).astype(np.uint8)
    images, targets = tf.constant(random.random((BATCH, side, side, 3)), tf.float32), tf.constant(masks)
    values = random.integers(0, 256, masks.shape, dtype=np.uint8)
    every = item_histograms(np.tile(values, (ITEMS, 1, 1))[:ITEMS], np.tile(masks, (ITEMS, 1, 1))[:ITEMS])
    result = ValidationResult(loss=0.5, histograms=every, samples=())
    timed: dict[str, Callable[[], object]] = {
        f"training step, {BATCH} images (ms)": lambda: training_step(images, targets)[0].numpy(),
        f"validation step, {BATCH} images (ms)": lambda: [part.numpy() for part in evaluation_step(images, targets)],
        f"histograms, {BATCH} images (ms)": lambda: item_histograms(values, masks),
        f"metrics of an epoch, {ITEMS} items (ms)": result.as_metrics,
    }
    for run in timed.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, run in timed.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
