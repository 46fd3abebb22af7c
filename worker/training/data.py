"""The arrays that a run trains, validates and is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Images and masks, in memory.

    Parameters
    ----------
    training_images, validation_images : ndarray of float32, shape (items, height, width, channels)
        Intensities from 0 to 1.
    training_masks, validation_masks : ndarray of uint8, shape (items, height, width)
        0 is background, 1 is foreground.
    test_images, test_masks : ndarray, optional
        Like the others; looked at once, after the last epoch.
    """

    training_images: NDArray[np.float32]
    training_masks: NDArray[np.uint8]
    validation_images: NDArray[np.float32]
    validation_masks: NDArray[np.uint8]
    test_images: NDArray[np.float32] | None = None
    test_masks: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if (self.test_images is None) != (self.test_masks is None):
            raise TrainingError("Invalid test arrays: received one of images and masks, expected both or none.")
        for name, images, masks in self.parts():
            if images.ndim != 4 or images.dtype != np.float32:
                raise TrainingError(
                    f"Invalid {name}_images: received {images.dtype} {images.shape}, "
                    "expected float32 (items, height, width, channels)."
                )
            if masks.dtype != np.uint8 or masks.shape != images.shape[:3]:
                raise TrainingError(
                    f"Invalid {name}_masks: received {masks.dtype} {masks.shape}, "
                    f"expected uint8 {images.shape[:3]} like the images."
                )
            if len(images) == 0:
                raise TrainingError(f"Invalid {name}_images: received no items, expected at least one.")
            if masks.max() > 1:
                raise TrainingError(
                    f"Invalid {name}_masks: received values up to {masks.max()}, expected only 0 and 1."
                )

    @property
    def training_foreground(self) -> float:
        """Share of the pixels of all training masks that is foreground."""
        return float(self.training_masks.mean())

    def parts(self) -> list[tuple[str, NDArray[np.float32], NDArray[np.uint8]]]:
        """Return name, images and masks of each part that there is."""
        parts = [
            ("training", self.training_images, self.training_masks),
            ("validation", self.validation_images, self.validation_masks),
        ]
        if self.test_images is not None and self.test_masks is not None:
            parts.append(("test", self.test_images, self.test_masks))
        return parts
