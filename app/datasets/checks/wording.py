"""How findings about data name numbers and items."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 3


def count(number: int, noun: str) -> str:
    """Return e.g. `1 item` or `3 items`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(texts: Sequence[str], *, most: int = _SHOWN) -> str:
    """Return the first texts, separated by commas, and how many more there are."""
    shown = ", ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most:,} more"


def percent(share: float) -> str:
    """Write a share (0 to 1); one below ten percent keeps a digit, because "0 %" would deny it.

    Examples
    --------
    >>> percent(0.4475), percent(0.0066)
    ('45 %', '0.66 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
