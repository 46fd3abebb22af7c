"""The picture files of a folder, and why the others are none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from app.datasets.files.names import PICTURE_SUFFIXES, is_dropping, printable, stem_of
from app.datasets.pairing.outcome import Problem, ProblemCode
from app.domain.errors import FieldError, InvalidInputError

MOST_FILES = 200_000


class PictureFile(NamedTuple):
    """One file, by name a picture.

    `key` is its path below the listed folder without file type, `path` its path below the dataset's root; both with
    forward slashes.
    """

    key: str
    path: str


def list_pictures(
    folder: Path, *, root: Path, recursive: bool, field: str, problems: list[Problem]
) -> list[PictureFile]:
    """List a folder, sorted; hidden files and what operating systems drop are ignored.

    Parameters
    ----------
    folder : Path
        Inside `root`, links followed.
    root : Path
        The dataset's folder, links followed. Links to files must stay inside it; links to folders are not entered.
    recursive : bool
        Whether subfolders are entered.
    field : str
        The form field to blame.
    problems : list of Problem
        Receives a reason for every file that is not listed.

    Raises
    ------
    InvalidInputError
        The folder cannot be read or holds too many files.
    """
    try:
        entries = sorted(_entries(folder, recursive=recursive))
    except (OSError, ValueError) as error:
        message = f"Invalid folder '{folder}': received no readable folder, expected one with pictures; check the name."
        raise InvalidInputError(message, fields=(FieldError(field, message),)) from error
    except _TooManyError as error:
        message = (
            f"Invalid folder '{folder}': received more than {MOST_FILES:,} files, expected fewer; choose a folder "
            "further down, or register it in parts."
        )
        raise InvalidInputError(message, fields=(FieldError(field, message),)) from error
    files: list[PictureFile] = []
    for entry in entries:
        problem = unusable(entry, root=root)
        if problem is None:
            below = entry.relative_to(folder)
            files.append(
                PictureFile((below.parent / stem_of(below.name)).as_posix(), entry.relative_to(root).as_posix())
            )
        else:
            problems.append(problem)
    return files


def unusable(entry: Path, *, root: Path) -> Problem | None:
    """Return why a file cannot be a picture of the dataset, as far as its name and links tell; None if it can."""
    name = printable(entry.relative_to(root).as_posix())
    if name != entry.relative_to(root).as_posix():
        return Problem(
            name,
            ProblemCode.UNSUPPORTED_FILE,
            f"Invalid file name '{name}': received bytes that are not UTF-8, expected a Unicode name; rename the file.",
        )
    if entry.suffix.lower() not in PICTURE_SUFFIXES:
        return Problem(
            name,
            ProblemCode.UNSUPPORTED_FILE,
            f"Invalid file '{name}': received {entry.suffix or 'no suffix'}, expected "
            f"{' '.join(sorted(PICTURE_SUFFIXES))}; export it in one of these formats or move it elsewhere.",
        )
    if entry.is_symlink() and not _stays_inside(entry, root):
        return Problem(
            name,
            ProblemCode.OUTSIDE_ROOT,
            f"Invalid file '{name}': received a link that leaves the dataset's folder, expected a file inside it; "
            "copy the file instead of linking it.",
        )
    return None


class _TooManyError(Exception):
    pass


def _entries(folder: Path, *, recursive: bool) -> Iterator[Path]:
    count = 0
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if is_dropping(entry.name):
                    continue
                if entry.is_dir():
                    if recursive and not entry.is_symlink():
                        waiting.append(Path(entry.path))
                    if not entry.is_symlink():
                        continue
                count += 1
                if count > MOST_FILES:
                    raise _TooManyError
                yield Path(entry.path)


def _stays_inside(entry: Path, root: Path) -> bool:
    try:
        return entry.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False
