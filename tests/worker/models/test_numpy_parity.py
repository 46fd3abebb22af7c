"""The Keras models compute what an independent numpy implementation computes from the same weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from app.domain.configuration import Architecture, ImageSpec
from app.domain.network_spec import NetworkSpec
from tests.worker.models.numpy_forward import forward
from worker.models.building import build_model

OPTIONS: dict[str, dict[str, Any]] = {
    "reference": {},
    "group, three levels": {"normalisation": "group", "levels": 3, "base_filters": 6, "groups": 4},
    "layer": {"normalisation": "layer", "levels": 2},
    "none, deeply supervised": {"normalisation": "none", "levels": 3, "deep_supervision": True},
    "no final BN, dropout": {"final_batchnorm": False, "dropout": 0.3, "spatial_dropout": 0.3, "levels": 4},
}


CASES = [pytest.param(options, (32, 32), id=name) for name, options in OPTIONS.items()]


@pytest.mark.parametrize(("options", "size"), [*CASES, pytest.param({}, (37, 46), id="padded")])
@pytest.mark.parametrize("architecture", Architecture)
def test_forward_pass_equals_the_numpy_one(
    architecture: Architecture, options: dict[str, Any], size: tuple[int, int]
) -> None:
    image = ImageSpec(height=size[0], width=size[1], channels=1)
    network = NetworkSpec(**{"base_filters": 2, "batchnorm_momentum": 0.9, **options})
    random = np.random.default_rng(3)
    keras.utils.set_random_seed(5)
    model = build_model(architecture=architecture, image=image, network=network)
    # Fresh biases are 0 and fresh statistics 0 and 1: an exchange of two of them would go unseen.
    for layer in model.layers:
        weights = [
            array + random.uniform(0.05, 0.3, array.shape).astype(np.float32) * (array.ndim == 1)
            for array in layer.get_weights()
        ]
        layer.set_weights(weights)
    images = random.random((2, *size, 1)).astype(np.float32)
    expected = forward(
        images,
        {layer.name: layer.get_weights() for layer in model.layers},
        architecture=architecture,
        network=network,
    )
    assert expected.std() > 1e-3
    np.testing.assert_allclose(model(images, training=False).numpy(), expected, atol=1e-5, rtol=0)
