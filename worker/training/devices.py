"""The devices of this machine, those that train, and how they compute."""

from __future__ import annotations

import os
from functools import cache

import tensorflow as tf

from app.domain.configuration import Precision
from worker.training.errors import TrainingError

#: From this compute capability on (Volta), tensor cores multiply float16 several times faster than float32.
TENSOR_CORE_CAPABILITY = (7, 0)


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


def enable_determinism() -> None:
    """Make every operation of this process give the same bits for the same inputs; there is no way back."""
    tf.config.experimental.enable_op_determinism()


def choose_precision(requested: Precision) -> Precision:
    """Return the precision to train with: what was requested, or what the devices gain from.

    Automatic is mixed float16 if every GPU has tensor cores. A CPU computes float16 slower than float32.
    """
    if requested is not Precision.AUTO:
        return requested
    gpus = tf.config.list_physical_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    gains = bool(gpus) and all(capability >= TENSOR_CORE_CAPABILITY for capability in capabilities)
    return Precision.MIXED_FLOAT16 if gains else Precision.FLOAT32


@cache
def make_strategy(replicas: int) -> tf.distribute.Strategy | None:
    """Return the strategy that spreads each batch over up to `replicas` devices; None if one trains alone.

    The devices are the GPUs, or, on a machine without any, the logical CPU devices that the process was configured to
    have (one, unless somebody splits it). The same strategy is returned every time: a second one for the same devices
    would number its collective operations like the first, and the runtime would mix them up.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = [device.name for device in devices[:replicas]]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else None
