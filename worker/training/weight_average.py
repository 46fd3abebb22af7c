"""An exponential moving average of the weights, which is often a better model than the last step's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class WeightAverage:
    """Follows the trainable weights of a model.

    After step t (from 1)::

        d_t = min(decay, (1 + t) / (10 + t))        average ← d_t · average + (1 − d_t) · weights

    The rising d_t lets the first steps in quickly: with a decay of 0.999 from the start, a training of two hundred
    steps would still be averaged with its random initial weights. Moving statistics are not averaged: batch
    normalisation follows the trained weights, or is re-estimated for the average (`precise_batchnorm`).

    Parameters
    ----------
    model : keras.Model
        The average starts at its present weights. Create it in the scope of the model's strategy.
    decay : float
        Above 0, below 1.

    References
    ----------
    Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging"; the rising decay as in
    TensorFlow's ``ExponentialMovingAverage(num_updates=…)`` and Tarvainen & Valpola 2017, arXiv 1703.01780.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self.decay = decay
        self._weights = [variable.value for variable in model.trainable_variables]
        self._averages = [tf.Variable(weight.read_value(), trainable=False) for weight in self._weights]
        self._exchange = tf.function(self._exchange_all, jit_compile=False)

    def update(self, step: tf.Tensor) -> None:
        """Take in the weights after `step`; part of the compiled training step."""
        count = tf.cast(step, tf.float32)
        decay = tf.minimum(self.decay, (1.0 + count) / (10.0 + count))
        for weight, average in zip(self._weights, self._averages, strict=True):
            average.assign(average * decay + weight * (1.0 - decay))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averaged weights, and its own again afterwards."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def waiting_weights(self) -> list[NDArray[np.float32]]:
        """Return what is not in the model at the moment: inside `in_place`, the weights that training goes on with."""
        return [average.numpy() for average in self._averages]

    def restore(self, training_weights: Sequence[NDArray[np.float32]]) -> None:
        """Continue from a checkpoint: the model holds the average, as it was saved, and gets `training_weights`."""
        for weight, average, saved in zip(self._weights, self._averages, training_weights, strict=True):
            average.assign(weight)
            weight.assign(saved)

    def _exchange_all(self) -> None:
        for weight, average in zip(self._weights, self._averages, strict=True):
            present = tf.identity(weight)
            weight.assign(average)
            average.assign(present)
