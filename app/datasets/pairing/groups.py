"""What an item's name tells: the acquisition that it comes from, and its file-name family."""

from __future__ import annotations

import re

_TILE_SUFFIX = re.compile(r"(?:[_\-. ]grid)?[_\-. ]r\d+[_\-. ]?c\d+$|[_\-. ]tile[_\-. ]?\d+$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


def infer_group(name: str) -> str:
    """Return `name` without its tile suffix: `_grid_r3_c1`, `_r3_c1` or `_tile12`."""
    return _TILE_SUFFIX.sub("", name) or name


def name_family(name: str) -> str:
    """Return the pattern of a name: every run of digits becomes `#`.

    Examples
    --------
    >>> name_family("synthetic_80x_12_20250819165526016128")
    'synthetic_#x_#_#'
    """
    return _DIGITS.sub("#", name)
