"""The split is scikit-learn's, to the order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from app.datasets.splits.random import random_split
from app.domain.errors import InvalidInputError


@given(
    n_items=st.integers(2, 400),
    fraction=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**32 - 1),
)
def test_same_as_scikit_learn(n_items: int, fraction: float, seed: int) -> None:
    try:
        training, validation = train_test_split(range(n_items), test_size=fraction, random_state=seed)
    except ValueError:
        with pytest.raises(InvalidInputError):
            random_split(n_items, validation_fraction=fraction, seed=seed)
        return
    split = random_split(n_items, validation_fraction=fraction, seed=seed)
    assert split.training == tuple(training)
    assert split.validation == tuple(validation)


def test_the_reference_split() -> None:
    split = random_split(73, validation_fraction=0.1, seed=42)
    assert (len(split.training), len(split.validation)) == (65, 8)
    assert sorted(split.training + split.validation) == list(range(73))


@pytest.mark.parametrize(("n_items", "fraction"), [(0, 0.1), (1, 0.1), (3, 0.9), (10, 0.0), (10, 1.0)])
def test_impossible_splits_name_the_field(n_items: int, fraction: float) -> None:
    with pytest.raises(InvalidInputError, match="expected") as caught:
        random_split(n_items, validation_fraction=fraction, seed=0)
    assert [field.field for field in caught.value.fields] == ["split.validation_fraction"]
