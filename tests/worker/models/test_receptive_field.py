"""The receptive field that is stated is the one that the built network has."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from app.domain.configuration import Architecture, ImageSpec
from app.domain.model_summary import summarise_model
from app.domain.network_spec import NetworkSpec, Normalisation
from worker.models.building import build_model

WIDTH = 96


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    """A corner pixel of the receptive field has a share of some 1e-14 in the output: float32 would lose it."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


def _reach(model: keras.Model) -> int:
    """Return over how many columns of the input one column of the features can reach, by changing one after the other.

    All weights are positive, so that no change is lost in a ReLU, and small, so that no sigmoid saturates. A changed
    pixel is brighter than all others, so that the pooling passes it on.
    """
    for layer in model.layers:
        layer.set_weights([np.full(array.shape, 0.5 / array[..., 0].size) for array in layer.get_weights()])
    features = keras.Model(model.input, model.get_layer("decoder_1_relu_2").output)
    plain = np.random.default_rng(0).random((1, 64, WIDTH, 1))
    changed = np.repeat(plain, WIDTH, axis=0)
    changed[np.arange(WIDTH), 31, np.arange(WIDTH)] = 100
    differs = np.abs(features(changed).numpy() - features(plain).numpy()).max(axis=(1, 3)) > 0
    # Row: the changed column; column: where the output differs. The longest span of one output column counts.
    spans = [np.flatnonzero(column) for column in differs.T]
    return max(int(span[-1] - span[0]) + 1 for span in spans if len(span))


@pytest.mark.parametrize(
    ("architecture", "levels"),
    [
        (Architecture.UNET, 2),
        (Architecture.UNET, 3),
        (Architecture.ATTENTION_UNET, 2),
        (Architecture.ATTENTION_RESUNET, 2),
        (Architecture.ATTENTION_RESUNET, 3),
    ],
)
def test_one_output_depends_on_as_many_columns_as_stated(architecture: Architecture, levels: int) -> None:
    image = ImageSpec(height=64, width=WIDTH, channels=1)
    network = NetworkSpec(base_filters=2, levels=levels, normalisation=Normalisation.NONE)
    stated = summarise_model(architecture=architecture, image=image, network=network).receptive_field
    assert stated < WIDTH - 16
    assert _reach(build_model(architecture=architecture, image=image, network=network)) == stated
