"""Probabilities as 8-bit numbers that keep every threshold k/256 exact.

Rounding to the nearest of 255 steps would move pixels across the threshold that a person sees: 0.501 and
0.499 would share a value. Instead each value v stands for the half-open interval (v/256, (v + 1)/256], so
that ``v >= k`` exactly where ``p > k / 256`` for every k from 1 to 255; in particular ``v >= 128`` is
``p > 0.5``.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

LEVELS = 256


def encode_probability(probability: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Encode probabilities (0 to 1) as ``max(0, ceil(256·p) - 1)``.

    Parameters
    ----------
    probability : ndarray of float
        Any shape. NaN becomes 0: a comparison with NaN is false, so such a pixel is not foreground.

    Returns
    -------
    ndarray of uint8
        Same shape.
    """
    # Multiplying by a power of two and `ceil` are both exact in binary floating point, also in float32.
    value = np.ceil(probability * probability.dtype.type(LEVELS)) - 1
    encoded: NDArray[np.uint8] = np.clip(np.nan_to_num(value, nan=0.0), 0, LEVELS - 1).astype(np.uint8)
    return encoded


def encode_in_graph(probability: tf.Tensor) -> tf.Tensor:
    """Encode probabilities as `encode_probability` does, where they were computed: a byte a pixel leaves the device.

    Parameters
    ----------
    probability : Tensor of float32
        Any shape.

    Returns
    -------
    Tensor of uint8
        Same shape.
    """
    value = tf.math.ceil(probability * LEVELS) - 1
    value = tf.where(tf.math.is_nan(value), 0.0, tf.clip_by_value(value, 0, LEVELS - 1))
    return tf.cast(value, tf.uint8)
