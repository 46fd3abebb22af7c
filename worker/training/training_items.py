"""The batches of a training: from the arrays, the sampling, the augmentation, a seed and the number of the epoch."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from app.domain.configuration import RunConfig
from worker.training.augmentation import augment_pair, augmentation_rng
from worker.training.data import TrainingData
from worker.training.pipeline import Batch, count_batches, iterate_batches, load_batches
from worker.training.sampling import crop_corner, epoch_order, foreground_order


class TrainingItems:
    """Makes every epoch's batches anew; what an epoch holds depends on nothing but the seed and its number.

    Parameters
    ----------
    config : RunConfig
        Its image size, batch size, seed, sampling and augmentation.
    data : TrainingData
        Training images of the network's size, or larger: then crops are drawn.
    """

    def __init__(self, config: RunConfig, data: TrainingData) -> None:
        self._config = config
        self._images = data.training_images
        self._masks = data.training_masks
        self._crops = data.training_images.shape[1:3] != (config.image.height, config.image.width)
        self._has_foreground = np.array([mask.any() for mask in self._masks], dtype=np.bool_)
        self.steps_per_epoch = count_batches(len(self._images), config.model.batch_size)

    def __len__(self) -> int:
        return len(self._images)

    def batches(self, epoch: int) -> Generator[Batch]:
        """Yield what `epoch` trains on."""
        config = self._config
        order = foreground_order(self._has_foreground, spec=config.sampling, seed=config.training.seed, epoch=epoch)
        if not self._crops and not config.augmentation.is_active:
            return iterate_batches(self._images, self._masks, order=order, batch_size=config.model.batch_size)

        def load(item: int, repeat: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
            rng = augmentation_rng(seed=config.training.seed, epoch=epoch, item=item, repeat=repeat)
            image, mask = self._cropped(item, foreground_crops=config.sampling.foreground_crops, rng=rng)
            return augment_pair(image, mask, spec=config.augmentation, rng=rng)

        return load_batches(load, order=order, batch_size=config.model.batch_size)

    def plain_batches(self, epoch: int) -> Generator[Batch]:
        """Yield every item once, without augmentation, in an order that `epoch` decides.

        For statistics of the training set: shuffled like a training's batches, so that neighbours in the arrays, which
        often show the same thing, do not share a batch. Of larger images, crops from anywhere.
        """
        config = self._config
        order = epoch_order(len(self), seed=config.training.seed, epoch=epoch)
        if not self._crops:
            return iterate_batches(self._images, self._masks, order=order, batch_size=config.model.batch_size)

        def load(item: int, repeat: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
            rng = augmentation_rng(seed=config.training.seed, epoch=epoch, item=item, repeat=repeat)
            return self._cropped(item, foreground_crops=0.0, rng=rng)

        return load_batches(load, order=order, batch_size=config.model.batch_size)

    def _cropped(
        self, item: int, *, foreground_crops: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        image, mask = self._images[item], self._masks[item]
        if not self._crops:
            return image, mask
        height, width = self._config.image.height, self._config.image.width
        row, column = crop_corner(mask, height=height, width=width, foreground_crops=foreground_crops, rng=rng)
        part = (slice(row, row + height), slice(column, column + width))
        return image[part], mask[part]
