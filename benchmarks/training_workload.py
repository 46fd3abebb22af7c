"""The training that all sides of the benchmark do: the same networks on the same arrays."""

from __future__ import annotations

import keras
import numpy as np

from app.domain.augmentation_spec import AugmentationSpec
from app.domain.configuration import Architecture, ImageSpec, ModelSpec, Precision, RunConfig, TrainingSpec
from app.domain.network_spec import NetworkSpec
from worker.training.assembly import assemble_model
from worker.training.data import TrainingData

SIDE = 128
FILTERS = 16
BATCH_SIZE = 8
# Eight whole batches and a partial one, like the report's 65 images.
ITEMS = 65
MOMENTUM = 0.99

#: Every change at once, on every image.
ALL_AUGMENTATIONS = AugmentationSpec(
    rotate90=True,
    flip=True,
    probability=1,
    rotation_degrees=30,
    scale=0.2,
    elastic_pixels=4,
    brightness=0.1,
    contrast=0.2,
    gamma=0.3,
    noise=0.05,
    blur_pixels=1,
)


def make_config(architecture: Architecture, *, epochs: int, seed: int, augmented: bool = False) -> RunConfig:
    """Return the configuration that the engine trains."""
    return RunConfig(
        model=ModelSpec(architecture=architecture, batch_size=BATCH_SIZE, learning_rate=1e-3),
        network=NetworkSpec(base_filters=FILTERS, batchnorm_momentum=MOMENTUM),
        image=ImageSpec(height=SIDE, width=SIDE, channels=3),
        training=TrainingSpec(epochs=epochs, seed=seed, early_stopping_patience=0),
        augmentation=ALL_AUGMENTATIONS if augmented else AugmentationSpec(),
    )


def make_data(*, seed: int) -> TrainingData:
    """Return random images with random masks; what is learned does not change how long a step takes."""
    rng = np.random.default_rng(seed)
    images = rng.random((ITEMS, SIDE, SIDE, 3), dtype=np.float32)
    masks = (rng.random((ITEMS, SIDE, SIDE)) < 0.1).astype(np.uint8)
    # One validation item: the engine always validates, and no side's time contains it.
    return TrainingData(images, masks, images[:1], masks[:1])


def make_bare_model(config: RunConfig, *, jit_compile: bool | str) -> keras.Model:
    """Return the engine's own network with its own loss and optimizer, compiled for `fit`."""
    keras.utils.set_random_seed(config.training.seed)
    model = assemble_model(config, precision=Precision.FLOAT32)
    model.compile(optimizer=model.optimizer, loss=model.loss, jit_compile=jit_compile)
    return model
