"""From a configuration's architecture to a Keras model."""

from __future__ import annotations

from collections.abc import Callable

import keras

from app.domain.configuration import Architecture
from worker.models.attention_resunet import attention_resunet
from worker.models.attention_unet import attention_unet
from worker.models.unet import unet

BUILDERS: dict[Architecture, Callable[..., keras.Model]] = {
    Architecture.UNET: unet,
    Architecture.ATTENTION_UNET: attention_unet,
    Architecture.ATTENTION_RESUNET: attention_resunet,
}


def build_model(
    *,
    architecture: Architecture,
    height: int,
    width: int,
    channels: int,
    base_filters: int,
    batchnorm_momentum: float,
) -> keras.Model:
    """Build an untrained model.

    The initial weights come from Keras' global generator: call ``keras.utils.set_random_seed`` before for
    weights that can be had again.
    """
    return BUILDERS[architecture](
        height=height,
        width=width,
        channels=channels,
        base_filters=base_filters,
        batchnorm_momentum=batchnorm_momentum,
    )


def count_batchnorm_layers(model: keras.Model) -> int:
    """Return how many batch normalisations `model` has."""
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
