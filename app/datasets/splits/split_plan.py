"""What the strategies take and give: items, and the sides that they fall on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class TilePlace(NamedTuple):
    """Where an item lies in its file: tiles of one page may overlap.

    Parameters
    ----------
    file : str
        Image file, relative to the dataset's root.
    page : int or None
        Page of a stack.
    window : tuple of int or None
        (row, column, height, width) in pixels; None for the whole picture.
    """

    file: str
    page: int | None = None
    window: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class SplitItem:
    """What a split needs to know of an item.

    Parameters
    ----------
    name : str
        Unique; items are sorted by it.
    group : str
        Acquisition; the items of one are alike.
    foreground_fraction : float
        Share of foreground in the mask, 0 to 1.
    place : TilePlace or None
        Where it lies in its file, where that is known; only the search for overlapping tiles asks.
    """

    name: str
    group: str
    foreground_fraction: float
    place: TilePlace | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the items (sorted by name) on each side, in the order in which scikit-learn would return them."""

    training: tuple[int, ...]
    validation: tuple[int, ...]

    def of(self, positions: tuple[int, ...]) -> Split:
        """Return this split of a selection as positions in the whole: entry i of the selection is `positions[i]`."""
        return Split(
            training=tuple(positions[index] for index in self.training),
            validation=tuple(positions[index] for index in self.validation),
        )


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """All sides of a launch, as positions of the items.

    Parameters
    ----------
    folds : tuple of Split
        One, or one for each fold.
    test : tuple of int
        Held out: in none of the folds.
    unused : tuple of int
        On no side at all; only explicit lists leave items out.
    """

    folds: tuple[Split, ...]
    test: tuple[int, ...] = ()
    unused: tuple[int, ...] = ()
