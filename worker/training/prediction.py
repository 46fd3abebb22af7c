"""Ways to get a probability map from a network: at once, in tiles, or averaged over turned and mirrored copies."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

#: Images (batch, height, width, channels) → probabilities (batch, height, width, 1), in inference mode.
Predictor = Callable[[tf.Tensor], tf.Tensor]


def plain_predictor(model: keras.Model) -> Predictor:
    """Return the network itself, in inference mode."""
    return lambda images: model(images, training=False)


def tiled_predictor(predict: Predictor, *, factor: int) -> Predictor:
    """Return a predictor for images `factor` times as high and wide as those of `predict`.

    The image is cut into factor × factor tiles without overlap and the predictions are put together again: at the
    seams, the network sees one side only.
    """
    if factor == 1:
        return predict

    def predict_tiles(images: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(images)
        height, width = images.shape[1] // factor, images.shape[2] // factor
        tiles = tf.reshape(images, (shape[0], factor, height, factor, width, images.shape[3]))
        tiles = tf.transpose(tiles, (0, 1, 3, 2, 4, 5))
        maps = predict(tf.reshape(tiles, (-1, height, width, images.shape[3])))
        maps = tf.reshape(maps, (shape[0], factor, factor, height, width, 1))
        return tf.reshape(tf.transpose(maps, (0, 1, 3, 2, 4, 5)), (shape[0], factor * height, factor * width, 1))

    return predict_tiles


def dihedral_predictor(predict: Predictor) -> Predictor:
    """Return the mean of the predictions for the flips and quarter turns of an image, each turned back.

    Eight copies of a square image; four (no quarter turns) of one that is not, which a network of fixed size cannot
    see on its side. Test-time augmentation, as in Krizhevsky et al. 2012 and Moshkov et al. 2020, "Test-time
    augmentation for deep learning-based cell segmentation on microscopy images", Scientific Reports 10, 5068.
    """

    def predict_mean(images: tf.Tensor) -> tf.Tensor:
        turns = (0, 1, 2, 3) if images.shape[1] == images.shape[2] else (0, 2)
        maps = []
        for flipped in (False, True):
            for turn in turns:
                copy = tf.image.rot90(tf.reverse(images, axis=[2]) if flipped else images, turn)
                back = tf.image.rot90(predict(copy), -turn % 4)
                maps.append(tf.reverse(back, axis=[2]) if flipped else back)
        return tf.add_n(maps) / len(maps)

    return predict_mean
