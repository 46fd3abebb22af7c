"""Tiles come back where they were cut, and turned copies are turned back."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from worker.training.prediction import dihedral_predictor, tiled_predictor


def test_tiles_are_put_back_where_they_were() -> None:
    images = np.random.default_rng(0).random((3, 12, 18, 2), dtype=np.float32)
    shapes = []

    def predict(tiles: tf.Tensor) -> tf.Tensor:
        shapes.append(tuple(tiles.shape))
        return tiles[..., :1]

    maps = tiled_predictor(predict, factor=3)(tf.constant(images)).numpy()
    np.testing.assert_array_equal(maps, images[..., :1])
    assert shapes == [(27, 4, 6, 2)]
    assert tiled_predictor(predict, factor=1) is predict


@pytest.mark.parametrize("size", [(8, 8), (6, 10)])
def test_a_prediction_that_turns_with_the_image_is_its_own_mean(size: tuple[int, int]) -> None:
    images = np.random.default_rng(1).random((2, *size, 1), dtype=np.float32)
    maps = dihedral_predictor(lambda image: image * 0.5)(tf.constant(images)).numpy()
    np.testing.assert_allclose(maps, 0.5 * images, rtol=1e-6)


def test_every_symmetry_is_seen_once() -> None:
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    seen = []

    def predict(copy: tf.Tensor) -> tf.Tensor:
        seen.append(copy.numpy().tobytes())
        return tf.zeros_like(copy).numpy() + np.eye(4, dtype=np.float32)[None, :, :, None]

    maps = dihedral_predictor(predict)(tf.constant(image)).numpy()
    assert len(seen) == len(set(seen)) == 8
    # One diagonal in each copy: half of them come back as the other diagonal.
    np.testing.assert_allclose(maps[0, ..., 0], (np.eye(4) + np.eye(4)[::-1]) / 2, atol=1e-6)
