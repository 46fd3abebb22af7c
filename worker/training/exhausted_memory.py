"""What a person reads when a device's memory is too small for a training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from app.domain.configuration import RunConfig
from worker.training.devices import training_device_name
from worker.training.errors import TrainingError


@contextlib.contextmanager
def explaining_exhausted_memory(config: RunConfig) -> Iterator[None]:
    """Turn an exhausted memory into a `TrainingError` that says what to reduce."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        image = config.image
        raise TrainingError(
            f"The memory of {training_device_name()} is too small for {config.model.architecture.label} with "
            f"batch size {config.model.batch_size}, images of {image.height}×{image.width} and "
            f"{config.network.base_filters} base filters. Reduce the batch size first, then the image size "
            "or the base filters."
        ) from error
