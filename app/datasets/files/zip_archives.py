"""Unpacking a ZIP: its table of contents is checked before anything is unpacked."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath

from app.datasets.files.archive_entries import (
    ArchiveLimits,
    EntryNames,
    Unpacking,
    bad_entry,
    check_size,
    too_large,
)

_END_RECORD = b"PK\x05\x06"
_END_RECORD_64 = b"PK\x06\x06"
_END_RECORD_SEARCH_BYTES = 66_000
_TABLE_BYTES_PER_FILE = 1024
_ENCRYPTED = 0x1


def unpack_zip(archive: Path, unpacking: Unpacking, *, packed: int, limits: ArchiveLimits) -> None:
    """Unpack a ZIP; names, kinds and announced sizes are checked before.

    Raises
    ------
    zipfile.BadZipFile, DamagedArchiveError, and others of `zipfile`
        No ZIP, or a damaged one.
    InvalidInputError
        Encrypted, or an entry that is a link, a duplicate or leaves the folder.
    TooLargeError
        Over a limit.
    """
    _check_table(archive, limits=limits)
    with zipfile.ZipFile(archive) as opened:
        for info, path in _checked_entries(opened, packed=packed, limits=limits, name=archive.name):
            with opened.open(info) as source:
                unpacking.write(path, source, size=info.file_size)


def _check_table(archive: Path, *, limits: ArchiveLimits) -> None:
    # `zipfile` holds the whole table of contents in memory: its size is bounded before it is read.
    with archive.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - _END_RECORD_SEARCH_BYTES))
        tail = stream.read()
    position = tail.rfind(_END_RECORD)
    if position < 0:
        raise zipfile.BadZipFile
    (table_bytes,) = struct.unpack_from("<L", tail, position + 12)
    position_64 = tail.rfind(_END_RECORD_64, 0, position)
    if position_64 >= 0:
        table_bytes = max(table_bytes % 0xFFFFFFFF, *struct.unpack_from("<Q", tail, position_64 + 40))
    if table_bytes > limits.max_files * _TABLE_BYTES_PER_FILE:
        raise too_large(archive.name, "a longer table of contents", f"at most {limits.max_files:,} files")


def _checked_entries(
    opened: zipfile.ZipFile, *, packed: int, limits: ArchiveLimits, name: str
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = opened.infolist()
    if len(infos) > limits.max_files:
        raise too_large(name, f"{len(infos):,} files", f"at most {limits.max_files:,}")
    check_size(sum(info.file_size for info in infos), packed=packed, limits=limits, name=name)
    names = EntryNames()
    entries: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    for info in infos:
        # `orig_filename` still has what `zipfile` cuts off behind a NUL.
        path = names.add(info.orig_filename, is_folder=info.is_dir())
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise bad_entry(info.orig_filename, "a link or a device", "files and folders only")
        if info.flag_bits & _ENCRYPTED:
            raise bad_entry(info.orig_filename, "an encrypted file", "one without a password")
        if path is not None and not info.is_dir():
            entries.append((info, path))
    return entries
