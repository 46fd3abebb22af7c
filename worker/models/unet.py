"""UNet."""

from __future__ import annotations

import keras

from app.domain.network_spec import NetworkSpec
from worker.models import blocks
from worker.models.encoder_decoder import encoder_decoder


def unet(*, height: int, width: int, channels: int, network: NetworkSpec) -> keras.Model:
    """Build a UNet of plain blocks whose decoder upsamples by nearest neighbour.

    Parameters
    ----------
    height, width, channels : int
        Shape of the input.
    network : NetworkSpec
        Filters, levels and options; its momentum is a number.

    Returns
    -------
    keras.Model
        Maps (batch, height, width, channels) to probabilities (batch, height, width, 1).

    References
    ----------
    Ronneberger, Fischer, Brox 2015, "U-Net: Convolutional networks for biomedical image segmentation",
    arXiv 1505.04597.
    """
    return encoder_decoder(
        height=height,
        width=width,
        channels=channels,
        network=network,
        block=blocks.plain_block,
        attends=False,
        name="unet",
    )
