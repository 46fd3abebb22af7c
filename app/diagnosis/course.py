"""The course of validation Jaccard in four numbers: its best, its last, and the median of its last three epochs."""

from __future__ import annotations

from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable

#: The end of a history is the median of so many epochs: one epoch cannot decide it.
END_EPOCHS = 3


@dataclass(frozen=True, slots=True)
class Course:
    """Numbers over the epochs with a finite validation Jaccard.

    Parameters
    ----------
    epochs : int
        How many such epochs there are.
    best, best_epoch : float, int
        The highest, and the first epoch that has it.
    last, last_epoch : float, int
        The last.
    end : float
        The median of the last three (of fewer, if there are fewer).
    """

    epochs: int
    best: float
    best_epoch: int
    last: float
    last_epoch: int
    end: float

    @property
    def kept(self) -> float:
        """Share of the best that is left at the end, 0 to 1; 0 if there never was anything."""
        return self.end / self.best if self.best > 0 else 0.0

    def is_below(self, share: float) -> bool:
        """Whether the end is below a share (0 to 1) of the best."""
        # A product, as the labels have it: a quotient would be rounded differently at the limit itself.
        return self.end < share * self.best

    @classmethod
    def of(cls, history: HistoryTable) -> Course | None:
        """Read a history; None if no epoch has a finite validation Jaccard."""
        usable = history.usable("val_jaccard")
        values: list[float] = history.column("val_jaccard")[usable].tolist()
        if not values:
            return None
        epochs: list[int] = history.epochs[usable].tolist()
        best = max(values)
        return cls(
            epochs=len(values),
            best=best,
            best_epoch=epochs[values.index(best)],
            last=values[-1],
            last_epoch=epochs[-1],
            end=_median(values[-END_EPOCHS:]),
        )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    # Halves first: a file may hold numbers whose sum overflows.
    return lower if lower == upper else lower / 2 + upper / 2
