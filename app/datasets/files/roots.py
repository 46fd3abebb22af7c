"""Which folders may be registered: nothing outside the configured roots, whatever links and dots say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from app.domain.errors import FieldError, InvalidInputError

_LONGEST_PATH = 4096


def confine(path: str | Path, roots: Iterable[Path]) -> Path:
    """Return the folder that `path` names, links followed, if it lies in one of `roots`.

    Parameters
    ----------
    path : str or Path
        Absolute path of an existing folder.
    roots : iterable of Path
        Folders below which (or at which) it must lie.

    Raises
    ------
    InvalidInputError
        With `root` as the field. Outside the roots it does not say whether the folder exists.
    """
    allowed = [_resolve(root, field="root") for root in roots]
    text = str(path)
    if not Path(text).is_absolute():
        raise _invalid(
            "root",
            f"Invalid folder {text!r}: received a relative path, expected an absolute one; start it with '/'.",
        )
    resolved = _resolve(path, field="root")
    if not any(resolved.is_relative_to(root) for root in allowed):
        names = ", ".join(f"'{root}'" for root in allowed) or "none"
        raise _invalid(
            "root",
            f"Invalid folder '{text}': received a folder outside the allowed ones, expected one "
            f"inside {names}; "
            "move the data there or add its folder to SEGSCOPE_DATASET_ROOTS.",
        )
    return _existing(resolved, shown=text, field="root")


def confined_child(root: Path, relative: str, *, field: str) -> Path:
    """Return the folder `relative` of `root`, links followed, if it lies in `root`.

    Parameters
    ----------
    root : Path
        A folder that `confine` returned.
    relative : str
        Relative path such as `images`; `.` is the root itself.
    field : str
        The form field to blame, such as `import_spec.images`.

    Raises
    ------
    InvalidInputError
        The path is empty, absolute, leaves the root, or is not a folder.
    """
    return _existing(_inside(root, relative, field=field, noun="subfolder"), shown=relative, field=field)


def confined_file(root: Path, relative: str, *, field: str) -> Path:
    """Return the file `relative` of `root`, links followed, if it lies in `root`.

    Parameters
    ----------
    root, relative, field
        As for `confined_child`.

    Raises
    ------
    InvalidInputError
        The path is empty, absolute, leaves the root, or is not a file.
    """
    resolved = _inside(root, relative, field=field, noun="file")
    if not _is(resolved, Path.is_file):
        received = "a folder" if _is(resolved, Path.is_dir) else "no such file"
        raise _invalid(
            field, f"Invalid file '{relative}': received {received}, expected an existing file; check the spelling."
        )
    return resolved


def _inside(root: Path, relative: str, *, field: str, noun: str) -> Path:
    if not relative.strip():
        raise _invalid(field, f"Invalid {noun}: received an empty name, expected a path such as 'images'; name it.")
    base = _resolve(root, field=field)
    resolved = _resolve(base / relative, field=field)
    if Path(relative).is_absolute() or not resolved.is_relative_to(base):
        raise _invalid(
            field,
            f"Invalid {noun} {relative!r}: received a path that leaves the dataset's folder, expected one "
            f"inside it; give the path of a {noun} relative to it.",
        )
    return resolved


def _resolve(path: str | Path, *, field: str) -> Path:
    text = str(path)
    try:
        if "\0" in text or len(text) > _LONGEST_PATH:
            raise ValueError
        return Path(text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        # NUL, bytes that no file system can hold, links that run in circles.
        raise _invalid(
            field,
            f"Invalid folder {text[:200]!r}: received an impossible path, expected an existing folder; correct it.",
        ) from error


def _existing(resolved: Path, *, shown: str, field: str) -> Path:
    if not _is(resolved, Path.is_dir):
        received = "a file" if _is(resolved, Path.is_file) else "no such folder"
        raise _invalid(
            field,
            f"Invalid folder '{shown}': received {received}, expected an existing folder; check the spelling.",
        )
    return resolved


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:
        return False


def _invalid(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(message, fields=(FieldError(field, message),))
