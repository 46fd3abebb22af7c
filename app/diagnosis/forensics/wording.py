"""How statements write numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

#: So many stretches of epochs are listed; more would not be read.
_MOST_STRETCHES = 4


def share(value: float) -> str:
    """Write a share of pixels as a percentage with four digits.

    Examples
    --------
    >>> share(0.1272821)
    '12.73 %'
    """
    return f"{100 * value:.2f} %" if value >= 0.001 else f"{100 * value:.2g} %"


def listed_epochs(epochs: Sequence[int]) -> str:
    """Write epochs as stretches.

    Examples
    --------
    >>> listed_epochs([1, 2, 3, 7])
    'epochs 1–3, 7'
    >>> listed_epochs([16])
    'epoch 16'
    """
    stretches = [[epochs[0], epochs[0]]]
    for before, epoch in pairwise(epochs):
        if epoch == before + 1:
            stretches[-1][1] = epoch
        else:
            stretches.append([epoch, epoch])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in stretches]
    if len(shown) > _MOST_STRETCHES:
        shown = [*shown[:_MOST_STRETCHES], "…"]
    return f"{'epoch' if len(epochs) == 1 else 'epochs'} {', '.join(shown)}"
