"""From a configuration to a model that can be trained."""

from __future__ import annotations

import keras
import numpy as np

from app.domain.configuration import Precision, RunConfig
from worker.models.building import build_model
from worker.training.optimization import compile_model

_POLICIES = {Precision.FLOAT32: "float32", Precision.MIXED_FLOAT16: "mixed_float16"}


def assemble_model(config: RunConfig, *, precision: Precision) -> keras.Model:
    """Build and compile the network of `config`, untrained, with a built optimizer.

    Two models of the same configuration and precision have the same variables in the same order. The initial weights
    come from Keras' global generator.

    Parameters
    ----------
    precision : Precision
        What the layers compute with, decided: not ``auto``.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        model = build_model(architecture=config.model.architecture, image=config.image, network=config.network)
        compile_model(model, config, precision=precision)
    finally:
        keras.config.set_dtype_policy(before)
    return model


def all_variables(model: keras.Model) -> list[keras.Variable]:
    """Return all that a checkpoint of a compiled model holds: its weights, then the state of its optimizer."""
    return [*model.variables, *model.optimizer.variables]


def seed_dropout(model: keras.Model, *, seed: int, epoch: int) -> None:
    """Make what dropout draws in `epoch` depend on the seed and the epoch alone, so that a resume repeats it."""
    layers = model._flatten_layers(include_self=False)
    generators = [layer.seed_generator for layer in layers if getattr(layer, "seed_generator", None) is not None]
    states = np.random.default_rng([seed, epoch]).integers(0, 2**31, size=(len(generators), 2))
    for generator, state in zip(generators, states, strict=True):
        generator.state.assign(state)
