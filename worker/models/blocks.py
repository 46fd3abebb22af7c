"""The blocks that the three networks are made of.

Every function adds layers to a functional graph and returns the new symbolic tensor. Every layer gets a
systematic name (``encoder_1_conv_1``, ``decoder_4_attention_theta``), so that checkpoints, probes and people
can address it. `app.domain.network_layers` describes the same layers without building them.
"""

from __future__ import annotations

from typing import Protocol

import keras
from keras import layers

from app.domain.network_layers import group_count
from app.domain.network_spec import NetworkSpec, Normalisation


class Block(Protocol):
    """Two convolutions with what belongs to them."""

    def __call__(self, x: keras.KerasTensor, filters: int, *, name: str, network: NetworkSpec) -> keras.KerasTensor:
        """Add the block to the graph and return its output; `name` begins the names of its layers."""


def normalise(x: keras.KerasTensor, *, name: str, network: NetworkSpec, index: int | None = None) -> keras.KerasTensor:
    """Normalise as the network asks for; the layer's name tells how, such as ``encoder_1_bn_2``.

    Batch: each channel over batch and positions, by moving statistics at inference. Group: each image over positions
    and the channels of a group. Layer: each image over positions and all channels.

    References
    ----------
    Ioffe & Szegedy 2015, "Batch normalization", arXiv 1502.03167.
    Wu & He 2018, "Group normalization", arXiv 1803.08494; layer normalisation as defined there, equation 5.
    """
    full_name = f"{name}_{network.normalisation.layer_suffix}" + ("" if index is None else f"_{index}")
    match network.normalisation:
        case Normalisation.BATCH:
            return _batch_normalization(network, name=full_name)(x)
        case Normalisation.GROUP:
            groups = group_count(x.shape[-1], network.groups)
            return layers.GroupNormalization(groups=groups, name=full_name)(x)
        case Normalisation.LAYER:
            return layers.GroupNormalization(groups=1, name=full_name)(x)
        case Normalisation.NONE:
            return x


def _batch_normalization(network: NetworkSpec, *, name: str, dtype: str | None = None) -> layers.Layer:
    if network.batchnorm_momentum is None:
        raise ValueError(
            "Invalid batchnorm_momentum: received None (automatic), expected a number; build a model from a run's "
            "configuration, in which it is resolved."
        )
    return layers.BatchNormalization(momentum=network.batchnorm_momentum, name=name, dtype=dtype)


def drop(x: keras.KerasTensor, *, name: str, network: NetworkSpec) -> keras.KerasTensor:
    """Apply dropout of values, then of whole channels, where they are above 0.

    References
    ----------
    Tompson et al. 2015, "Efficient object localization using convolutional networks", arXiv 1411.4280, section 3.2.
    """
    if network.dropout > 0:
        x = layers.Dropout(network.dropout, name=f"{name}_dropout")(x)
    if network.spatial_dropout > 0:
        x = layers.SpatialDropout2D(network.spatial_dropout, name=f"{name}_spatial_dropout")(x)
    return x


def plain_block(x: keras.KerasTensor, filters: int, *, name: str, network: NetworkSpec) -> keras.KerasTensor:
    """Apply convolution 3×3 → normalisation → ReLU twice, then dropout where it is above 0."""
    for index in (1, 2):
        x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_{index}")(x)
        x = normalise(x, name=name, index=index, network=network)
        x = layers.ReLU(name=f"{name}_relu_{index}")(x)
    return drop(x, name=name, network=network)


def residual_block(x: keras.KerasTensor, filters: int, *, name: str, network: NetworkSpec) -> keras.KerasTensor:
    """Add a path of two 3×3 convolutions to a projected shortcut, then ReLU.

    The second normalisation is not followed by a ReLU of its own: the sum is rectified once.
    """
    path = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_1")(x)
    path = normalise(path, name=name, index=1, network=network)
    path = layers.ReLU(name=f"{name}_relu_1")(path)
    path = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_2")(path)
    path = normalise(path, name=name, index=2, network=network)
    path = drop(path, name=name, network=network)
    shortcut = layers.Conv2D(filters, 1, padding="same", name=f"{name}_shortcut_conv")(x)
    shortcut = normalise(shortcut, name=f"{name}_shortcut", network=network)
    total = layers.Add(name=f"{name}_add")([shortcut, path])
    return layers.ReLU(name=f"{name}_relu_2")(total)


def gate(coarse: keras.KerasTensor, filters: int, *, name: str, network: NetworkSpec) -> keras.KerasTensor:
    """Turn the coarser feature map into the gating signal: convolution 1×1 → normalisation → ReLU."""
    x = layers.Conv2D(filters, 1, padding="same", name=f"{name}_conv")(coarse)
    x = normalise(x, name=name, network=network)
    return layers.ReLU(name=f"{name}_relu")(x)


def attention(
    skip: keras.KerasTensor, gating: keras.KerasTensor, filters: int, *, name: str, network: NetworkSpec
) -> keras.KerasTensor:
    """Weigh a skip connection by where the gating signal looks.

    Parameters
    ----------
    skip : KerasTensor, shape (batch, height, width, channels)
        Feature map of the encoder.
    gating : KerasTensor, shape (batch, height / 2, width / 2, filters)
        Signal from the coarser level.
    filters : int
        Channels of the space in which both are compared.

    References
    ----------
    Oktay et al. 2018, "Attention U-Net: Learning where to look for the pancreas", arXiv 1804.03999.
    """
    channels = skip.shape[-1]
    theta = layers.Conv2D(filters, 2, strides=2, padding="same", name=f"{name}_theta")(skip)
    phi = layers.Conv2D(filters, 1, padding="same", name=f"{name}_phi")(gating)
    stride = theta.shape[1] // phi.shape[1]
    phi = layers.Conv2DTranspose(filters, 3, strides=stride, padding="same", name=f"{name}_phi_up")(phi)
    x = layers.Add(name=f"{name}_add")([phi, theta])
    x = layers.ReLU(name=f"{name}_relu")(x)
    x = layers.Conv2D(1, 1, padding="same", name=f"{name}_psi")(x)
    x = layers.Activation("sigmoid", name=f"{name}_sigmoid")(x)
    x = layers.UpSampling2D(skip.shape[1] // theta.shape[1], name=f"{name}_up")(x)
    # The product broadcasts the one weight of a pixel over its channels. Repeating it first would need a
    # Lambda layer, which Keras refuses to load safely.
    x = layers.Multiply(name=f"{name}_multiply")([x, skip])
    x = layers.Conv2D(channels, 1, padding="same", name=f"{name}_conv")(x)
    return normalise(x, name=name, network=network)


def pool(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Halve height and width by taking the maximum of 2×2 pixels."""
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def upsample_and_join(coarse: keras.KerasTensor, skip: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Double the coarser map by nearest neighbour and put the skip connection behind its channels."""
    up = layers.UpSampling2D(2, name=f"{name}_up")(coarse)
    return layers.Concatenate(name=f"{name}_concat")([up, skip])


def head(x: keras.KerasTensor, *, network: NetworkSpec) -> keras.KerasTensor:
    """Reduce the features to one logit a pixel: convolution 1×1, and BN unless it is switched off.

    These layers, and the sigmoid that follows, compute in float32 whatever the global policy is: in half precision,
    probabilities near 0 and 1 would be rounded away.
    """
    x = layers.Conv2D(1, 1, padding="same", name="head_conv", dtype="float32")(x)
    if network.has_final_batchnorm:
        x = _batch_normalization(network, name="head_bn", dtype="float32")(x)
    return x


def auxiliary_head(x: keras.KerasTensor, *, level: int) -> keras.KerasTensor:
    """Predict logits at full size from the decoder stage of `level` (from 1, full size): 1×1 convolution, bilinear.

    References
    ----------
    Lee et al. 2015, "Deeply-supervised nets", arXiv 1409.5185.
    """
    x = layers.Conv2D(1, 1, padding="same", name=f"auxiliary_{level}_conv", dtype="float32")(x)
    return layers.UpSampling2D(
        1 << (level - 1), interpolation="bilinear", name=f"auxiliary_{level}_up", dtype="float32"
    )(x)
