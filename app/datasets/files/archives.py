"""Unpacking an uploaded archive that may be hostile."""

from __future__ import annotations

import gzip
import shutil
import struct
import tarfile
import uuid
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path

from app.datasets.files.archive_entries import ArchiveLimits, DamagedArchiveError, ExtractedArchive, Unpacking
from app.datasets.files.tar_archives import BLOCK_BYTES, is_tar_header, unpack_tar
from app.datasets.files.zip_archives import unpack_zip
from app.domain.errors import ConflictError, InvalidInputError, UnavailableError

#: What the names of archives end with that can be unpacked.
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

_GZIP = b"\x1f\x8b"
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, DamagedArchiveError, zlib.error, EOFError, struct.error,
    NotImplementedError, RuntimeError,
)  # fmt: skip


class ArchiveKind(StrEnum):
    """How files are packed together."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZIP = "tar.gz"


def archive_kind(path: Path) -> ArchiveKind | None:
    """Return what a file is by its content; None if it is no archive that can be unpacked."""
    with path.open("rb") as stream:
        head = stream.read(BLOCK_BYTES)
    if head.startswith(_GZIP):
        return ArchiveKind.TAR_GZIP
    if is_tar_header(head):
        return ArchiveKind.TAR
    return ArchiveKind.ZIP if zipfile.is_zipfile(path) else None


def extract_archive(archive: Path, target: Path, *, limits: ArchiveLimits) -> ExtractedArchive:
    """Unpack a zip, tar or gzipped tar into the new folder `target`; it appears only when everything is in it.

    Names, kinds and announced sizes are checked before; the bytes really written are counted during
    extraction. Hidden files and what operating systems drop are left out.

    Parameters
    ----------
    archive : Path
        The uploaded file; its content decides, not its name.
    target : Path
        Must not exist; its parent must.
    limits : ArchiveLimits
        Checked before and during extraction.

    Raises
    ------
    InvalidInputError
        No archive, damaged, encrypted, or an entry that is a link, a device, a duplicate or leaves the folder.
    TooLargeError
        Over a limit.
    ConflictError
        `target` exists.
    UnavailableError
        The disk is full or does not answer.
    """
    if target.exists():
        raise ConflictError(f"Invalid target '{target.name}': received a folder that exists, expected a new one.")
    partial = target.with_name(f".{target.name}-{uuid.uuid4().hex}.part")
    try:
        packed = archive.stat().st_size
        partial.mkdir()
        unpacking = Unpacking(partial, name=archive.name, packed=packed, limits=limits)
        kind = archive_kind(archive)
        if kind in (ArchiveKind.TAR, ArchiveKind.TAR_GZIP):
            is_gzip = kind is ArchiveKind.TAR_GZIP
            unpack_tar(archive, unpacking, packed=packed, limits=limits, is_gzip=is_gzip)
        else:
            unpack_zip(archive, unpacking, packed=packed, limits=limits)
        partial.rename(target)
    except _DAMAGE as error:
        raise InvalidInputError(
            f"Invalid archive '{archive.name}': received a file that is no zip or tar, or one that is damaged, cut "
            "short or packed in an unusual way, expected a complete .zip, .tar or .tar.gz; pack it again and upload it "
            "again."
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"Cannot unpack '{archive.name}': the disk answered '{error.strerror}'; free some space and try again."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return unpacking.extracted
