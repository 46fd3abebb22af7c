"""What a person can tell about a training beside its history; every bit of it sharpens the statements."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.domain.estimate import steps_per_epoch


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """Facts about the training that wrote a history; each may be unknown.

    Parameters
    ----------
    image_height, image_width : int, optional
        Size of the validation images as the network saw them, in pixels.
    validation_items, training_items : int, optional
        Number of images.
    batch_size : int, optional
        Images a step, in training and in validation.
    given_steps_per_epoch : int, optional
        Optimizer steps an epoch, if they do not follow from training items and batch size.
    batchnorm_momentum : float, optional
        Momentum of the batch normalisations.
    """

    image_height: int | None = None
    image_width: int | None = None
    validation_items: int | None = None
    training_items: int | None = None
    batch_size: int | None = None
    given_steps_per_epoch: int | None = None
    batchnorm_momentum: float | None = None

    @property
    def image_pixels(self) -> int | None:
        """Pixels of one validation image."""
        if self.image_height is None or self.image_width is None:
            return None
        return self.image_height * self.image_width

    @property
    def validation_pixels(self) -> int | None:
        """Pixels of all validation images."""
        if self.image_pixels is None or self.validation_items is None:
            return None
        return self.image_pixels * self.validation_items

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps an epoch."""
        if self.given_steps_per_epoch is not None:
            return self.given_steps_per_epoch
        if self.training_items is None or self.batch_size is None:
            return None
        return steps_per_epoch(self.training_items, self.batch_size)

    @property
    def validation_batches(self) -> int | None:
        """Batches of a validation; the last may be smaller."""
        if self.validation_items is None or self.batch_size is None:
            return None
        return math.ceil(self.validation_items / self.batch_size)
