"""Precise batch normalisation: population statistics in place of moving averages.

A moving average with momentum m needs some 5 / (1 − m) updates to forget its initial values; a short training ends
before, and the network is then validated with statistics that describe no data at all. Instead, the statistics can be
computed: one pass over the training images in train mode gives every layer's mean and variance of each batch, and
these add up to those of the whole set.

References
----------
Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3.
Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance: analysis and recommendations",
The American Statistician 37(3), 242–247 (how batches of unequal size are merged).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.training.errors import TrainingError

#: Images (batch, height, width, channels) → the layers' batch means and variances, each as one vector.
StatisticsStep = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True, slots=True)
class PopulationStatistics:
    """Mean and variance of what one normalisation layer receives.

    Parameters
    ----------
    mean, variance : ndarray of float64, shape (channels,)
        Over all pixels of all images; the variance is the biased one, as in the layer.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def batchnorm_layers(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the normalisations of `model` that use batch statistics in training, those of inner models included.

    A frozen layer (``trainable`` is false) normalises with its moving statistics even in training and has nothing to
    re-estimate.
    """
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]


def make_statistics_step(model: keras.Model) -> StatisticsStep:
    """Compile the pass in train mode that returns every normalisation's batch means and variances.

    Every layer normalises with the statistics of its batch, as in training, so that each sees the inputs that training
    gives it. Dropout is off: it inflates the variance of what follows, and validation runs without it (Li et al. 2019,
    "Understanding the disharmony between dropout and batch normalization by variance shift", arXiv 1801.05134).
    Weights and optimizer are not touched, but the moving statistics are overwritten.
    """
    height, width, channels = model.input_shape[1:]
    layers = batchnorm_layers(model)

    def statistics_step(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in layers:
            # A statistic that is not finite would survive the multiplication with a momentum of zero.
            layer.moving_mean.assign(tf.zeros_like(layer.moving_mean))
            layer.moving_variance.assign(tf.zeros_like(layer.moving_variance))
        with _reporting_batch_statistics(model, layers):
            model(images, training=True)
        # With a momentum of zero, the moving statistics *are* those of the batch.
        means = tf.concat([tf.convert_to_tensor(layer.moving_mean) for layer in layers], axis=0)
        variances = tf.concat([tf.convert_to_tensor(layer.moving_variance) for layer in layers], axis=0)
        return means, variances

    compiled: StatisticsStep = tf.function(
        statistics_step,
        input_signature=(tf.TensorSpec((None, height, width, channels), tf.float32),),
        jit_compile=False,
    )
    return compiled


@contextlib.contextmanager
def _reporting_batch_statistics(model: keras.Model, layers: list[keras.layers.BatchNormalization]) -> Iterator[None]:
    """While a graph is traced: momentum 0 and no dropout."""
    dropouts = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if hasattr(layer, "rate") and hasattr(layer, "seed_generator")
    ]
    momenta, rates = [layer.momentum for layer in layers], [layer.rate for layer in dropouts]
    try:
        for layer in layers:
            layer.momentum = 0.0
        for layer in dropouts:
            layer.rate = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for layer, rate in zip(dropouts, rates, strict=True):
            layer.rate = rate


def reestimate_batchnorm(
    model: keras.Model,
    batches: Iterable[tf.Tensor | NDArray[np.float32]],
    *,
    statistics_step: StatisticsStep | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, PopulationStatistics] | None:
    """Compute the population statistics of every batch normalisation and assign them to the model.

    With n_b values a channel in batch b (images × pixels), its mean μ_b and its variance σ_b²::

        n = Σ n_b      μ = Σ n_b μ_b / n      σ² = Σ n_b (σ_b² + (μ_b − μ)²) / n

    which holds for batches of unequal size, too. Moving statistics do not influence training, where batch statistics
    are used: assigning them in the middle of a training changes what validation sees and nothing else.

    Parameters
    ----------
    model : keras.Model
        Its moving means and variances are overwritten; all other weights stay.
    batches : iterable of Tensor or ndarray of float32, shape (batch, height, width, channels)
        The training images, without augmentation, in batches of the size that training uses (statistics of smaller
        batches scatter more). Consumed once.
    statistics_step : callable, optional
        Of `make_statistics_step` for this model, to compile it once for many calls.
    should_stop : callable, optional
        Asked before every batch. If it says so, the statistics that the model had are put back.

    Returns
    -------
    dict of str to PopulationStatistics, or None
        By layer name; empty for a model without such layers. None if `should_stop` became true.

    Raises
    ------
    TrainingError
        If `batches` is empty.
    """
    layers = batchnorm_layers(model)
    if not layers:
        return {}
    step = statistics_step or make_statistics_step(model)
    before = [(layer.moving_mean.numpy(), layer.moving_variance.numpy()) for layer in layers]
    images_seen = 0
    mean: NDArray[np.float64] = np.zeros(())
    squares: NDArray[np.float64] = np.zeros(())
    for images in batches:
        if should_stop():
            for layer, (old_mean, old_variance) in zip(layers, before, strict=True):
                layer.moving_mean.assign(old_mean)
                layer.moving_variance.assign(old_variance)
            return None
        batch = tf.convert_to_tensor(images)
        # Every image has the same number of pixels, so that images can stand for values a channel.
        size = int(batch.shape[0])
        batch_mean, batch_variance = (vector.numpy().astype(np.float64) for vector in step(batch))
        shift = batch_mean - mean
        total = images_seen + size
        squares = squares + size * batch_variance + shift**2 * (images_seen * size / total)
        mean = mean + shift * (size / total)
        images_seen = total
    if not images_seen:
        raise TrainingError("Invalid batches: received none, expected at least one batch of training images.")
    variance = squares / images_seen
    result: dict[str, PopulationStatistics] = {}
    start = 0
    for layer in layers:
        part = slice(start, start + layer.moving_mean.shape[0])
        result[layer.name] = PopulationStatistics(mean[part], variance[part])
        layer.moving_mean.assign(mean[part].astype(np.float32))
        layer.moving_variance.assign(variance[part].astype(np.float32))
        start = part.stop
    return result
