"""Splits that a person names item by item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.datasets.splits.refusal import count_of, refusal
from app.datasets.splits.split_plan import Split, SplitPlan
from app.domain.errors import FieldError, InvalidInputError
from app.domain.split_spec import SplitSpec

#: A message quotes so many names; who pasted a wrong list sees from the first ones what is wrong.
QUOTED_NAMES = 5


def explicit_plan(names: Sequence[str], spec: SplitSpec) -> SplitPlan:
    """Return the sides that `spec` lists; positions ascend on each.

    An empty training list means all items that are in no other list. Items that no list names are on no side.

    Parameters
    ----------
    names : sequence of str
        Names of the dataset's items, sorted.
    spec : SplitSpec
        With the lists.

    Raises
    ------
    InvalidInputError
        With one field error for each list that is wrong: nothing to validate or to train on, names that the dataset
        does not have, or names that stand in a list twice or in two lists.
    """
    lists = {"training": spec.training, "validation": spec.validation, "test": spec.test}
    errors = [
        FieldError(f"split.{field}", message)
        for field, listed in lists.items()
        if (message := _problem(field, listed, known=frozenset(names), lists=lists))
    ]
    if not spec.validation:
        errors.append(
            FieldError("split.validation", "Received no names, expected at least one; name the validation items.")
        )
    if errors:
        listing = "; ".join(f"{error.field}: {error.message}" for error in errors)
        raise InvalidInputError(f"Invalid lists of items. {listing}", fields=errors)
    validation, test = frozenset(spec.validation), frozenset(spec.test)
    training = frozenset(spec.training) or frozenset(names) - validation - test
    if not training:
        raise refusal(
            "validation",
            "Validation and test items are all there is, which leaves none to train on; shorten a list.",
        )
    return SplitPlan(
        folds=(Split(training=_positions(names, training), validation=_positions(names, validation)),),
        test=_positions(names, test),
        unused=_positions(names, frozenset(names) - training - validation - test),
    )


def _problem(
    field: str, listed: Sequence[str], *, known: frozenset[str], lists: dict[str, tuple[str, ...]]
) -> str | None:
    unknown = [name for name in listed if name not in known]
    if unknown:
        return (
            f"The dataset has no {_quoted(unknown)}; names are those of its page, without the file's suffix. "
            f"Correct {'it' if len(unknown) == 1 else 'them'} or leave {'it' if len(unknown) == 1 else 'them'} out."
        )
    twice = [name for name, count in Counter(listed).items() if count > 1]
    if twice:
        return f"{_quoted(twice)} {'stands' if len(twice) == 1 else 'stand'} here more than once; name each item once."
    # Each pair of lists is reported once, at the later one.
    earlier = list(lists)[: list(lists).index(field)]
    for other in earlier:
        shared = [name for name in listed if name in frozenset(lists[other])]
        if shared:
            return (
                f"{_quoted(shared)} {'is' if len(shared) == 1 else 'are'} in the {other} list, too; "
                "an item has one side: take it out of one list."
            )
    return None


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:QUOTED_NAMES])
    more = len(names) - QUOTED_NAMES
    return f"{shown} and {count_of(more, 'more item').removesuffix('s')}" if more > 0 else shown


def _positions(names: Sequence[str], chosen: frozenset[str]) -> tuple[int, ...]:
    return tuple(position for position, name in enumerate(names) if name in chosen)
