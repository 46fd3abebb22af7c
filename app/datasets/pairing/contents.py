"""What a folder holds, in a few words for a message."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.datasets.files.names import PICTURE_SUFFIXES, is_dropping, printable
from app.datasets.pairing.listing import PictureFile

_NAMES_SHOWN = 5
_FOLDERS_SHOWN = 12


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted, without links and hidden ones."""
    return sorted(
        child for child in folder.iterdir() if child.is_dir() and not child.is_symlink() and not is_dropping(child.name)
    )


def describe_tree(root: Path) -> str:
    """Say which folders a folder holds, two levels deep, and which files at the top."""
    folders = subfolders(root)
    folders += [grandchild for child in subfolders(root) for grandchild in subfolders(child)]
    names = [f"'{printable(folder.relative_to(root).as_posix())}'" for folder in sorted(folders)[:_FOLDERS_SHOWN]]
    listed = f"the folders {', '.join(names)}{', …' if len(folders) > len(names) else ''}" if names else "no folders"
    files = sorted(child.name for child in root.iterdir() if child.is_file() and not is_dropping(child.name))
    pictures = sum(Path(name).suffix.lower() in PICTURE_SUFFIXES for name in files)
    shown = ", ".join(f"'{printable(name)}'" for name in files[:_NAMES_SHOWN])
    text = f"{listed} and {_counted(len(files), 'file')} at the top"
    return text + (
        f" ({pictures} with a picture's type: {shown}{', …' if len(files) > _NAMES_SHOWN else ''})" if files else ""
    )


def describe_pictures(folder: Path, files: Sequence[PictureFile], *, root: Path) -> str:
    """Say how many pictures were listed in a folder, their first names and its subfolders."""
    names = [file.key for file in files[:_NAMES_SHOWN]]
    where = folder.relative_to(root).as_posix()
    text = f"{_counted(len(files), 'picture')} in {f'{where!r}' if where != '.' else 'the folder'}"
    text += f" ({', '.join(names)}{', …' if len(files) > len(names) else ''})" if names else ""
    inner = [printable(child.name) for child in subfolders(folder)]
    return text + (f" with the subfolders {', '.join(inner[:_NAMES_SHOWN])}" if inner else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
