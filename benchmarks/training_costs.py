"""What a fresh process costs: time to the first step, peak memory, and what lies between two epochs.

Run by `benchmarks.training`, or alone: ``python -m benchmarks.training_costs --side engine --model unet``. Prints one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import psutil

from app.domain.configuration import Architecture
from benchmarks.training_workload import BATCH_SIZE, make_bare_model, make_config, make_data
from worker.training import engine
from worker.training.recording import EpochResult, StepResult, TrainingFacts

EPOCHS = 6


class Clock:
    """A recorder that notes when a step was done and when the next epoch's first step began."""

    def __init__(self) -> None:
        self.first_step_at: float | None = None
        self.boundaries: list[float] = []
        self.validation_seconds = 0.0
        self._last_step_at = 0.0
        self._between_epochs = False

    def started(self, facts: TrainingFacts) -> None:
        """Nothing of it matters here."""

    def step(self, result: StepResult) -> None:  # noqa: ARG002
        """Note the time."""
        self.first_step_at = self.first_step_at or time.time()
        self._last_step_at = time.perf_counter()

    def epoch(self, result: EpochResult) -> None:
        """Nothing of it matters here."""

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        """Nothing of it matters here."""

    def epoch_ends(self) -> bool:
        """Hear that the next epoch is about to begin."""
        self._between_epochs = True
        return False

    def asked_to_stop(self) -> bool:
        """Hear that a batch is ready: if it is an epoch's first, the boundary is over."""
        if self._between_epochs:
            self.boundaries.append(time.perf_counter() - self._last_step_at - self.validation_seconds)
            self._between_epochs = False
        return False

    def timing_validation(self, validate: Callable[..., Any]) -> Callable[..., Any]:
        """Return `validate`, watched."""

        def timed(*arguments: Any, **choices: Any) -> Any:
            started_at = time.perf_counter()
            result = validate(*arguments, **choices)
            self.validation_seconds = time.perf_counter() - started_at
            return result

        return timed


def measure_engine(architecture: Architecture, *, seed: int) -> dict[str, float]:
    """Train a few epochs without a pause."""
    clock = Clock()
    engine.validate = clock.timing_validation(engine.validate)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        engine.train(
            make_config(architecture, epochs=EPOCHS, seed=seed),
            make_data(seed=seed),
            recorder=clock,
            checkpoint_dir=Path(folder),
            sample_items=(0,),
            should_stop=clock.asked_to_stop,
            should_finish=clock.epoch_ends,
        )
    # The first boundary also builds the twin that checkpoints are written from.
    return _costs(clock.first_step_at, clock.boundaries[1:])


class StepClock(keras.callbacks.Callback):  # type: ignore[misc]
    """The same for `fit`."""

    def __init__(self) -> None:
        super().__init__()
        self.first_step_at: float | None = None
        self.boundaries: list[float] = []
        self._last_step_at = 0.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Close a boundary."""
        if batch == 0 and self._last_step_at:
            self.boundaries.append(time.perf_counter() - self._last_step_at)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Note the time."""
        self.first_step_at = self.first_step_at or time.time()
        self._last_step_at = time.perf_counter()


def measure_fit(architecture: Architecture, *, seed: int) -> dict[str, float]:
    """Fit a few epochs."""
    config, data, clock = make_config(architecture, epochs=EPOCHS, seed=seed), make_data(seed=seed), StepClock()
    make_bare_model(config, jit_compile=False).fit(
        data.training_images,
        data.training_masks[..., np.newaxis].astype(np.float32),
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[clock],
    )
    return _costs(clock.first_step_at, clock.boundaries[1:])


def _costs(first_step_at: float | None, boundaries: list[float]) -> dict[str, float]:
    if first_step_at is None:
        raise RuntimeError("nothing was trained")
    return {
        "first_step_seconds": first_step_at - psutil.Process().create_time(),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "boundary_seconds": statistics.median(boundaries),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=["engine", "fit"], required=True)
    parser.add_argument("--model", type=Architecture, required=True)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    measure = {"engine": measure_engine, "fit": measure_fit}[arguments.side]
    print(json.dumps(measure(arguments.model, seed=arguments.seed)))


if __name__ == "__main__":
    main()
