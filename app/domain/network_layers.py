"""The layers of a network as the worker builds it, without building it: names, sizes, weights, arithmetic.

The tests hold every layer against the built Keras models, for all combinations of options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.configuration import Architecture, ImageSpec
from app.domain.network_spec import NetworkSpec, Normalisation


class LayerKind(StrEnum):
    """What a layer does."""

    INPUT = "input"
    PADDING = "padding"
    CONVOLUTION = "convolution"
    TRANSPOSED_CONVOLUTION = "transposed convolution"
    BATCH_NORMALISATION = "batch normalisation"
    GROUP_NORMALISATION = "group normalisation"
    RELU = "ReLU"
    SIGMOID = "sigmoid"
    DROPOUT = "dropout"
    SPATIAL_DROPOUT = "spatial dropout"
    POOLING = "max pooling"
    UPSAMPLING = "upsampling"
    ADDITION = "addition"
    PRODUCT = "product"
    CONCATENATION = "concatenation"
    CROPPING = "cropping"
    SUPERVISION = "deep supervision"


@dataclass(frozen=True, slots=True)
class NetworkLayer:
    """One layer.

    Parameters
    ----------
    name : str
        As in the built model.
    height, width, channels : int
        Of its output.
    weights, non_trainable : int
        All weights, and those among them that the optimizer does not change (moving statistics).
    multiply_adds : int
        Multiplications of a convolution, each with its addition, for one image; 0 for other layers.
    receptive_field : int
        Side in pixels of the square of the input that one output position can depend on, through convolutions and
        pooling. Group and layer normalisation mix in the whole image's mean and variance; that is not counted.
    """

    name: str
    kind: LayerKind
    height: int
    width: int
    channels: int
    weights: int = 0
    non_trainable: int = 0
    multiply_adds: int = 0
    receptive_field: int = 1

    @property
    def stage(self) -> str:
        """The part of the network that the layer belongs to, such as ``encoder_1``, ``decoder_4`` or ``head``."""
        if self.name in {"image", "pad"}:
            return "input"
        first, *rest = self.name.split("_")
        if first in {"encoder", "decoder"}:
            return f"{first}_{rest[0]}"
        return "auxiliary" if first in {"auxiliary", "deep"} else "head"

    @property
    def values(self) -> int:
        """Numbers in the output for one image."""
        return self.height * self.width * self.channels


def network_layers(*, architecture: Architecture, image: ImageSpec, network: NetworkSpec) -> tuple[NetworkLayer, ...]:
    """Return the layers of a network, each after those that it reads."""
    tracer = _Tracer(network)
    tracer.trace(architecture, image)
    return tuple(tracer.layers)


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An output on its way: `stride` is the distance of neighbouring positions in pixels of the input."""

    height: int
    width: int
    channels: int
    stride: int
    receptive_field: int


class _Tracer:
    """Follows the blocks of `worker.models.blocks` and notes each layer."""

    def __init__(self, network: NetworkSpec) -> None:
        self.network = network
        self.layers: list[NetworkLayer] = []

    # === Network ===

    def trace(self, architecture: Architecture, image: ImageSpec) -> None:
        levels, filters = self.network.levels, self.network.base_filters
        block = self._residual_block if architecture is Architecture.ATTENTION_RESUNET else self._plain_block
        x = self._note(_Tensor(image.height, image.width, image.channels, 1, 1), LayerKind.INPUT, "image")
        x = self._pad(x)
        skips: list[_Tensor] = []
        for level in range(1, levels + 1):
            x = block(x, filters << (level - 1), f"encoder_{level}")
            if level < levels:
                skips.append(x)
                x = self._pool(x, f"encoder_{level}_pool")
        supervised: list[tuple[int, _Tensor]] = []
        for level in range(levels - 1, 0, -1):
            name, depth = f"decoder_{level}", filters << (level - 1)
            skip = skips[level - 1]
            if architecture is not Architecture.UNET:
                skip = self._attention(skip, self._gate(x, depth, f"{name}_gate"), depth, f"{name}_attention")
            x = self._join([self._upsample(x, 2, f"{name}_up"), skip], f"{name}_concat")
            x = block(x, depth, name)
            if self.network.deep_supervision and level > 1:
                supervised.append((level, x))
        x = self._convolution(x, 1, kernel=1, name="head_conv")
        if self.network.has_final_batchnorm:
            x = self._normalisation(x, "head_bn")
        x = self._note(self._crop(x, image, "crop"), LayerKind.SIGMOID, "head_sigmoid")
        for level, stage in supervised:
            logits = self._convolution(stage, 1, kernel=1, name=f"auxiliary_{level}_conv")
            # Bilinear: each position also reads its neighbour.
            wide = replace(logits, receptive_field=logits.receptive_field + logits.stride)
            self._crop(self._upsample(wide, logits.stride, f"auxiliary_{level}_up"), image, f"auxiliary_{level}_crop")
        if supervised:
            self._note(x, LayerKind.SUPERVISION, "deep_supervision")

    def _pad(self, x: _Tensor) -> _Tensor:
        multiple = self.network.size_multiple
        height, width = (-(-side // multiple) * multiple for side in (x.height, x.width))
        if (height, width) == (x.height, x.width):
            return x
        return self._note(replace(x, height=height, width=width), LayerKind.PADDING, "pad")

    def _crop(self, x: _Tensor, image: ImageSpec, name: str) -> _Tensor:
        if (x.height, x.width) == (image.height, image.width):
            return x
        return self._note(replace(x, height=image.height, width=image.width), LayerKind.CROPPING, name)

    # === Blocks ===

    def _plain_block(self, x: _Tensor, filters: int, name: str) -> _Tensor:
        for index in (1, 2):
            x = self._convolution(x, filters, kernel=3, name=f"{name}_conv_{index}")
            x = self._normalisation(x, self._norm_name(name, index))
            x = self._note(x, LayerKind.RELU, f"{name}_relu_{index}")
        return self._dropouts(x, name)

    def _residual_block(self, x: _Tensor, filters: int, name: str) -> _Tensor:
        path = self._convolution(x, filters, kernel=3, name=f"{name}_conv_1")
        path = self._normalisation(path, self._norm_name(name, 1))
        path = self._note(path, LayerKind.RELU, f"{name}_relu_1")
        path = self._convolution(path, filters, kernel=3, name=f"{name}_conv_2")
        path = self._dropouts(self._normalisation(path, self._norm_name(name, 2)), name)
        shortcut = self._convolution(x, filters, kernel=1, name=f"{name}_shortcut_conv")
        shortcut = self._normalisation(shortcut, self._norm_name(f"{name}_shortcut"))
        return self._note(self._add([shortcut, path], f"{name}_add"), LayerKind.RELU, f"{name}_relu_2")

    def _gate(self, x: _Tensor, filters: int, name: str) -> _Tensor:
        x = self._convolution(x, filters, kernel=1, name=f"{name}_conv")
        return self._note(self._normalisation(x, self._norm_name(name)), LayerKind.RELU, f"{name}_relu")

    def _attention(self, skip: _Tensor, gating: _Tensor, filters: int, name: str) -> _Tensor:
        theta = self._convolution(skip, filters, kernel=2, stride=2, name=f"{name}_theta")
        phi = self._convolution(gating, filters, kernel=1, name=f"{name}_phi")
        phi = self._convolution(phi, filters, kernel=3, name=f"{name}_phi_up", kind=LayerKind.TRANSPOSED_CONVOLUTION)
        x = self._note(self._add([phi, theta], f"{name}_add"), LayerKind.RELU, f"{name}_relu")
        x = self._convolution(x, 1, kernel=1, name=f"{name}_psi")
        x = self._upsample(self._note(x, LayerKind.SIGMOID, f"{name}_sigmoid"), 2, f"{name}_up")
        x = self._note(_widest([skip, x], channels=skip.channels), LayerKind.PRODUCT, f"{name}_multiply")
        x = self._convolution(x, skip.channels, kernel=1, name=f"{name}_conv")
        return self._normalisation(x, self._norm_name(name))

    def _dropouts(self, x: _Tensor, name: str) -> _Tensor:
        if self.network.dropout > 0:
            self._note(x, LayerKind.DROPOUT, f"{name}_dropout")
        if self.network.spatial_dropout > 0:
            self._note(x, LayerKind.SPATIAL_DROPOUT, f"{name}_spatial_dropout")
        return x

    # === Layers ===

    def _norm_name(self, name: str, index: int | None = None) -> str:
        return f"{name}_{self.network.normalisation.layer_suffix}" + ("" if index is None else f"_{index}")

    def _normalisation(self, x: _Tensor, name: str) -> _Tensor:
        match self.network.normalisation:
            case Normalisation.NONE:
                return x
            case Normalisation.BATCH:
                # Scale and offset; moving mean and variance.
                weights, non_trainable, kind = 4 * x.channels, 2 * x.channels, LayerKind.BATCH_NORMALISATION
            case _:
                weights, non_trainable, kind = 2 * x.channels, 0, LayerKind.GROUP_NORMALISATION
        return self._note(x, kind, name, weights=weights, non_trainable=non_trainable)

    def _convolution(
        self,
        x: _Tensor,
        filters: int,
        *,
        kernel: int,
        name: str,
        stride: int = 1,
        kind: LayerKind = LayerKind.CONVOLUTION,
    ) -> _Tensor:
        products = kernel * kernel * x.channels * filters
        out = _Tensor(
            x.height // stride,
            x.width // stride,
            filters,
            x.stride * stride,
            x.receptive_field + (kernel - 1) * x.stride,
        )
        return self._note(out, kind, name, weights=products + filters, multiply_adds=products * out.height * out.width)

    def _pool(self, x: _Tensor, name: str) -> _Tensor:
        half = _Tensor(x.height // 2, x.width // 2, x.channels, 2 * x.stride, x.receptive_field + x.stride)
        return self._note(half, LayerKind.POOLING, name)

    def _upsample(self, x: _Tensor, factor: int, name: str) -> _Tensor:
        up = replace(x, height=x.height * factor, width=x.width * factor, stride=x.stride // factor)
        return self._note(up, LayerKind.UPSAMPLING, name)

    def _add(self, parts: Sequence[_Tensor], name: str) -> _Tensor:
        return self._note(_widest(parts, channels=parts[0].channels), LayerKind.ADDITION, name)

    def _join(self, parts: Sequence[_Tensor], name: str) -> _Tensor:
        return self._note(_widest(parts, channels=sum(part.channels for part in parts)), LayerKind.CONCATENATION, name)

    def _note(
        self,
        x: _Tensor,
        kind: LayerKind,
        name: str,
        *,
        weights: int = 0,
        non_trainable: int = 0,
        multiply_adds: int = 0,
    ) -> _Tensor:
        self.layers.append(
            NetworkLayer(
                name=name,
                kind=kind,
                height=x.height,
                width=x.width,
                channels=x.channels,
                weights=weights,
                non_trainable=non_trainable,
                multiply_adds=multiply_adds,
                receptive_field=x.receptive_field,
            )
        )
        return x


def _widest(parts: Sequence[_Tensor], *, channels: int) -> _Tensor:
    return replace(parts[0], channels=channels, receptive_field=max(part.receptive_field for part in parts))


def group_count(channels: int, groups: int) -> int:
    """Return how many groups `channels` are normalised in: the largest number up to `groups` that divides them.

    Examples
    --------
    >>> group_count(64, 8), group_count(2, 8), group_count(12, 8)
    (8, 2, 6)
    """
    return max(count for count in range(1, min(groups, channels) + 1) if channels % count == 0)
