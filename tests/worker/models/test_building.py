"""The three networks are the reference's, to the last parameter, and survive a save."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from app.domain.configuration import Architecture, ImageSpec
from app.domain.network_spec import NetworkSpec
from worker.models.building import build_model, count_batchnorm_layers

# (parameters at 3 channels, parameters at 1 channel, not trainable, BN layers) at 256x256 and 64 filters.
REFERENCE = {
    Architecture.UNET: (31_402_501, 31_401_349, 11_778, 19),
    Architecture.ATTENTION_UNET: (37_334_665, 37_333_513, 15_618, 27),
    Architecture.ATTENTION_RESUNET: (39_090_377, 39_089_097, 21_506, 36),
}


SMALL = ImageSpec(height=32, width=48)


def small_model(architecture: Architecture, *, momentum: float = 0.99, **network: Any) -> keras.Model:
    keras.utils.set_random_seed(7)
    spec = NetworkSpec(**{"base_filters": 2, "batchnorm_momentum": momentum, **network})
    return build_model(architecture=architecture, image=SMALL, network=spec)


def test_every_architecture_has_a_reference() -> None:
    assert set(REFERENCE) == set(Architecture)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("architecture", Architecture)
def test_size_matches_the_reference(architecture: Architecture, channels: int) -> None:
    colour, grey, not_trainable, batchnorms = REFERENCE[architecture]
    model = build_model(
        architecture=architecture,
        image=ImageSpec(height=256, width=256, channels=channels),
        network=NetworkSpec(base_filters=64, batchnorm_momentum=0.99),
    )
    assert model.count_params() == (colour if channels == 3 else grey)
    assert sum(math.prod(weight.shape) for weight in model.non_trainable_weights) == not_trainable
    assert count_batchnorm_layers(model) == batchnorms


@pytest.mark.parametrize("architecture", Architecture)
def test_filters_double_at_each_level(architecture: Architecture) -> None:
    model = small_model(architecture)
    assert [model.get_layer(f"encoder_{level}_conv_1").filters for level in range(1, 6)] == [2, 4, 8, 16, 32]
    assert [model.get_layer(f"decoder_{level}_conv_2").filters for level in (4, 3, 2, 1)] == [16, 8, 4, 2]
    # Each is four times smaller for half the filters, up to terms that are linear in them.
    assert model.count_params() == pytest.approx(REFERENCE[architecture][0] / 32**2, rel=0.1)


@pytest.mark.parametrize("architecture", Architecture)
def test_output_is_one_probability_a_pixel(architecture: Architecture) -> None:
    model = small_model(architecture)
    images = np.random.default_rng(0).random((3, 32, 48, 3), dtype=np.float32) * 20 - 10
    for training in (False, True):
        output = model(images, training=training).numpy()
        assert output.shape == (3, 32, 48, 1)
        assert output.dtype == np.float32
        assert 0 <= output.min() < output.max() <= 1


@pytest.mark.parametrize("architecture", Architecture)
def test_head_is_convolution_then_batchnorm_then_sigmoid_in_float32(architecture: Architecture) -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = small_model(architecture)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    convolution, batchnorm, activation = model.layers[-3:]
    assert isinstance(convolution, keras.layers.Conv2D)
    assert convolution.kernel_size == (1, 1)
    assert convolution.filters == 1
    assert isinstance(batchnorm, keras.layers.BatchNormalization)
    assert activation.activation is keras.activations.sigmoid
    assert [layer.compute_dtype for layer in (convolution, batchnorm, activation)] == ["float32"] * 3


@pytest.mark.parametrize("architecture", Architecture)
@pytest.mark.parametrize("momentum", [0.99, 0.9, 0.0])
def test_momentum_reaches_every_batchnorm(architecture: Architecture, momentum: float) -> None:
    layers = small_model(architecture, momentum=momentum).layers
    batchnorms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in batchnorms} == {momentum}
    assert {layer.epsilon for layer in batchnorms} == {1e-3}


@pytest.mark.parametrize("architecture", Architecture)
def test_save_and_safe_load_round_trip(architecture: Architecture, tmp_path: Path) -> None:
    model = small_model(architecture)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in loaded.layers)
    images = np.random.default_rng(1).random((2, 32, 48, 3), dtype=np.float32)
    np.testing.assert_array_equal(loaded(images).numpy(), model(images).numpy())


@pytest.mark.parametrize("architecture", Architecture)
def test_same_seed_gives_same_weights_and_layer_names(architecture: Architecture) -> None:
    first, second = small_model(architecture), small_model(architecture)
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_attention_scales_the_skip_by_one_weight_a_pixel() -> None:
    model = small_model(Architecture.ATTENTION_UNET)
    probe = keras.Model(
        model.input,
        [
            model.get_layer("encoder_1_relu_2").output,
            model.get_layer("decoder_1_attention_sigmoid").output,
            model.get_layer("decoder_1_attention_multiply").output,
        ],
    )
    images = np.random.default_rng(2).random((1, 32, 48, 3), dtype=np.float32)
    skip, weights, product = (tensor.numpy() for tensor in probe(images))
    assert weights.shape == (1, 16, 24, 1)
    np.testing.assert_allclose(product, skip * weights.repeat(2, axis=1).repeat(2, axis=2), rtol=1e-6)


def test_residual_sum_is_rectified_once() -> None:
    model = small_model(Architecture.ATTENTION_RESUNET)
    probe = keras.Model(
        model.input,
        [model.get_layer(f"encoder_1_{name}").output for name in ("shortcut_bn", "bn_2", "relu_2")],
    )
    images = np.random.default_rng(3).random((1, 32, 48, 3), dtype=np.float32)
    shortcut, path, output = (tensor.numpy() for tensor in probe(images, training=True))
    assert path.min() < 0
    np.testing.assert_allclose(output, np.maximum(shortcut + path, 0), atol=1e-6)
