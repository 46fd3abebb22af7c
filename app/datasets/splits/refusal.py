"""How a split says that it is impossible."""

from __future__ import annotations

from app.domain.errors import FieldError, InvalidInputError


def refusal(field: str, message: str) -> InvalidInputError:
    """Return the error that marks `field` of the split's specification, e.g. ``validation_fraction``."""
    return InvalidInputError(message, fields=(FieldError(f"split.{field}", message),))


def count_of(number: int, noun: str) -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> count_of(1, "item"), count_of(2, "item")
    ('1 item', '2 items')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
