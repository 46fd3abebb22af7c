"""The sides of the training benchmark; each trains one epoch when it is its turn and says how long it took."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from app.domain.configuration import RunConfig
from benchmarks.training_workload import BATCH_SIZE, FILTERS, ITEMS, MOMENTUM, SIDE, make_bare_model
from worker.training.data import TrainingData
from worker.training.engine import train
from worker.training.recording import EpochResult, StepResult, TrainingFacts


class Side(Protocol):
    """One competitor."""

    def epoch(self) -> float:
        """Train one epoch and return its seconds."""

    def close(self) -> None:
        """Leave nothing behind."""


class EngineSide:
    """Segscope's engine in a thread of its own, stopped between epochs until its next turn.

    Its time is from the start of an epoch's first batch to its last step: validation is out, as is the write of the
    checkpoint, which goes on while the others have their turn; `benchmarks.training_costs` measures both.
    """

    def __init__(self, config: RunConfig, data: TrainingData) -> None:
        self._config = config
        self._data = data
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._leaving = False
        self._started_at = self._last_step_at = self._seconds = 0.0
        self._failure: BaseException | None = None
        self.waits: list[float] = []
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()

    def epoch(self) -> float:
        """Let the engine train one epoch."""
        self._go.release()
        self._done.acquire()
        if self._failure is not None:
            raise self._failure
        return self._seconds

    def close(self) -> None:
        """End the training."""
        self._leaving = True
        self._go.release()
        self._thread.join()

    def waiting_share(self, epoch_seconds: list[float]) -> float:
        """Return the median share of an epoch in which the engine waited for its batches."""
        return statistics.median(wait / seconds for wait, seconds in zip(self.waits, epoch_seconds, strict=False))

    # === As a recorder ===

    def started(self, facts: TrainingFacts) -> None:
        """Nothing of it matters here."""

    def step(self, result: StepResult) -> None:  # noqa: ARG002
        """Note the time; the last step of the epoch stays."""
        self._last_step_at = time.perf_counter()

    def epoch_result(self, result: EpochResult) -> None:
        """Keep how long the epoch waited."""
        self.waits.append(result.data_wait_seconds)

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        """Nothing of it matters here."""

    def _train(self) -> None:
        self._go.acquire()
        self._started_at = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory() as folder:
                train(
                    self._config,
                    self._data,
                    recorder=_Recorder(self),
                    checkpoint_dir=Path(folder),
                    sample_items=(0,),
                    should_stop=lambda: False,
                    should_finish=self._take_turns,
                )
        except BaseException as error:
            self._failure = error
        self._done.release()

    def _take_turns(self) -> bool:
        self._seconds = self._last_step_at - self._started_at
        self._done.release()
        self._go.acquire()
        self._started_at = time.perf_counter()
        return self._leaving


class _Recorder:
    """The engine's recorder: a side has an `epoch` of its own."""

    def __init__(self, side: EngineSide) -> None:
        self.started, self.step, self.epoch, self.note = side.started, side.step, side.epoch_result, side.note


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


class FitSide:
    """`keras.Model.fit` of the same network on the same arrays."""

    def __init__(self, config: RunConfig, data: TrainingData, *, jit_compile: bool | str) -> None:
        self._model = make_bare_model(config, jit_compile=jit_compile)
        self._images = data.training_images
        self._targets = data.training_masks[..., np.newaxis].astype(np.float32)

    def epoch(self) -> float:
        """Fit one epoch."""
        clock = EpochClock()
        self._model.fit(self._images, self._targets, batch_size=BATCH_SIZE, epochs=1, verbose=0, callbacks=[clock])
        return clock.seconds

    def close(self) -> None:
        """Nothing is left."""


class TorchSide:
    """The same network in PyTorch, in an interpreter that has it; see `benchmarks.torch_rival`."""

    def __init__(self, config: RunConfig, *, python: str, compiled: bool, parameters: int) -> None:
        arguments = {
            "--architecture": config.model.architecture.value,
            "--filters": FILTERS,
            "--side": SIDE,
            "--batch-size": BATCH_SIZE,
            "--items": ITEMS,
            "--momentum": MOMENTUM,
            "--learning-rate": config.model.learning_rate,
            "--clipnorm": config.training.clipnorm,
            "--parameters": parameters,
        }
        command = [python, str(Path(__file__).with_name("torch_rival.py"))]
        for name, value in arguments.items():
            command += [name, str(value)]
        self._process = subprocess.Popen(
            [*command, *(["--compile"] if compiled else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def epoch(self) -> float:
        """Train one epoch there."""
        return float(self._ask("epoch")["seconds"])

    def peak_bytes(self) -> int:
        """Return the most memory that the process has had."""
        return int(self._ask("memory")["peak_bytes"])

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _ask(self, question: str) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process of PyTorch has no pipes")
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of PyTorch ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def torch_version(python: str) -> str | None:
    """Return the version of PyTorch that an interpreter has; None without."""
    done = subprocess.run(
        [python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
