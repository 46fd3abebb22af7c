"""From a configuration's architecture to a Keras model."""

from __future__ import annotations

from collections.abc import Callable

import keras

from app.domain.configuration import Architecture, ImageSpec
from app.domain.network_spec import NetworkSpec
from worker.models.attention_resunet import attention_resunet
from worker.models.attention_unet import attention_unet
from worker.models.unet import unet

BUILDERS: dict[Architecture, Callable[..., keras.Model]] = {
    Architecture.UNET: unet,
    Architecture.ATTENTION_UNET: attention_unet,
    Architecture.ATTENTION_RESUNET: attention_resunet,
}


def build_model(*, architecture: Architecture, image: ImageSpec, network: NetworkSpec) -> keras.Model:
    """Build an untrained model.

    The initial weights come from Keras' global generator: call ``keras.utils.set_random_seed`` before for
    weights that can be had again.

    Raises
    ------
    ValueError
        The network's batch-norm momentum is left automatic.
    """
    return BUILDERS[architecture](height=image.height, width=image.width, channels=image.channels, network=network)


def count_batchnorm_layers(model: keras.Model) -> int:
    """Return how many batch normalisations `model` has."""
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
