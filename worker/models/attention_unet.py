"""Attention UNet."""

from __future__ import annotations

import keras

from worker.models import blocks

LEVELS = 5


def attention_unet(
    *, height: int, width: int, channels: int, base_filters: int, batchnorm_momentum: float
) -> keras.Model:
    """Build a UNet of plain blocks whose skip connections pass through attention gates.

    Parameters
    ----------
    height, width : int
        Size of the input; multiples of 16.
    channels : int
        Channels of the input.
    base_filters : int
        Filters of the first level; each deeper level doubles them.
    batchnorm_momentum : float
        Momentum of every batch normalisation.

    Returns
    -------
    keras.Model
        Maps (batch, height, width, channels) to probabilities (batch, height, width, 1).

    References
    ----------
    Oktay et al. 2018, "Attention U-Net: Learning where to look for the pancreas", arXiv 1804.03999.
    """
    inputs = keras.Input((height, width, channels), name="image")
    x = inputs
    skips = []
    for level in range(1, LEVELS + 1):
        name = f"encoder_{level}"
        x = blocks.plain_block(x, base_filters << (level - 1), name=name, momentum=batchnorm_momentum)
        if level < LEVELS:
            skips.append(x)
            x = blocks.pool(x, name=name)
    for level in range(LEVELS - 1, 0, -1):
        name = f"decoder_{level}"
        filters = base_filters << (level - 1)
        gating = blocks.gate(x, filters, name=f"{name}_gate", momentum=batchnorm_momentum)
        attended = blocks.attention(
            skips[level - 1], gating, filters, name=f"{name}_attention", momentum=batchnorm_momentum
        )
        x = blocks.upsample_and_join(x, attended, name=name)
        x = blocks.plain_block(x, filters, name=name, momentum=batchnorm_momentum)
    return keras.Model(inputs, blocks.head(x, momentum=batchnorm_momentum), name="attention_unet")
