"""Unpacking an uploaded archive that may be hostile."""

from __future__ import annotations

import shutil
import stat
import struct
import unicodedata
import uuid
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.datasets.files.names import is_dropping
from app.domain.errors import ConflictError, InvalidInputError, TooLargeError, UnavailableError

_CHUNK_BYTES = 1024 * 1024
_END_RECORD = b"PK\x05\x06"
_END_RECORD_64 = b"PK\x06\x06"
_END_RECORD_SEARCH_BYTES = 66_000
_TABLE_BYTES_PER_FILE = 1024
_LONGEST_NAME_BYTES = 255
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold at most.

    Parameters
    ----------
    max_bytes : int
        Unpacked size.
    max_ratio : float
        Unpacked ÷ packed size of the whole archive.
    max_files : int
        Entries, folders included.
    """

    max_bytes: int
    max_ratio: float
    max_files: int


@dataclass(frozen=True, slots=True)
class ExtractedArchive:
    """What was unpacked."""

    files: int
    bytes: int


def extract_zip(archive: Path, target: Path, *, limits: ArchiveLimits) -> ExtractedArchive:
    """Unpack a ZIP into the new folder `target`; it appears only when everything is in it.

    Names, kinds and announced sizes are checked before; the bytes really written are counted during
    extraction. Hidden files and what operating systems drop are left out.

    Parameters
    ----------
    archive : Path
        The uploaded file.
    target : Path
        Must not exist; its parent must.
    limits : ArchiveLimits
        Checked before and during extraction.

    Raises
    ------
    InvalidInputError
        Not a ZIP, damaged, encrypted, or an entry that is a link, a duplicate or leaves the folder.
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
        _check_table(archive, limits=limits)
        with zipfile.ZipFile(archive) as opened:
            entries = _checked_entries(opened, packed=packed, limits=limits, name=archive.name)
            partial.mkdir()
            extracted = _extract(opened, entries, partial, packed=packed, limits=limits)
        partial.rename(target)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        struct.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InvalidInputError(
            f"Invalid archive '{archive.name}': received a file that is no ZIP, or one that is "
            "damaged, cut short "
            "or packed in an unusual way, expected a complete ZIP; pack it again and upload it again."
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"Cannot unpack '{archive.name}': the disk answered '{error.strerror}'; free some space and try again."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return extracted


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
        raise _too_large(archive.name, "a longer table of contents", f"at most {limits.max_files:,} files")


def _checked_entries(
    opened: zipfile.ZipFile, *, packed: int, limits: ArchiveLimits, name: str
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = opened.infolist()
    if len(infos) > limits.max_files:
        raise _too_large(name, f"{len(infos):,} files", f"at most {limits.max_files:,}")
    _check_size(sum(info.file_size for info in infos), packed=packed, limits=limits, name=name)
    seen: dict[str, bool] = {}
    entries: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    for info in infos:
        path = _checked_path(info)
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if key in seen and not (seen[key] and info.is_dir()):
            raise _bad_entry(info, "the same name twice", "each name once")
        seen[key] = info.is_dir()
        if not info.is_dir() and not any(is_dropping(part) for part in path.parts):
            entries.append((info, path))
    for _, path in entries:
        for parent in path.parents:
            if seen.get(unicodedata.normalize("NFC", str(parent)).casefold()) is False:
                raise InvalidInputError(
                    f"Invalid archive entry '{parent}': received a file and a folder of this name, "
                    "expected one of "
                    "them; pack the folder again."
                )
    return entries


def _checked_path(info: zipfile.ZipInfo) -> PurePosixPath:
    # `orig_filename` still has what `zipfile` cuts off behind a NUL; some Windows tools write backslashes.
    text = info.orig_filename.replace("\\", "/")
    path = PurePosixPath(text)
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise _bad_entry(info, "control characters in its name", "a plain name")
    if path.is_absolute() or ":" in text.split("/", 1)[0] or ".." in path.parts:
        raise _bad_entry(info, "a path that leaves the folder", "a path inside it")
    if any(len(part.encode()) > _LONGEST_NAME_BYTES for part in path.parts) or len(text) > 1024:
        raise _bad_entry(info, "a name that is too long", f"at most {_LONGEST_NAME_BYTES} bytes")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _bad_entry(info, "a link or a device", "files and folders only")
    if info.flag_bits & _ENCRYPTED:
        raise _bad_entry(info, "an encrypted file", "one without a password")
    return path


def _extract(
    opened: zipfile.ZipFile,
    entries: list[tuple[zipfile.ZipInfo, PurePosixPath]],
    folder: Path,
    *,
    packed: int,
    limits: ArchiveLimits,
) -> ExtractedArchive:
    name = Path(opened.filename or "archive").name
    written = 0
    for info, path in entries:
        destination = folder / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        before = written
        with opened.open(info) as source, destination.open("xb") as sink:
            while chunk := source.read(_CHUNK_BYTES):
                written += len(chunk)
                _check_size(written, packed=packed, limits=limits, name=name)
                sink.write(chunk)
        if written - before != info.file_size:
            raise zipfile.BadZipFile
    return ExtractedArchive(files=len(entries), bytes=written)


def _check_size(size: int, *, packed: int, limits: ArchiveLimits, name: str) -> None:
    if size > limits.max_bytes:
        raise _too_large(name, f"{size:,} bytes unpacked", f"at most {limits.max_bytes:,}")
    if size > limits.max_ratio * packed:
        raise _too_large(
            name,
            f"{size:,} bytes unpacked from {packed:,}",
            f"at most {limits.max_ratio:g} times the packed size",
        )


def _too_large(name: str, received: str, expected: str) -> TooLargeError:
    return TooLargeError(
        f"Invalid archive '{name}': received {received}, expected {expected}; "
        "upload it in parts, or register a folder on the server."
    )


def _bad_entry(info: zipfile.ZipInfo, received: str, expected: str) -> InvalidInputError:
    return InvalidInputError(
        f"Invalid archive entry {info.orig_filename[:200]!r}: received {received}, expected {expected}; "
        "pack the folder again."
    )
