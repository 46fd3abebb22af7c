"""What is said of a network before it is built is true of every layer of the built one, whatever the options."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

import keras
import pytest

from app.domain.configuration import Architecture, ImageSpec
from app.domain.model_summary import ParameterCount, parameter_count, summarise_model
from app.domain.network_layers import LayerKind, network_layers
from app.domain.network_spec import NetworkSpec, Normalisation
from worker.models.building import build_model, count_batchnorm_layers

CLASSES = {
    LayerKind.INPUT: "InputLayer",
    LayerKind.PADDING: "ReflectPadding",
    LayerKind.CONVOLUTION: "Conv2D",
    LayerKind.TRANSPOSED_CONVOLUTION: "Conv2DTranspose",
    LayerKind.BATCH_NORMALISATION: "BatchNormalization",
    LayerKind.GROUP_NORMALISATION: "GroupNormalization",
    LayerKind.RELU: "ReLU",
    LayerKind.SIGMOID: "Activation",
    LayerKind.DROPOUT: "Dropout",
    LayerKind.SPATIAL_DROPOUT: "SpatialDropout2D",
    LayerKind.POOLING: "MaxPooling2D",
    LayerKind.UPSAMPLING: "UpSampling2D",
    LayerKind.ADDITION: "Add",
    LayerKind.PRODUCT: "Multiply",
    LayerKind.CONCATENATION: "Concatenate",
    LayerKind.CROPPING: "Cropping2D",
    LayerKind.SUPERVISION: "DeepSupervision",
}


OPTIONS: dict[str, tuple[Any, ...]] = {
    "size": ((32, 32), (33, 50), (48, 40)),
    "channels": (1, 2, 3, 4),
    "base_filters": (2, 3),
    "levels": (2, 3, 4, 5, 6),
    "normalisation": tuple(Normalisation),
    "final_batchnorm": (True, False),
    "deep_supervision": (True, False),
    "dropout": (0.0, 0.1),
    "spatial_dropout": (0.0, 0.2),
}


def _pairs(values: tuple[Any, ...]) -> set[tuple[Any, ...]]:
    """Return which value of which option meets which value of which other."""
    return set(itertools.combinations(zip(OPTIONS, values, strict=True), 2))


def _combinations() -> Iterator[tuple[ImageSpec, NetworkSpec]]:
    """Choose combinations in which every value of an option meets every value of each other."""
    candidates = list(itertools.product(*OPTIONS.values()))
    random.Random(0).shuffle(candidates)  # noqa: S311 - the same choice every time is what is wanted
    missing = set().union(*map(_pairs, candidates[:2000]))
    while missing:
        best = max(candidates[:500], key=lambda values: len(_pairs(values) & missing))
        if not _pairs(best) & missing:
            best = next(values for values in candidates if _pairs(values) & missing)
        missing -= _pairs(best)
        (height, width), channels, *network = best
        yield (
            ImageSpec(height=height, width=width, channels=channels),
            NetworkSpec(**dict(zip(list(OPTIONS)[2:], network, strict=True)), batchnorm_momentum=0.9),
        )


def test_the_combinations_leave_no_pair_of_values_out() -> None:
    every = {
        ((first, one), (second, other))
        for first, second in itertools.combinations(OPTIONS, 2)
        for one in OPTIONS[first]
        for other in OPTIONS[second]
    }
    chosen = set()
    for image, network in _combinations():
        settings = network.model_dump() | {"size": (image.height, image.width), "channels": image.channels}
        chosen |= _pairs(tuple(settings[name] for name in OPTIONS))
    assert chosen == every


def _described(architecture: Architecture, image: ImageSpec, network: NetworkSpec) -> dict[str, Any]:
    layers = network_layers(architecture=architecture, image=image, network=network)
    found = {
        layer.name: (
            CLASSES[layer.kind],
            (layer.height, layer.width, layer.channels),
            layer.weights,
            layer.non_trainable,
            layer.multiply_adds,
        )
        for layer in layers
    }
    assert len(found) == len(layers)
    return found


def _built(model: keras.Model) -> dict[str, Any]:
    return {
        layer.name: (
            type(layer).__name__,
            tuple(layer.output.shape[1:]),
            layer.count_params(),
            sum(math.prod(weight.shape) for weight in layer.non_trainable_weights),
            _multiply_adds(layer),
        )
        for layer in model.layers
    }


def _multiply_adds(layer: keras.layers.Layer) -> int:
    # Each output position is reached by every weight of the kernel: true of a transposed convolution of stride 1, too.
    if not isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
        return 0
    products: int = math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
    return products


@pytest.mark.slow
@pytest.mark.parametrize("architecture", Architecture)
def test_every_combination_of_options_is_built_as_described(architecture: Architecture) -> None:
    for image, network in _combinations():
        model = build_model(architecture=architecture, image=image, network=network)
        assert _built(model) == _described(architecture, image, network), (image, network)
        assert parameter_count(architecture=architecture, image=image, network=network) == ParameterCount(
            total=model.count_params(),
            non_trainable=sum(math.prod(weight.shape) for weight in model.non_trainable_weights),
            batchnorm_layers=count_batchnorm_layers(model),
        )
        assert model.output.shape[1:] == (image.height, image.width, 1)
        keras.backend.clear_session()


@pytest.mark.parametrize("architecture", Architecture)
def test_the_reference_is_built_as_described(architecture: Architecture) -> None:
    image, network = ImageSpec(), NetworkSpec(base_filters=8, batchnorm_momentum=0.99)
    model = build_model(architecture=architecture, image=image, network=network)
    assert _built(model) == _described(architecture, image, network)


@pytest.mark.parametrize("architecture", Architecture)
def test_the_summary_adds_the_layers_up(architecture: Architecture) -> None:
    image, network = ImageSpec(height=32, width=32), NetworkSpec(base_filters=2, batchnorm_momentum=0.9)
    summary = summarise_model(architecture=architecture, image=image, network=network)
    model = build_model(architecture=architecture, image=image, network=network)
    assert summary.flops == 2 * sum(_multiply_adds(layer) for layer in model.layers)
    assert summary.activation_bytes == 4 * sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    assert summary.weight_bytes == 4 * model.count_params()
