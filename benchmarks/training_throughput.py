"""Images a second of Segscope's training engine against bare `keras.Model.fit` of the same model.

All sides train the same architecture on the same arrays with the same loss and optimizer; the engine also
counts pixels in every step and reports it, which bare `fit` does not. `fit` is measured with jit_compile off
and "auto", and the one with the faster median is the rival. The sides take turns epoch by epoch within one
process (the engine's recorder runs the epochs of `fit`), in an order that turns round every time, so that
whatever else the machine does hits all alike; each round gives one ratio.

Run: ``python -m benchmarks.training_throughput [--json] [--rounds 12]``. Exit code 1 if the median ratio
is below the target.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from app.domain.configuration import Architecture, ImageSpec, ModelSpec, RunConfig, TrainingSpec
from app.domain.network_spec import NetworkSpec
from worker.models.building import build_model
from worker.training.data import TrainingData
from worker.training.devices import enable_memory_growth, training_device_name
from worker.training.engine import train
from worker.training.losses.building import make_loss
from worker.training.recording import EpochResult, StepResult, TrainingFacts

TARGET = 0.97
SIDE = 128
FILTERS = 16
BATCH_SIZE = 8
# Eight whole batches and a partial one, like the report's 65 images.
ITEMS = 65


class TakingTurns:
    """A recorder that times the engine's training phase and lets each rival train an epoch after it.

    Validation and the write of the checkpoint stay out of the time; what the engine does after a commit is in.
    """

    def __init__(self, rivals: Mapping[str, Callable[[], float]]) -> None:
        self.rivals = rivals
        self.engine_seconds: list[float] = []
        self.rival_seconds: dict[str, list[float]] = {name: [] for name in rivals}
        self._epoch_started_at = 0.0
        self._last_step_at = 0.0

    def started(self, facts: TrainingFacts) -> None:  # noqa: ARG002
        """Start the clock of the first epoch."""
        self._epoch_started_at = time.perf_counter()

    def step(self, result: StepResult) -> None:  # noqa: ARG002
        """Note the time; the last step of the epoch stays."""
        self._last_step_at = time.perf_counter()

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        """Hear of facts that do not matter here."""

    def epoch(self, result: EpochResult) -> None:
        """Close the engine's turn, give each rival one, and start the engine's next."""
        self.engine_seconds.append(self._last_step_at - self._epoch_started_at)
        names = list(self.rivals)
        for name in names if result.epoch % 2 else reversed(names):
            self.rival_seconds[name].append(self.rivals[name]())
        self._epoch_started_at = time.perf_counter()


class EpochClock(keras.callbacks.Callback):  # type: ignore[misc]
    """Times the one epoch of a `fit`."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._started_at = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._started_at = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Stop the clock."""
        self.seconds = time.perf_counter() - self._started_at


def make_config(*, epochs: int, seed: int) -> RunConfig:
    """Return the configuration that both sides train."""
    return RunConfig(
        model=ModelSpec(architecture=Architecture.UNET, batch_size=BATCH_SIZE, learning_rate=1e-3),
        network=NetworkSpec(base_filters=FILTERS, batchnorm_momentum=0.99),
        image=ImageSpec(height=SIDE, width=SIDE, channels=3),
        training=TrainingSpec(epochs=epochs, seed=seed, early_stopping_patience=0),
    )


def make_data(*, items: int, seed: int) -> TrainingData:
    """Return random images with random masks; what is learned does not change how long a step takes."""
    rng = np.random.default_rng(seed)
    images = rng.random((items, SIDE, SIDE, 3), dtype=np.float32)
    masks = (rng.random((items, SIDE, SIDE)) < 0.1).astype(np.uint8)
    # One validation item: the engine always validates, but the clock stands still meanwhile.
    return TrainingData(images, masks, images[:1], masks[:1])


def make_fit(data: TrainingData, config: RunConfig, *, jit_compile: bool | str) -> Callable[[], float]:
    """Return a function that trains one epoch by `fit` and returns its seconds."""
    keras.utils.set_random_seed(config.training.seed)
    model = build_model(
        architecture=config.model.architecture,
        image=config.image,
        network=config.network,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(config.model.learning_rate, clipnorm=config.training.clipnorm),
        loss=make_loss(config.loss),
        jit_compile=jit_compile,
    )
    targets: NDArray[np.float32] = data.training_masks[..., np.newaxis].astype(np.float32)

    def fit() -> float:
        clock = EpochClock()
        model.fit(
            data.training_images,
            targets,
            batch_size=BATCH_SIZE,
            epochs=1,
            verbose=0,
            callbacks=[clock],
        )
        return clock.seconds

    return fit


def measure(*, rounds: int, seed: int) -> dict[str, object]:
    """Let engine and rivals take turns; return the rates, and the ratio's median, minimum and maximum."""
    data = make_data(items=ITEMS, seed=seed)
    # One round more: in the first, every side traces its graph.
    config = make_config(epochs=rounds + 1, seed=seed)
    clock = TakingTurns({str(mode): make_fit(data, config, jit_compile=mode) for mode in (False, "auto")})
    with tempfile.TemporaryDirectory() as folder:
        train(
            config,
            data,
            recorder=clock,
            checkpoint_dir=Path(folder),
            sample_items=(0,),
            should_stop=lambda: False,
        )
    engine = clock.engine_seconds[1:]
    rivals = {name: seconds[1:] for name, seconds in clock.rival_seconds.items()}
    faster = min(rivals, key=lambda name: statistics.median(rivals[name]))
    ratios = [theirs / ours for ours, theirs in zip(engine, rivals[faster], strict=True)]
    return {
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ratio_of_fastest_epochs": min(rivals[faster]) / min(engine),
        "target": TARGET,
        "seed": seed,
        "rounds": rounds,
        "fit_jit_compile": faster,
        "engine_images_per_second": [ITEMS / seconds for seconds in engine],
        "fit_images_per_second": {name: [ITEMS / second for second in seconds] for name, seconds in rivals.items()},
        "device": training_device_name(),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="timed epochs of each side")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    enable_memory_growth()
    result = measure(rounds=arguments.rounds, seed=arguments.seed)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"engine / fit: median {result['ratio_median']:.3f}, min {result['ratio_min']:.3f}, "
            f"max {result['ratio_max']:.3f}, fastest epochs "
            f"{result['ratio_of_fastest_epochs']:.3f} (target {TARGET}), {arguments.rounds} rounds, "
            f"seed {arguments.seed}, rival jit_compile={result['fit_jit_compile']}, {result['device']}"
        )
    return 0 if float(str(result["ratio_median"])) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
