"""The chain of directories that lists a TIFF's pages, walked with a limit: hostile files chain them in circles."""

from __future__ import annotations

import struct
from typing import BinaryIO

from app.datasets.files.unreadable import unreadable

MOST_PAGES = 100_000

_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43
_MOST_TAGS = 4096


def count_directories(stream: BinaryIO, *, name: str, size: int) -> int:
    """Return the number of directories in a TIFF or BigTIFF.

    Parameters
    ----------
    stream : binary file
        Seekable; its position changes.
    name : str
        For messages.
    size : int
        Of the file in bytes.

    Raises
    ------
    UnreadableImageError
        The chain is broken, runs in a circle, or is too long.
    """
    stream.seek(0)
    header = stream.read(16)
    order = _ORDERS.get(header[:2], "<")
    (magic,) = struct.unpack_from(f"{order}H", header.ljust(16, b"\0"), 2)
    is_big = magic == _BIG
    offset_format, count_format, tag_bytes = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    offset_bytes, count_bytes = struct.calcsize(offset_format), struct.calcsize(count_format)
    if magic not in (_CLASSIC, _BIG) or len(header) < (16 if is_big else 8):
        raise _broken(name, "no header")
    (offset,) = struct.unpack_from(f"{order}{offset_format}", header, 8 if is_big else 4)
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise _broken(name, "pages that refer to each other in a circle")
        if len(seen) == MOST_PAGES:
            raise _broken(name, f"more than {MOST_PAGES:,} pages")
        if offset + count_bytes > size:
            raise _broken(name, f"a page that would begin at byte {offset:,} of {size:,}")
        seen.add(offset)
        stream.seek(offset)
        (tags,) = struct.unpack(f"{order}{count_format}", stream.read(count_bytes))
        if tags > _MOST_TAGS or offset + count_bytes + tags * tag_bytes + offset_bytes > size:
            raise _broken(name, f"a page whose table leaves the file of {size:,} bytes")
        stream.seek(tags * tag_bytes, 1)
        (offset,) = struct.unpack(f"{order}{offset_format}", stream.read(offset_bytes))
    if not seen:
        raise _broken(name, "no page")
    return len(seen)


def _broken(name: str, received: str) -> Exception:
    return unreadable(
        name,
        received=f"a TIFF that is damaged or cut short: {received}",
        expected="a complete TIFF",
        action="copy or export it again",
    )
