"""The acquisition that an item comes from, as far as its name tells."""

from __future__ import annotations

import re

_TILE_SUFFIX = re.compile(r"(?:[_\-. ]grid)?[_\-. ]r\d+[_\-. ]?c\d+$|[_\-. ]tile[_\-. ]?\d+$", re.IGNORECASE)


def infer_group(name: str) -> str:
    """Return `name` without its tile suffix: `_grid_r3_c1`, `_r3_c1` or `_tile12`."""
    return _TILE_SUFFIX.sub("", name) or name
