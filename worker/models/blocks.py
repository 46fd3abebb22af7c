"""The blocks that the three networks are made of.

Every function adds layers to a functional graph and returns the new symbolic tensor. Every layer gets a
systematic name (``encoder_1_conv_1``, ``decoder_4_attention_theta``), so that checkpoints, probes and people
can address it.
"""

from __future__ import annotations

import keras
from keras import layers


def batch_normalization(x: keras.KerasTensor, *, name: str, momentum: float) -> keras.KerasTensor:
    """Normalise each channel; `momentum` is how slowly the moving statistics follow."""
    return layers.BatchNormalization(momentum=momentum, name=name)(x)


def plain_block(
    x: keras.KerasTensor, filters: int, *, name: str, momentum: float, dropout: float = 0.0
) -> keras.KerasTensor:
    """Apply convolution 3×3 → BN → ReLU twice, then dropout where it is above 0."""
    for index in (1, 2):
        x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_{index}")(x)
        x = batch_normalization(x, name=f"{name}_bn_{index}", momentum=momentum)
        x = layers.ReLU(name=f"{name}_relu_{index}")(x)
    if dropout > 0:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def residual_block(
    x: keras.KerasTensor, filters: int, *, name: str, momentum: float, dropout: float = 0.0
) -> keras.KerasTensor:
    """Add a path of two 3×3 convolutions to a projected shortcut, then ReLU.

    The second normalisation is not followed by a ReLU of its own: the sum is rectified once.
    """
    path = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_1")(x)
    path = batch_normalization(path, name=f"{name}_bn_1", momentum=momentum)
    path = layers.ReLU(name=f"{name}_relu_1")(path)
    path = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_2")(path)
    path = batch_normalization(path, name=f"{name}_bn_2", momentum=momentum)
    if dropout > 0:
        path = layers.Dropout(dropout, name=f"{name}_dropout")(path)
    shortcut = layers.Conv2D(filters, 1, padding="same", name=f"{name}_shortcut_conv")(x)
    shortcut = batch_normalization(shortcut, name=f"{name}_shortcut_bn", momentum=momentum)
    total = layers.Add(name=f"{name}_add")([shortcut, path])
    return layers.ReLU(name=f"{name}_relu_2")(total)


def gate(coarse: keras.KerasTensor, filters: int, *, name: str, momentum: float) -> keras.KerasTensor:
    """Turn the coarser feature map into the gating signal: convolution 1×1 → BN → ReLU."""
    x = layers.Conv2D(filters, 1, padding="same", name=f"{name}_conv")(coarse)
    x = batch_normalization(x, name=f"{name}_bn", momentum=momentum)
    return layers.ReLU(name=f"{name}_relu")(x)


def attention(
    skip: keras.KerasTensor, gating: keras.KerasTensor, filters: int, *, name: str, momentum: float
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
    return batch_normalization(x, name=f"{name}_bn", momentum=momentum)


def pool(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Halve height and width by taking the maximum of 2×2 pixels."""
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def upsample_and_join(coarse: keras.KerasTensor, skip: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Double the coarser map by nearest neighbour and put the skip connection behind its channels."""
    up = layers.UpSampling2D(2, name=f"{name}_up")(coarse)
    return layers.Concatenate(name=f"{name}_concat")([up, skip])


def head(x: keras.KerasTensor, *, momentum: float) -> keras.KerasTensor:
    """Reduce the features to one probability a pixel: convolution 1×1 → BN → sigmoid.

    All three layers compute in float32 whatever the global policy is: in half precision, probabilities near
    0 and 1 would be rounded away.
    """
    x = layers.Conv2D(1, 1, padding="same", name="head_conv", dtype="float32")(x)
    x = layers.BatchNormalization(momentum=momentum, name="head_bn", dtype="float32")(x)
    return layers.Activation("sigmoid", name="head_sigmoid", dtype="float32")(x)
