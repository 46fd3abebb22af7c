"""Small validation sets with real masks, scored as Keras scores them: what the forensics must find again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.diagnosis.history_table import HistoryTable

Array = NDArray[np.float64]

EPSILON = 1e-7


@dataclass(frozen=True)
class ValidationSet:
    """Masks, and the batches in which they are validated.

    Parameters
    ----------
    masks : ndarray of float64, shape (images, side, side)
        0 is background, 1 foreground; values between are fractional pixels.
    batch_size : int
        Jaccard is the mean over batches of this many images.
    epsilon : float
        The metric's ε.
    """

    masks: Array
    batch_size: int
    epsilon: float = EPSILON

    @classmethod
    def with_squares(
        cls, sides: Sequence[int], *, size: int = 64, edge: float = 1.0, batch_size: int = 0, epsilon: float = EPSILON
    ) -> ValidationSet:
        """Draw one square of each side length; its outermost ring has the value `edge`."""
        masks = np.zeros((len(sides), size, size))
        for mask, side in zip(masks, sides, strict=True):
            mask[4 : 4 + side, 6 : 6 + side] = edge
            mask[5 : 3 + side, 7 : 5 + side] = 1.0
        return cls(masks, batch_size or len(sides), epsilon)

    @property
    def nothing(self) -> Array:
        """The empty prediction."""
        return np.zeros_like(self.masks)

    @property
    def everything(self) -> Array:
        """The all-foreground prediction."""
        return np.ones_like(self.masks)

    def near(self, seed: int, *, wrong: float) -> Array:
        """Predict the masks, with a share of wrong pixels."""
        flips = np.random.default_rng(seed).random(self.masks.shape) < wrong
        return np.where(flips, self.masks <= 0.5, self.masks > 0.5).astype(np.float64)

    def row(self, prediction: Array, *, training: float = 0.5) -> dict[str, float]:
        """Score one prediction: the values that a `CSVLogger` would write, in float32."""
        jaccards = []
        for start in range(0, len(self.masks), self.batch_size):
            mask, drawn = (one[start : start + self.batch_size] for one in (self.masks, prediction))
            hits = float((mask * drawn).sum())
            union = float(mask.sum() + drawn.sum()) - hits
            jaccards.append((hits + self.epsilon) / (union + self.epsilon))
        # Keras' binary accuracy asks whether mask and thresholded prediction are equal: a fractional pixel never is.
        accuracy = float((self.masks == prediction).mean())
        return {
            "jacard_coef": training,
            "val_jacard_coef": float(np.float32(np.mean(jaccards))),
            "val_accuracy": float(np.float32(accuracy)),
        }


def history_of(rows: Sequence[dict[str, float]]) -> HistoryTable:
    """Put rows together to a history."""
    return HistoryTable.from_csv_columns({name: [row[name] for row in rows] for name in rows[0]})
