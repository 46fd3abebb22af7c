"""The trivial epochs and pixel counts of one history, read once and shared by all arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from app.diagnosis.forensics.accuracy_grid import AccuracyGrid, accuracy_grid
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.trivial_epochs import TrivialEpoch, emptiest, floor_epochs, full_epochs, fullest
from app.diagnosis.history_table import HistoryTable

#: ε in common use: Keras' backend epsilon, two often seen in hand-written metrics, and a "smooth" of 1.
EPSILONS = (1e-7, 1e-6, 1e-5, 1.0)

#: More foreground than this in a validation set is not believed: ten thousand images of 1024×1024.
MOST_PIXELS = 1e10

#: Full epochs whose scores agree within this share show a plateau, and not a passage.
PLATEAU_TOLERANCE = 0.02
PLATEAU_EPOCHS = 2

#: Two figures that agree within this share are taken to be the same.
SAME = 0.02

#: Two batches lower the inverted floor at least by half. From this ratio of all foreground to the inverted floor on it
#: is a mean over batches; below, unequal rounding or fractional mask pixels explain it.
BATCHES_RATIO = 1.9


@dataclass(frozen=True)
class Reading:
    """What the arguments share.

    Parameters
    ----------
    history : HistoryTable
        The history.
    facts : TrainingFacts
        What is known beside it.
    """

    history: HistoryTable
    facts: TrainingFacts

    @cached_property
    def floor(self) -> tuple[TrivialEpoch, ...]:
        """Epochs without a single hit."""
        return floor_epochs(self.history)

    @cached_property
    def full(self) -> tuple[TrivialEpoch, ...]:
        """Epochs in which everything was foreground."""
        return full_epochs(self.history)

    @cached_property
    def grid(self) -> AccuracyGrid | None:
        """The grid of the accuracies."""
        return accuracy_grid(self.history, self.facts)

    @property
    def pixels(self) -> int | None:
        """Validation pixels: as the accuracies say, or as given where they say nothing against it."""
        given = self.facts.validation_pixels
        if self.grid is None:
            return given
        # The grid is the true number or a divisor of it.
        return given if given is not None and given % self.grid.pixels == 0 else self.grid.pixels

    @property
    def empty_accuracy(self) -> float | None:
        """Accuracy of the empty prediction: the share of mask pixels that are exactly 0."""
        if not self.floor:
            return None
        accuracy = emptiest(self.floor).accuracy
        return accuracy if math.isfinite(accuracy) else None

    @property
    def not_zero(self) -> float | None:
        """Share of mask pixels that are not 0: the foreground, if the masks are binary."""
        accuracy = self.empty_accuracy
        return None if accuracy is None or not 0 < accuracy < 1 else 1 - accuracy

    @property
    def foreground_share(self) -> float | None:
        """Share of foreground as the trivial predictions' scores give it, without the floor.

        If both agree, the empty prediction's is exact, while the fullest epoch may have left out a pixel or two.
        """
        if not self.has_full_plateau:
            return self.not_zero
        level = fullest(self.full).jaccard
        if self.not_zero is not None and abs(self.not_zero - level) <= SAME * level:
            return self.not_zero
        return level

    @property
    def batches_ratio(self) -> float | None:
        """All foreground over the inverted floor: at most the number of batches over which Jaccard was averaged."""
        if self.foreground_pixels is None or self.pixels is None or self.foreground_share is None:
            return None
        return self.foreground_share * self.pixels / self.foreground_pixels

    @property
    def is_batch_mean(self) -> bool:
        """Whether the floor shows that Jaccard is a mean over batches."""
        return self.batches_ratio is not None and self.batches_ratio >= BATCHES_RATIO

    @property
    def has_full_plateau(self) -> bool:
        """Whether the fullest epoch is not alone."""
        if not self.full:
            return False
        level = fullest(self.full).jaccard
        return sum(abs(one.jaccard - level) <= PLATEAU_TOLERANCE * level for one in self.full) >= PLATEAU_EPOCHS

    def union(self, epsilon: float) -> float | None:
        """Invert the floor: U = ε (1/v − 1), the union without a hit, in pixels; None if there is no floor."""
        if not self.floor:
            return None
        return epsilon * (1 / emptiest(self.floor).jaccard - 1)

    def is_plausible(self, epsilon: float) -> bool:
        """Whether the union that an ε gives can be a number of foreground pixels of this validation set."""
        union = self.union(epsilon)
        if union is None or not 1 <= union <= MOST_PIXELS:
            return False
        if self.pixels is None:
            return True
        # What is not exactly 0 in the masks bounds the foreground from above; a mean over batches only lowers U.
        most = 1.0 if self.empty_accuracy is None else 1 - self.empty_accuracy
        return union <= (1 + SAME) * most * self.pixels

    @cached_property
    def epsilon(self) -> float | None:
        """The ε with which the floor makes sense; None without a floor, or if none in common use does.

        One that gives the very foreground that the trivial predictions' scores show comes before the custom.
        """
        plausible = [epsilon for epsilon in EPSILONS if self.is_plausible(epsilon)]
        return next(filter(self.is_confirmed, plausible), next(iter(plausible), None))

    def is_confirmed(self, epsilon: float) -> bool:
        """Whether the union that an ε gives is the foreground that the trivial predictions' scores show."""
        union = self.union(epsilon)
        if union is None or self.pixels is None or self.foreground_share is None:
            return False
        return abs(union / self.pixels - self.foreground_share) <= SAME * self.foreground_share

    @cached_property
    def foreground_pixels(self) -> float | None:
        """Foreground pixels of the validation masks from the floor (a harmonic mean over the batches, if there are)."""
        return None if self.epsilon is None else self.union(self.epsilon)
