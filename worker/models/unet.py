"""UNet."""

from __future__ import annotations

import keras

from worker.models import blocks

LEVELS = 5


def unet(*, height: int, width: int, channels: int, base_filters: int, batchnorm_momentum: float) -> keras.Model:
    """Build a UNet of plain blocks whose decoder upsamples by nearest neighbour.

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
    Ronneberger, Fischer, Brox 2015, "U-Net: Convolutional networks for biomedical image segmentation",
    arXiv 1505.04597.
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
        x = blocks.upsample_and_join(x, skips[level - 1], name=name)
        x = blocks.plain_block(x, base_filters << (level - 1), name=name, momentum=batchnorm_momentum)
    return keras.Model(inputs, blocks.head(x, momentum=batchnorm_momentum), name="unet")
