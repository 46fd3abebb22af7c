"""The devices of this machine and the one that trains."""

from __future__ import annotations

import os

import tensorflow as tf

from worker.training.errors import TrainingError


def enable_memory_growth() -> None:
    """Let every GPU's memory grow with need, so that two processes can share a card.

    Must run before the first operation of the process; TensorFlow refuses the change afterwards.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError as error:
            raise TrainingError(
                f"Invalid order: memory growth of {gpu.name} was set after TensorFlow had started; "
                "call enable_memory_growth() first in a fresh process."
            ) from error


def _gpu_name(index: int) -> str:
    gpu = tf.config.list_physical_devices("GPU")[index]
    model = tf.config.experimental.get_device_details(gpu).get("device_name", "unknown model")
    return f"GPU {index}: {model}"


def _cpu_name() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"CPU: {cores} {'core' if cores == 1 else 'cores'}"


def describe_devices() -> list[str]:
    """Return one line for each device that can train, the GPUs first."""
    gpus = tf.config.list_physical_devices("GPU")
    return [*(_gpu_name(index) for index in range(len(gpus))), _cpu_name()]


def training_device_name() -> str:
    """Return the line of `describe_devices` for the device that TensorFlow places a training on."""
    return describe_devices()[0]
