"""Attention ResUNet."""

from __future__ import annotations

import keras

from app.domain.network_spec import NetworkSpec
from worker.models import blocks
from worker.models.encoder_decoder import encoder_decoder


def attention_resunet(*, height: int, width: int, channels: int, network: NetworkSpec) -> keras.Model:
    """Build a UNet of residual blocks whose skip connections pass through attention gates.

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
    Oktay et al. 2018, "Attention U-Net: Learning where to look for the pancreas", arXiv 1804.03999.
    Alom et al. 2018, "Recurrent residual convolutional neural network based on U-Net (R2U-Net)",
    arXiv 1802.06955.
    """
    return encoder_decoder(
        height=height,
        width=width,
        channels=channels,
        network=network,
        block=blocks.residual_block,
        attends=True,
        name="attention_resunet",
    )
