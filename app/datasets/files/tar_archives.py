"""Unpacking a tar, plain or gzipped: read once from front to end, every entry checked before it is written.

`tarfile` reads headers and file content only: it never writes, so that links and attributes cannot act.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import IO, Any, NoReturn, Self, cast

from app.datasets.files.archive_entries import (
    ArchiveLimits,
    DamagedArchiveError,
    EntryNames,
    Unpacking,
    bad_entry,
    check_size,
    too_large,
)

BLOCK_BYTES = 512

_EXTENSION_TYPES = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)
_LARGEST_EXTENSION_BYTES = 64 * 1024
_HEADER_BYTES_PER_FILE = 4 * BLOCK_BYTES
_DRAINED_BYTES = 1024 * 1024
#: The end marker and the padding of a small archive, which gzip packs to nothing.
_SLACK_BYTES = 64 * 1024


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes begins a tar: its checksum is right."""
    try:
        tarfile.TarInfo.frombuf(block[:BLOCK_BYTES], tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def unpack_tar(archive: Path, unpacking: Unpacking, *, packed: int, limits: ArchiveLimits, is_gzip: bool) -> None:
    """Unpack a tar.

    Raises
    ------
    tarfile.TarError, DamagedArchiveError, EOFError, gzip.BadGzipFile, zlib.error
        No tar, or a damaged one.
    InvalidInputError
        An entry that is a link, a device, a sparse file, a duplicate or leaves the folder.
    TooLargeError
        Over a limit.
    """
    names = EntryNames()
    with cast("IO[bytes]", gzip.open(archive)) if is_gzip else archive.open("rb") as stream:
        bounded = cast("IO[bytes]", _Bounded(stream, name=archive.name, packed=packed, limits=limits))
        with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_CheckedTarInfo, errors="surrogateescape") as opened:
            count = 0
            while (member := _next(opened)) is not None:
                # It keeps every header for random access, which a stream does not have.
                opened.members.clear()  # type: ignore[attr-defined]
                count += 1
                if count > limits.max_files:
                    raise too_large(archive.name, f"more than {limits.max_files:,} files", "fewer")
                _unpack_member(opened, member, names=names, unpacking=unpacking)
            if not getattr(opened, "has_end", False):
                raise DamagedArchiveError
        # The checksum of a gzip stands at its end.
        while bounded.read(_DRAINED_BYTES):
            pass


def _next(opened: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        return opened.next()
    except (ValueError, LookupError, TypeError) as error:
        # `tarfile` lets errors of its parsing through.
        raise DamagedArchiveError from error


def _unpack_member(
    opened: tarfile.TarFile, member: tarfile.TarInfo, *, names: EntryNames, unpacking: Unpacking
) -> None:
    if not (member.isreg() or member.isdir()):
        raise bad_entry(member.name, "a link or a device", "plain files and folders only")
    path = names.add(member.name, is_folder=member.isdir())
    content = opened.extractfile(member) if path is not None and member.isreg() else None
    if path is not None and content is not None:
        unpacking.write(path, content, size=member.size)


class _CheckedTarInfo(tarfile.TarInfo):
    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            # The marker that a tar cut short between two files lacks.
            tarfile_.has_end = True  # type: ignore[attr-defined]
            raise

    def _proc_member(self, tarfile_: tarfile.TarFile) -> Any:
        # `tarfile` reads these into memory, whatever size they claim.
        if self.type in _EXTENSION_TYPES and self.size > _LARGEST_EXTENSION_BYTES:
            raise bad_entry(self.name, "a description that is too long", f"at most {_LARGEST_EXTENSION_BYTES:,} bytes")
        if self.size < 0:
            raise DamagedArchiveError
        return super()._proc_member(tarfile_)  # type: ignore[misc]

    def _refuse_sparse(self, *_details: object) -> NoReturn:
        # The map of a sparse file can be made to never end; microscopes write none.
        raise bad_entry(self.name, "a sparse file", "plain files and folders only")

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


class _Bounded(io.RawIOBase):
    """Counts what comes out of the compression, headers and skipped files included."""

    def __init__(self, stream: IO[bytes], *, name: str, packed: int, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._name = name
        self._packed = packed
        self._limits = ArchiveLimits(
            max_bytes=limits.max_bytes + limits.max_files * _HEADER_BYTES_PER_FILE + _SLACK_BYTES,
            max_ratio=limits.max_ratio,
            max_files=limits.max_files,
        )
        self._bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read and count."""
        data = self._stream.read(size)
        self._bytes += len(data)
        beyond_slack = max(0, self._bytes - _SLACK_BYTES)
        check_size(beyond_slack, name=self._name, packed=self._packed, limits=self._limits)
        return data
