"""The sides of a split that score a network, each against what the network has seen before."""

from __future__ import annotations

from typing import NamedTuple

from app.datasets.checks.measures import SplitSides


class HeldOut(NamedTuple):
    """One side that scores.

    Parameters
    ----------
    side : str
        `validation` or `test`.
    names : frozenset of str
        Its items.
    seen : frozenset of str
        Items that it must have nothing in common with: a test set is kept from validation as well.
    seen_text : str
        What these are called.
    """

    side: str
    names: frozenset[str]
    seen: frozenset[str]
    seen_text: str


def held_out_sides(sides: SplitSides) -> tuple[HeldOut, ...]:
    """Return the sides with items."""
    both = (
        HeldOut("validation", sides.validation, sides.training, "training"),
        HeldOut("test", sides.test, sides.training | sides.validation, "training or validation"),
    )
    return tuple(entry for entry in both if entry.names)
