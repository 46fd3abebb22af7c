"""What the three networks have in common: an encoder, a decoder with skip connections, a head."""

from __future__ import annotations

import keras
from keras import layers

from app.domain.network_spec import NetworkSpec
from worker.models import blocks
from worker.models.layers import DeepSupervision, ReflectPadding


def encoder_decoder(
    *,
    height: int,
    width: int,
    channels: int,
    network: NetworkSpec,
    block: blocks.Block,
    attends: bool,
    name: str,
) -> keras.Model:
    """Build a network of `network.levels` resolutions.

    Parameters
    ----------
    height, width : int
        Size of the input. Sides that cannot be halved often enough are mirrored at the border first, and the
        prediction is cropped back.
    channels : int
        Channels of the input.
    network : NetworkSpec
        Filters, levels and options; its momentum is a number.
    block : Block
        Applied at each resolution, down and up again.
    attends : bool
        Whether the skip connections pass through attention gates.
    name : str
        Name of the model.

    Returns
    -------
    keras.Model
        Maps (batch, height, width, channels) to probabilities (batch, height, width, 1) in float32.
    """
    inputs = keras.Input((height, width, channels), name="image")
    padding = (_padding(height, network.size_multiple), _padding(width, network.size_multiple))
    is_padded = padding != ((0, 0), (0, 0))
    x = ReflectPadding(padding, name="pad")(inputs) if is_padded else inputs
    skips = []
    for level in range(1, network.levels + 1):
        x = block(x, _filters(network, level), name=f"encoder_{level}", network=network)
        if level < network.levels:
            skips.append(x)
            x = blocks.pool(x, name=f"encoder_{level}")
    auxiliary = []
    for level in range(network.levels - 1, 0, -1):
        stage, filters, skip = f"decoder_{level}", _filters(network, level), skips[level - 1]
        if attends:
            gating = blocks.gate(x, filters, name=f"{stage}_gate", network=network)
            skip = blocks.attention(skip, gating, filters, name=f"{stage}_attention", network=network)
        x = blocks.upsample_and_join(x, skip, name=stage)
        x = block(x, filters, name=stage, network=network)
        if network.deep_supervision and level > 1:
            logits = blocks.auxiliary_head(x, level=level)
            auxiliary.append(_crop(logits, padding, name=f"auxiliary_{level}_crop") if is_padded else logits)
    x = blocks.head(x, network=network)
    if is_padded:
        x = _crop(x, padding, name="crop")
    x = layers.Activation("sigmoid", name="head_sigmoid", dtype="float32")(x)
    if auxiliary:
        # From the stage before the last to the coarsest.
        x = DeepSupervision(name="deep_supervision", dtype="float32")([x, *reversed(auxiliary)])
    return keras.Model(inputs, x, name=name)


def _filters(network: NetworkSpec, level: int) -> int:
    return network.base_filters << (level - 1)


def _padding(side: int, multiple: int) -> tuple[int, int]:
    missing = -side % multiple
    return missing // 2, missing - missing // 2


def _crop(x: keras.KerasTensor, padding: tuple[tuple[int, int], tuple[int, int]], *, name: str) -> keras.KerasTensor:
    return layers.Cropping2D(padding, name=name, dtype="float32")(x)
