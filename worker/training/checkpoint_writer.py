"""Writes checkpoints while the next epoch already trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from worker.training.assembly import all_variables
from worker.training.checkpoints import CheckpointStore, EpochRecord


class CheckpointWriter:
    """A thread that writes one epoch at a time, from a copy of the model's values.

    Saving takes a quarter of a second even for small models, most of it for going through the layers, and seconds for
    large ones; copying the values takes a tenth of that. The copy is saved through a twin of the model.

    Parameters
    ----------
    make_twin : callable
        Builds a compiled model with the same variables in the same order; called once, in the thread.
    """

    def __init__(self, store: CheckpointStore, *, make_twin: Callable[[], keras.Model]) -> None:
        self._store = store
        self._make_twin = make_twin
        self._twin: keras.Model | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def start(
        self, model: keras.Model, record: EpochRecord, *, training_weights: Sequence[NDArray[Any]] | None
    ) -> None:
        """Copy the values of `model` and begin to write them; the epoch before must be finished."""
        values = [variable.numpy() for variable in all_variables(model)]
        self._writing = self._executor.submit(self._write, values, record, training_weights)

    def is_done(self) -> bool:
        """Whether the last epoch that was started is on disk, or has failed."""
        return self._writing is None or self._writing.done()

    def finish(self) -> None:
        """Wait until the last epoch that was started is on disk; raise what went wrong."""
        if self._writing is not None:
            self._writing.result()

    def close(self) -> None:
        """End the thread, after what it is writing."""
        self._executor.shutdown(wait=True)

    def _write(
        self, values: list[NDArray[Any]], record: EpochRecord, training_weights: Sequence[NDArray[Any]] | None
    ) -> None:
        # On the host: a second model has no place in a GPU's memory.
        with tf.device("CPU:0"):
            if self._twin is None:
                self._twin = self._make_twin()
            for variable, value in zip(all_variables(self._twin), values, strict=True):
                variable.assign(value)
            self._store.write(self._twin, record, training_weights=training_weights)
