"""Which items train and which validate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from app.domain.errors import FieldError, InvalidInputError


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the items (sorted by name), in the order in which scikit-learn would return them."""

    training: tuple[int, ...]
    validation: tuple[int, ...]


def random_split(n_items: int, *, validation_fraction: float, seed: int) -> Split:
    """Divide items at random, exactly as scikit-learn's `train_test_split` with the same seed.

    Parameters
    ----------
    n_items : int
        Number of items.
    validation_fraction : float
        Strictly between 0 and 1; the number of validation items is rounded up.
    seed : int
        0 to 2**32 - 1.

    Raises
    ------
    InvalidInputError
        Fewer than two items, a share outside (0, 1), or nothing left to train on.
    """
    if not 0 < validation_fraction < 1:
        raise _invalid(f"received {validation_fraction:g}, expected a share between 0 and 1; 0.1 is usual.")
    if n_items < 2:
        raise _invalid(
            f"received {n_items} item{'' if n_items == 1 else 's'}, expected at least 2, one to "
            "train and one "
            "to validate; add image/mask pairs."
        )
    n_validation = math.ceil(validation_fraction * n_items)
    if n_validation >= n_items:
        raise _invalid(
            f"received {validation_fraction:g}, which leaves none of the {n_items} items for training; "
            f"expected at most {(n_items - 1) / n_items:.3g}; lower it or add items."
        )
    # The legacy generator on purpose: its permutation is the one that scikit-learn draws.
    order = [int(index) for index in np.random.RandomState(seed).permutation(n_items)]
    return Split(training=tuple(order[n_validation:]), validation=tuple(order[:n_validation]))


def _invalid(detail: str) -> InvalidInputError:
    message = f"Invalid validation share: {detail}"
    return InvalidInputError(message, fields=(FieldError("split.validation_fraction", message),))
