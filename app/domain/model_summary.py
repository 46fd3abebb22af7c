"""What a model is, before it is built: its layers, weights, receptive field, memory and arithmetic.

Parameters are exact: sums over the layers, which the tests hold against the built models. Memory is an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.configuration import Architecture, ImageSpec
from app.domain.network_layers import LayerKind, NetworkLayer, network_layers
from app.domain.network_spec import NetworkSpec

BYTES_PER_FLOAT = 4

#: Adam keeps a first and a second moment for each weight that it trains.
ADAM_SLOTS = 2


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Number of weights of a network.

    Parameters
    ----------
    total : int
        All weights.
    non_trainable : int
        Moving means and variances among them.
    batchnorm_layers : int
        How many batch normalisations there are.
    """

    total: int
    non_trainable: int
    batchnorm_layers: int

    @property
    def trainable(self) -> int:
        """Weights that the optimizer changes."""
        return self.total - self.non_trainable


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One part of a network: a level of the encoder or decoder, the head, the auxiliary heads.

    Parameters
    ----------
    name : str
        As the names of its layers begin.
    height, width, channels : int
        Of its largest output.
    weights, multiply_adds, values : int
        Sums over its layers; `values` counts their outputs for one image.
    receptive_field : int
        At its end.
    """

    name: str
    height: int
    width: int
    channels: int
    weights: int
    multiply_adds: int
    values: int
    receptive_field: int


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model at one image size.

    Parameters
    ----------
    layers : tuple of NetworkLayer
        Each after those that it reads.
    parameters : ParameterCount
        Exact.
    receptive_field : int
        Side in pixels of the square of the input that one pixel of the output can depend on; more than the image's
        side means the whole image.
    multiply_adds : int
        Of all convolutions, for one image forward. Other layers add about one operation for each of their values.
    activation_bytes : int
        Outputs of all layers for one image in float32, kept for the backward pass.
    weight_bytes : int
        Weights in float32.
    """

    layers: tuple[NetworkLayer, ...]
    parameters: ParameterCount
    receptive_field: int
    multiply_adds: int
    activation_bytes: int
    weight_bytes: int

    @property
    def flops(self) -> int:
        """Floating-point operations of the convolutions for one image forward: two for each multiply-add."""
        return 2 * self.multiply_adds

    @property
    def stages(self) -> tuple[StageSummary, ...]:
        """The parts of the network in the order of the data."""
        parts: dict[str, list[NetworkLayer]] = {}
        for layer in self.layers:
            parts.setdefault(layer.stage, []).append(layer)
        return tuple(_summarise_stage(name, layers) for name, layers in parts.items())

    @property
    def padded_size(self) -> tuple[int, int] | None:
        """Height and width inside the network, where the image had to be padded."""
        return next(((layer.height, layer.width) for layer in self.layers if layer.kind == LayerKind.PADDING), None)


def summarise_model(*, architecture: Architecture, image: ImageSpec, network: NetworkSpec) -> ModelSummary:
    """Describe a model without building it."""
    layers = network_layers(architecture=architecture, image=image, network=network)
    parameters = _count(layers)
    return ModelSummary(
        layers=layers,
        parameters=parameters,
        receptive_field=max(layer.receptive_field for layer in layers if layer.name == "head_sigmoid"),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        activation_bytes=BYTES_PER_FLOAT * sum(layer.values for layer in layers),
        weight_bytes=BYTES_PER_FLOAT * parameters.total,
    )


def _summarise_stage(name: str, layers: Sequence[NetworkLayer]) -> StageSummary:
    largest = max(layers, key=lambda layer: (layer.height * layer.width, layer.channels))
    # A concatenation is wider than the stage itself.
    channels = layers[-1].channels if name.startswith(("encoder", "decoder")) else largest.channels
    return StageSummary(
        name=name,
        height=largest.height,
        width=largest.width,
        channels=channels,
        weights=sum(layer.weights for layer in layers),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        values=sum(layer.values for layer in layers),
        receptive_field=max(layer.receptive_field for layer in layers),
    )


def parameter_count(*, architecture: Architecture, image: ImageSpec, network: NetworkSpec) -> ParameterCount:
    """Count a network's weights, exactly, without building it.

    Examples
    --------
    >>> parameter_count(architecture=Architecture.UNET, image=ImageSpec(), network=NetworkSpec())
    ParameterCount(total=31402501, non_trainable=11778, batchnorm_layers=19)
    """
    return _count(network_layers(architecture=architecture, image=image, network=network))


def _count(layers: Sequence[NetworkLayer]) -> ParameterCount:
    return ParameterCount(
        total=sum(layer.weights for layer in layers),
        non_trainable=sum(layer.non_trainable for layer in layers),
        batchnorm_layers=sum(layer.kind == LayerKind.BATCH_NORMALISATION for layer in layers),
    )


def training_memory_bytes(
    *, architecture: Architecture, image: ImageSpec, network: NetworkSpec, batch_size: int
) -> int:
    """Estimate the memory of one training step, roughly.

    Counted, in float32: the weights, one gradient and two Adam moments for each trained weight, the output of every
    layer for the whole batch, the input included (kept for the backward pass), and the gradients of the largest output
    and its input. Not counted: the framework itself (some 500 MB on a CPU, 1 GB on a GPU), the workspaces of
    convolutions, cached images, fragmentation. Frameworks fuse some layers, so that a real step may need less, too;
    take it for the order of magnitude.
    """
    layers = network_layers(architecture=architecture, image=image, network=network)
    parameters = _count(layers)
    values = [layer.values for layer in layers]
    per_image = sum(values) + 2 * max(values)
    floats = parameters.total + (1 + ADAM_SLOTS) * parameters.trainable + batch_size * per_image
    return BYTES_PER_FLOAT * floats
