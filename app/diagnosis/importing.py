"""From the text of a CSV file to a history, whatever program wrote it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence

import numpy as np

from app.diagnosis.history_table import EPOCH_COLUMN, INDEX_COLUMNS, VALIDATION_PREFIX, HistoryTable
from app.domain.errors import InvalidInputError
from app.domain.history import TRAINING_COLUMNS

#: Larger is no training history: a million epochs of the usual columns have some 100 MB.
MOST_BYTES = 64 * 1024 * 1024

SEPARATORS = (",", ";", "\t")

#: Cells that say *not recorded*. Keras' `CSVLogger` itself writes NA.
MISSING = frozenset({"", "na", "n/a", "none", "null", "-", "–"})

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Keras numbers the metrics of a second model in the same session: `iou_1`, `val_iou_1`.
_NUMBERED = re.compile(r"_\d+$")
_VALIDATION = re.compile(r"^(?:validation|valid)_")
_TRAINING = re.compile(r"^(?:train|training)_")

_KNOWN = frozenset(TRAINING_COLUMNS) | {f"{VALIDATION_PREFIX}{name}" for name in TRAINING_COLUMNS}


def decode_history(data: bytes) -> str:
    """Decode a CSV file: UTF-8, UTF-16 with a byte order mark, else Latin-1.

    Raises
    ------
    InvalidInputError
        For a file that is too large, or that is no text.
    """
    if len(data) > MOST_BYTES:
        raise InvalidInputError(
            f"Invalid history: received {len(data) / 1e6:.0f} MB, expected a CSV file with one line an epoch (at most "
            f"{MOST_BYTES // 1024**2} MB)."
        )
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding is None and b"\0" in data:
        raise InvalidInputError(
            "Invalid history: received a binary file, expected CSV text. Export the history as CSV."
        )
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_history(text: str) -> HistoryTable:
    """Read the text of a CSV history.

    Understood are the separators comma, semicolon and tab, decimal commas (where the comma does not separate),
    quoted cells, any line ends, a header that is repeated by `CSVLogger(append=True)`, a last line that was cut off
    while it was written, an index column, epochs from 0 or 1, and the usual spellings of the metrics. Columns of text
    are left out. Where a history has Dice but no Jaccard, Jaccard = Dice / (2 − Dice), which is exact for counts.

    Raises
    ------
    InvalidInputError
        If the text is no training history, or a cell of a metric is no number.
    """
    lines = [row for row in _rows(text) if any(cell.strip() for cell in row)]
    if not lines:
        raise InvalidInputError("Invalid history: received an empty file, expected a header and one line an epoch.")
    header = [_name(cell) for cell in lines[0]]
    if not _KNOWN & set(map(_canonical, header)):
        raise InvalidInputError(
            f"Invalid history: received the columns {', '.join(filter(None, header))[:200]!r}, expected those of a "
            "training, such as loss, val_loss, jaccard, val_jaccard (or iou, dice, accuracy). Is it the right file?"
        )
    # A header that comes again belongs to a training that was continued.
    body = [row for row in lines[1:] if [_name(cell) for cell in row] != header]
    if body and all(len(row) == len(header) + 1 for row in body):
        # R writes its row names without a header.
        header = ["", *header]
    _check_width(body, header)
    columns: dict[str, list[float | str | None]] = {}
    for index, name in enumerate(header):
        # A second column of the same name is a copy that a spreadsheet or a join has made.
        if name not in columns:
            columns[name] = [_cell(row[index]) if index < len(row) else None for row in body]
    numeric = {name: cells for name, cells in columns.items() if _is_numeric(name, cells)}
    return _with_jaccard(HistoryTable.from_csv_columns(numeric))


def _rows(text: str) -> list[list[str]]:
    text = text.removeprefix("\ufeff")
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=header.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise InvalidInputError(
            f"Invalid history: received text that is no CSV ({error}). Export the file again."
        ) from None


def _check_width(body: list[list[str]], header: list[str]) -> None:
    for number, row in enumerate(body, start=1):
        if any(cell.strip() for cell in row[len(header) :]):
            raise InvalidInputError(
                f"Invalid history: received {len(row)} cells in row {number}, expected {len(header)}, as the "
                "header has. "
                "Decimal commas need another separator, such as a semicolon."
            )
    if body and len(body[-1]) < len(header):
        # The last line was cut off while it was written, and its last number with it.
        body[-1].pop()


def _name(cell: str) -> str:
    name = re.sub(r"[\s\-]+", "_", cell.strip().lower())
    if cell.strip() in INDEX_COLUMNS:
        return cell.strip()
    name = _TRAINING.sub("", _VALIDATION.sub(VALIDATION_PREFIX, name))
    return "epoch" if name in {"epochs", "epoch_number"} else _NUMBERED.sub("", name)


def _canonical(name: str) -> str:
    """Return the project's name of one column, as `HistoryTable` would give it."""
    return next(iter(HistoryTable.from_csv_columns({name: []}).names), "")


def _cell(text: str) -> float | str | None:
    text = text.strip()
    if text.lower() in MISSING:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        # A comma inside a cell is a decimal comma: as a separator it would have ended the cell.
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _is_numeric(name: str, cells: Sequence[float | str | None]) -> bool:
    if name == EPOCH_COLUMN or name in INDEX_COLUMNS or _canonical(name) in _KNOWN:
        # A word in one of these is an error that `HistoryTable` names; in others it is a remark.
        return True
    return not any(isinstance(cell, str) for cell in cells)


def _with_jaccard(history: HistoryTable) -> HistoryTable:
    values, masks = dict(history.values), dict(history.masks)
    for prefix in ("", VALIDATION_PREFIX):
        dice, jaccard = f"{prefix}dice", f"{prefix}jaccard"
        if jaccard not in values and dice in values:
            with np.errstate(all="ignore"):
                values[jaccard] = values[dice] / (2 - values[dice])
            masks[jaccard] = masks[dice]
    return HistoryTable(epochs=history.epochs, values=values, masks=masks)
