"""What file names tell before a file is opened."""

from __future__ import annotations

from pathlib import PurePath

#: Suffixes of the files that are taken for pictures; their content decides what they really are.
PICTURE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})

_DROPPINGS = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"})
_OME = ".ome"


def is_dropping(name: str) -> bool:
    """Whether a file or folder name is hidden or left behind by an operating system."""
    return name.startswith(".") or name.lower() in _DROPPINGS


def printable(name: str) -> str:
    """Return a file name as valid Unicode: bytes that are none are replaced."""
    return name.encode("utf-8", "replace").decode("utf-8")


def stem_of(name: str) -> str:
    """Return a file's name without its type; `cell.ome.tif` is `cell`.

    Examples
    --------
    >>> stem_of("plate 1/a.b.tif"), stem_of("cell.OME.tiff")
    ('a.b', 'cell')
    """
    path = PurePath(name)
    stem = path.stem
    is_ome = path.suffix.lower() in TIFF_SUFFIXES and stem.lower().endswith(_OME) and len(stem) > len(_OME)
    return stem[: -len(_OME)] if is_ome else stem
