"""A run's history as columns of numbers, whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import InvalidInputError

EPOCH_COLUMN = "epoch"

#: Spellings of Keras trainings in the wild (each without `val_`) and the project's name for them. `jacard_coef` and
#: `dice_coef` are those of the tutorials that the reference study followed, `iou_score` and `f1-score` those of
#: segmentation_models, `lr` and `acc` those of Keras 2. Keras' own `mean_io_u` and `binary_io_u` are left out: they
#: average over the background as well, so that an empty prediction scores nearly one half.
COLUMN_ALIASES = {
    "jacard_coef": "jaccard",
    "jaccard_coef": "jaccard",
    "jacard": "jaccard",
    "jaccard_coefficient": "jaccard",
    "jaccard_index": "jaccard",
    "jaccard_score": "jaccard",
    "jaccard_similarity": "jaccard",
    "iou": "jaccard",
    "iou_coef": "jaccard",
    "iou_metric": "jaccard",
    "iou_score": "jaccard",
    "dice_coef": "dice",
    "dice_coefficient": "dice",
    "dice_score": "dice",
    "f1": "dice",
    "f1_score": "dice",
    "acc": "accuracy",
    "binary_accuracy": "accuracy",
    "pixel_accuracy": "accuracy",
    "lr": "learning_rate",
}

_ALIAS_ORDER = {name: position for position, name in enumerate(COLUMN_ALIASES)}

#: pandas writes its index without a name, and reads such a column back under the second name.
INDEX_COLUMNS = ("", "Unnamed: 0")

VALIDATION_PREFIX = "val_"

#: A larger number is no epoch but a time stamp or the like.
MOST_EPOCHS = 10**9


@dataclass(frozen=True, slots=True, eq=False)
class HistoryTable:
    """Columns of numbers over the epochs of one run.

    A value that was never recorded and a NaN that was recorded are both NaN in `column`; `recorded` tells them
    apart. Build one with `from_rows` or `from_csv_columns`.

    Parameters
    ----------
    epochs : ndarray of int64, shape (n,)
        Epoch numbers from 1, strictly increasing.
    values : mapping of str to ndarray of float64, shape (n,)
        The columns, under the project's metric names.
    masks : mapping of str to ndarray of bool, shape (n,)
        For each column, which of its values were recorded.
    """

    epochs: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    masks: Mapping[str, NDArray[np.bool_]]

    def __post_init__(self) -> None:
        if self.epochs.size and (self.epochs[0] < 1 or bool(np.any(np.diff(self.epochs) <= 0))):
            raise ValueError(
                f"Invalid epochs: received {self.epochs.tolist()[:10]}, expected numbers from 1, strictly increasing."
            )

    def __len__(self) -> int:
        return int(self.epochs.size)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, without the epoch."""
        return tuple(self.values)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return a column; NaN where nothing was recorded, and throughout for a column that does not exist."""
        if name in self.values:
            return self.values[name]
        return np.full(len(self), np.nan)

    def recorded(self, name: str) -> NDArray[np.bool_]:
        """Return in which epochs a column was recorded, be it as NaN."""
        if name in self.masks:
            return self.masks[name]
        return np.zeros(len(self), dtype=bool)

    def usable(self, *names: str) -> NDArray[np.bool_]:
        """Return in which epochs every one of `names` has a finite value."""
        result = np.ones(len(self), dtype=bool)
        for name in names:
            result &= np.isfinite(self.column(name))
        return result

    def head(self, rows: int) -> HistoryTable:
        """Return the first `rows` epochs: the history as it was then."""
        return HistoryTable(
            epochs=self.epochs[:rows],
            values={name: column[:rows] for name, column in self.values.items()},
            masks={name: mask[:rows] for name, mask in self.masks.items()},
        )

    @classmethod
    def from_rows(
        cls, rows: Sequence[Mapping[str, float | None]], *, epochs: Sequence[int] | None = None
    ) -> HistoryTable:
        """Build a table from one mapping of metric name to value for each epoch.

        Parameters
        ----------
        rows : sequence of mapping
            In the order of the epochs. A missing key and None both mean *not recorded*.
        epochs : sequence of int, optional
            Epoch numbers from 1. Without them the rows' own `epoch` counts, and 1, 2, 3 … where there is none.
        """
        if epochs is None:
            own = [row.get(EPOCH_COLUMN) for row in rows]
            epochs = [index if number is None else int(number) for index, number in enumerate(own, start=1)]
        elif len(epochs) != len(rows):
            raise ValueError(f"Invalid epochs: received {len(epochs)}, expected one for each of {len(rows)} rows.")
        # dict.fromkeys and not a set: the columns keep the order in which they were first seen.
        names = dict.fromkeys(name for row in rows for name in row if name != EPOCH_COLUMN)
        columns = {name: [row.get(name) for row in rows] for name in names}
        return cls._from_columns(columns, epochs=epochs)

    @classmethod
    def from_csv_columns(cls, columns: Mapping[str, Sequence[float | str | None]]) -> HistoryTable:
        """Build a table from the columns of a Keras `CSVLogger` file or of a saved `history.history`.

        Keras' spellings (`jacard_coef`, `lr`, …) become the project's names; where a file has several of one metric,
        the project's own wins, then the order of `COLUMN_ALIASES`. Epochs may count from 0 or from 1, or be absent. A
        training that was resumed with Keras' default `initial_epoch` counts twice from 0; such rows are numbered in
        the order of the file, so that none is lost.

        Parameters
        ----------
        columns : mapping of str to sequence
            Numbers, or the text of the cells. An empty cell was not recorded; the text ``nan`` was.
        """
        parsed = {
            name: [_cell(name, index, cell) for index, cell in enumerate(cells, start=1)]
            for name, cells in columns.items()
        }
        lengths = {name: len(cells) for name, cells in parsed.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidInputError(
                f"Invalid history: received columns of different lengths ({lengths}), expected one value an epoch in "
                "each. Export the file again."
            )
        count = next(iter(lengths.values()), 0)
        numbers: Sequence[float | None] | None = None
        for name in (EPOCH_COLUMN, *INDEX_COLUMNS):
            column = parsed.pop(name, None)
            numbers = column if numbers is None else numbers
        chosen: dict[str, str] = {}
        for name in parsed:
            canonical = _canonical(name)
            chosen[canonical] = min(name, chosen.get(canonical, name), key=_rank)
        renamed = {canonical: parsed[name] for canonical, name in chosen.items()}
        return cls._from_columns(renamed, epochs=_epoch_numbers(numbers, count=count))

    @classmethod
    def _from_columns(cls, columns: Mapping[str, Sequence[float | None]], *, epochs: Sequence[int]) -> HistoryTable:
        return cls(
            epochs=np.asarray(epochs, dtype=np.int64),
            values={
                name: np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
                for name, cells in columns.items()
            },
            masks={name: np.array([cell is not None for cell in cells], dtype=bool) for name, cells in columns.items()},
        )


def _canonical(name: str) -> str:
    is_validation = name.startswith(VALIDATION_PREFIX)
    bare = name.removeprefix(VALIDATION_PREFIX)
    canonical = COLUMN_ALIASES.get(bare, bare)
    return f"{VALIDATION_PREFIX}{canonical}" if is_validation else canonical


def _rank(name: str) -> int:
    """Order the spellings of one metric: the project's own, then those of `COLUMN_ALIASES` in its order."""
    bare = name.removeprefix(VALIDATION_PREFIX)
    return _ALIAS_ORDER.get(bare, -1)


def _cell(name: str, row: int, cell: float | str | None) -> float | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    try:
        return float(cell)
    except ValueError:
        raise InvalidInputError(
            f"Invalid history: received {cell!r} in column {name!r}, row {row}, expected a number. Remove the column "
            "or correct the cell."
        ) from None


def _epoch_numbers(numbers: Sequence[float | None] | None, *, count: int) -> Sequence[int]:
    in_order = range(1, count + 1)
    if numbers is None:
        return in_order
    whole = [int(number) for number in numbers if number is not None and np.isfinite(number)]
    if len(whole) < count or any(later <= earlier for earlier, later in pairwise(whole)):
        return in_order
    if whole and (whole[0] < 0 or whole[-1] > MOST_EPOCHS):
        return in_order
    shift = 1 if whole and whole[0] == 0 else 0
    return [number + shift for number in whole]
