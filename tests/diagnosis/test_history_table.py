"""Histories from rows and from Keras' files, and the difference between NaN and nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from app.diagnosis.history_table import HistoryTable
from app.domain.errors import InvalidInputError


def test_a_recorded_nan_differs_from_what_was_not_recorded() -> None:
    history = HistoryTable.from_rows([{"loss": 1.0, "val_loss": math.nan}, {"loss": None}])
    assert np.isnan(history.column("val_loss")).all()
    assert history.recorded("val_loss").tolist() == [True, False]
    assert history.recorded("loss").tolist() == [True, False]


def test_a_column_that_does_not_exist_is_nan_and_not_recorded() -> None:
    history = HistoryTable.from_rows([{"loss": 1.0}])
    assert math.isnan(history.column("dice")[0])
    assert not history.recorded("dice").any()


def test_rows_bring_their_epochs_or_are_counted() -> None:
    assert HistoryTable.from_rows([{"epoch": 3, "loss": 1.0}, {"epoch": 5}]).epochs.tolist() == [3, 5]
    assert HistoryTable.from_rows([{"loss": 1.0}, {"loss": 1.0}]).epochs.tolist() == [1, 2]
    assert HistoryTable.from_rows([{"loss": 1.0}], epochs=[7]).epochs.tolist() == [7]
    assert HistoryTable.from_rows([{"epoch": 3, "loss": 1.0}]).names == ("loss",)


@pytest.mark.parametrize("epochs", [[1], [2, 2], [2, 1], [0, 1]])
def test_epochs_must_count_up_from_one(epochs: list[int]) -> None:
    with pytest.raises(ValueError, match="Invalid epochs"):
        HistoryTable.from_rows([{}, {}], epochs=epochs)


def test_no_rows_make_an_empty_table() -> None:
    assert len(HistoryTable.from_rows([])) == 0
    assert len(HistoryTable.from_csv_columns({})) == 0
    assert len(HistoryTable.from_csv_columns({"epoch": []})) == 0


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("jacard_coef", "jaccard"),
        ("val_jacard_coef", "val_jaccard"),
        ("val_dice_coef", "val_dice"),
        ("lr", "learning_rate"),
        ("val_acc", "val_accuracy"),
        ("val_iou_score", "val_jaccard"),
        ("binary_accuracy", "accuracy"),
        ("f1_score", "dice"),
        # Averages over the background as well: not the project's Jaccard.
        ("val_mean_io_u", "val_mean_io_u"),
        ("val_predicted_foreground", "val_predicted_foreground"),
        ("my_metric", "my_metric"),
    ],
)
def test_keras_spellings_become_the_projects(spelling: str, name: str) -> None:
    assert HistoryTable.from_csv_columns({spelling: [0.5]}).names == (name,)


@pytest.mark.parametrize("order", [("jacard_coef", "jaccard"), ("jaccard", "jacard_coef")])
def test_the_projects_own_spelling_wins(order: tuple[str, ...]) -> None:
    values = {"jacard_coef": [0.1], "jaccard": [0.9]}
    assert HistoryTable.from_csv_columns({name: values[name] for name in order}).column("jaccard").tolist() == [0.9]


@pytest.mark.parametrize("order", [("iou", "jacard_coef"), ("jacard_coef", "iou")])
def test_of_two_other_spellings_the_order_of_the_list_decides(order: tuple[str, ...]) -> None:
    values = {"jacard_coef": [0.1], "iou": [0.9]}
    history = HistoryTable.from_csv_columns({f"val_{name}": values[name] for name in order})
    assert history.column("val_jaccard").tolist() == [0.1]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"epoch": ["0", "1", "2"]}, [1, 2, 3]),
        ({"epoch": ["1", "2", "3"]}, [1, 2, 3]),
        ({"epoch": ["4", "6", "7"]}, [4, 6, 7]),
        ({"": ["0", "1", "2"]}, [1, 2, 3]),
        ({"Unnamed: 0": [0, 1, 2]}, [1, 2, 3]),
        ({"": ["0", "1", "2"], "epoch": ["4", "5", "6"]}, [4, 5, 6]),
        ({}, [1, 2, 3]),
        ({"epoch": ["0", "1", "0"]}, [1, 2, 3]),
        ({"epoch": ["0", "", "2"]}, [1, 2, 3]),
        ({"epoch": ["-1", "0", "1"]}, [1, 2, 3]),
        ({"epoch": ["1e300", "2e300", "3e300"]}, [1, 2, 3]),
    ],
    ids=["zero", "one", "later", "index", "pandas", "epoch-first", "absent", "resumed", "gap", "negative", "no-epochs"],
)
def test_epochs_of_a_file(column: Mapping[str, Sequence[float | str]], expected: list[int]) -> None:
    history = HistoryTable.from_csv_columns({**column, "loss": ["1", "2", "3"]})
    assert history.epochs.tolist() == expected
    assert history.names == ("loss",)


def test_cells_are_numbers_nothing_or_not_finite() -> None:
    history = HistoryTable.from_csv_columns({"loss": ["1e-3", "", " ", "nan", "inf", "-Infinity", None, 2]})
    assert history.recorded("loss").tolist() == [True, False, False, True, True, True, False, True]
    assert history.usable("loss").tolist() == [True, False, False, False, False, False, False, True]


def test_an_error_names_column_and_row() -> None:
    with pytest.raises(InvalidInputError, match=r"'oops' in column 'loss', row 2"):
        HistoryTable.from_csv_columns({"loss": ["1", "oops"]})
    with pytest.raises(InvalidInputError, match="different lengths"):
        HistoryTable.from_csv_columns({"loss": ["1"], "val_loss": ["1", "2"]})


def test_head_is_the_history_as_it_was() -> None:
    history = HistoryTable.from_rows([{"loss": 1.0}, {"loss": 2.0}, {"loss": None}]).head(2)
    assert len(history) == 2
    assert history.column("loss").tolist() == [1.0, 2.0]
    assert history.recorded("loss").tolist() == [True, True]
