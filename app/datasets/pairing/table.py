"""Pairs named in a CSV file with the columns image and mask, optionally group."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from app.datasets.files.names import printable, stem_of
from app.datasets.files.roots import confined_file
from app.datasets.items.source import ItemSource
from app.datasets.pairing.listing import MOST_FILES, unusable
from app.datasets.pairing.outcome import Problem, ProblemCode
from app.domain.dataset_import import ImportSpec
from app.domain.errors import FieldError, InvalidInputError

_LARGEST_BYTES = 64 * 1024**2
_LONGEST_PATH = 4096
_LONGEST_GROUP = 255
_DELIMITERS = ",;\t"
_SAMPLE_CHARACTERS = 64 * 1024
_IMAGE, _MASK, _GROUP = "image", "mask", "group"


class _Row(NamedTuple):
    line: int
    image: str
    mask: str
    group: str


class _RowError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def pair_table(root: Path, spec: ImportSpec, *, problems: list[Problem]) -> list[ItemSource]:
    """Read the pairs that a table names.

    Comma, semicolon or tabulator separate the columns; capital letters and other columns do not matter. Paths are
    relative to the table's folder and must stay inside the dataset's. Names are the images' names; those that
    occur in several folders are told apart by their path.

    Parameters
    ----------
    root : Path
        The dataset's folder, links followed.
    spec : ImportSpec
        Its `table` is used.
    problems : list of Problem
        Receives a reason for every row that is no pair.

    Raises
    ------
    InvalidInputError
        The table is missing, too large, no CSV, lacks a column, or names no usable pair.
    """
    table = confined_file(root, spec.table, field="import_spec.table")
    rows = list(_rows(table, shown=spec.table))
    if len(rows) > MOST_FILES:
        raise _invalid(spec.table, f"{len(rows):,} rows", f"at most {MOST_FILES:,}", "split it into several datasets")
    found: list[tuple[_Row, str, str]] = []
    for row in rows:
        try:
            image = _path(row.image, row=row, side=_IMAGE, table=table, root=root)
            mask = _path(row.mask, row=row, side=_MASK, table=table, root=root)
        except _RowError as error:
            problems.append(error.problem)
        else:
            found.append((row, image, mask))
    sources = _named(found, problems=problems)
    if not sources:
        reasons = " ".join(problem.message for problem in problems[:3])
        raise _invalid(
            spec.table,
            f"{len(rows)} rows of which none names a pair of files",
            "paths of pictures relative to the table",
            f"correct the paths. {reasons}",
        )
    return sources


def is_table(path: Path) -> bool:
    """Whether a file is a CSV with the columns image and mask."""
    try:
        next(_rows(path, shown=path.name), None)
    except InvalidInputError:
        return False
    return True


def _rows(table: Path, *, shown: str) -> Iterator[_Row]:
    try:
        with table.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise _invalid(shown, f"an error of the disk ({error.strerror})", "a readable file", "check it") from error
    if len(data) > _LARGEST_BYTES:
        raise _invalid(
            shown, f"more than {_LARGEST_BYTES:,} bytes", "a smaller table", "check that it is the right file"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(shown, "bytes that are not UTF-8", "a CSV in UTF-8", "save it as 'CSV UTF-8'") from error
    try:
        first_line = text[:_SAMPLE_CHARACTERS].partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first_line.count)
        reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [name.strip().casefold() for name in next(reader, [])]
        if _IMAGE not in header or _MASK not in header:
            columns = ", ".join(f"'{name[:40]}'" for name in header[:8]) or "an empty file"
            raise _invalid(shown, columns, "the columns 'image' and 'mask' in the first line", "add this line")
        places = {name: header.index(name) for name in (_IMAGE, _MASK, _GROUP) if name in header}
        for cells in reader:
            if any(cell.strip() for cell in cells):
                values = {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()}
                yield _Row(reader.line_num, values[_IMAGE], values[_MASK], values.get(_GROUP, ""))
    except csv.Error as error:
        raise _invalid(shown, f"a line that is no CSV ({error})", "a complete CSV", "save it again") from error


def _path(text: str, *, row: _Row, side: str, table: Path, root: Path) -> str:
    name = printable(text[:200])
    where = f"{table.name}, line {row.line}"
    if not text:
        raise _row_error(where, ProblemCode.BAD_ROW, f"no {side}", f"the path of the {side}")
    if "\0" in text or len(text) > _LONGEST_PATH or name != text[:200]:
        raise _row_error(where, ProblemCode.BAD_ROW, f"the {side} '{name}', an impossible path", "a path")
    relative = text.replace("\\", "/")
    try:
        path = Path(relative) if Path(relative).is_absolute() else table.parent / relative
        resolved = path.resolve()
        is_file = resolved.is_relative_to(root) and resolved.is_file()
    except (OSError, RuntimeError, ValueError):
        raise _row_error(where, ProblemCode.BAD_ROW, f"the {side} '{name}', an impossible path", "a path") from None
    if Path(relative).is_absolute() or not resolved.is_relative_to(root):
        received = f"the {side} '{name}', which leaves the dataset's folder"
        raise _row_error(where, ProblemCode.OUTSIDE_ROOT, received, "a path inside it, relative to the table")
    if not is_file:
        code = ProblemCode.MISSING_IMAGE if side == _IMAGE else ProblemCode.MISSING_MASK
        raise _row_error(where, code, f"the {side} '{name}', which is no file", "an existing file")
    problem = unusable(resolved, root=root)
    if problem is not None:
        raise _RowError(problem)
    return resolved.relative_to(root).as_posix()


def _named(found: list[tuple[_Row, str, str]], *, problems: list[Problem]) -> list[ItemSource]:
    stems = Counter(stem_of(Path(image).name) for image in {image for _, image, _ in found})
    sources: dict[str, ItemSource] = {}
    for row, image, mask in found:
        stem = stem_of(Path(image).name)
        name = stem if stems[stem] == 1 else (Path(image).parent / stem).as_posix()
        if name in sources:
            message = (
                f"Invalid row in line {row.line}: received the image '{image}' under the name '{name}' again, expected "
                "each once; remove or rename one."
            )
            problems.append(Problem(name, ProblemCode.DUPLICATE_STEM, message))
            continue
        sources[name] = ItemSource(name=name, group=row.group[:_LONGEST_GROUP], image_path=image, mask_path=mask)
    return sorted(sources.values(), key=lambda source: source.name)


def _row_error(where: str, code: ProblemCode, received: str, expected: str) -> _RowError:
    message = f"Invalid row ({where}): received {received}, expected {expected}; correct the row."
    return _RowError(Problem(where, code, message))


def _invalid(shown: str, received: str, expected: str, action: str) -> InvalidInputError:
    message = f"Invalid table '{shown}': received {received}, expected {expected}; {action}."
    return InvalidInputError(message, fields=(FieldError("import_spec.table", message),))
