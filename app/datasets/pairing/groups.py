"""What an item's name tells: the acquisition that it comes from, and its file-name family."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from app.datasets.items.source import ItemSource
from app.datasets.pairing.group_pattern import match_groups

_SEPARATOR = r"[_\-. ]"
_TILE_SUFFIX = re.compile(
    rf"(?:{_SEPARATOR}grid)?{_SEPARATOR}r\d+{_SEPARATOR}?c\d+$"
    rf"|{_SEPARATOR}row{_SEPARATOR}?\d+{_SEPARATOR}?col(?:umn)?{_SEPARATOR}?\d+$"
    rf"|{_SEPARATOR}(?:x\d+{_SEPARATOR}?y\d+|y\d+{_SEPARATOR}?x\d+)$"
    rf"|{_SEPARATOR}(?:tile|patch|crop){_SEPARATOR}?\d+$",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")


def infer_group(name: str) -> str:
    """Return `name` without its tile suffix: `_grid_r3_c1`, `_r3_c1`, `_row3_col1`, `_x512_y0`, `_tile12`, `_crop3`."""
    return _TILE_SUFFIX.sub("", name) or name


def name_family(name: str) -> str:
    """Return the pattern of a name: every run of digits becomes `#`.

    Examples
    --------
    >>> name_family("synthetic_80x_12_20250819165526016128")
    'synthetic_#x_#_#'
    """
    return _DIGITS.sub("#", name)


def group_sources(sources: Sequence[ItemSource], *, pattern: str) -> list[ItemSource]:
    """Give every pair its acquisition.

    What `pattern` finds in the name comes first, then what a table or a stack said, then what the name tells.

    Parameters
    ----------
    sources : sequence of ItemSource
        Pairs of files, before pages and tiles are told apart.
    pattern : str
        As `ImportSpec.group_pattern`; empty for none.

    Raises
    ------
    InvalidInputError
        The pattern is wrong or takes too long.
    """
    names = [source.name for source in sources]
    matched = match_groups(names, pattern=pattern) if pattern else [None] * len(names)
    return [
        replace(source, group=found or source.group or infer_group(source.name))
        for source, found in zip(sources, matched, strict=True)
    ]
