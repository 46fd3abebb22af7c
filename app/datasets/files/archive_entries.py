"""What every kind of archive is held to: names that stay inside, sizes within limits, nothing but files and folders."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from app.datasets.files.names import is_dropping
from app.domain.errors import InvalidInputError, TooLargeError

_CHUNK_BYTES = 1024 * 1024
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH = 1024


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


class DamagedArchiveError(Exception):
    """An archive whose content does not fit its own description."""


class EntryNames:
    """The names of an archive so far; each may occur once, and as a file or as a folder."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, text: str, *, is_folder: bool) -> PurePosixPath | None:
        """Check one name.

        Returns
        -------
        PurePosixPath or None
            Where the entry belongs; None for what operating systems leave behind.

        Raises
        ------
        InvalidInputError
            The name leaves the folder, cannot be written, or occurs twice.
        """
        # Some Windows tools write backslashes.
        path = PurePosixPath(text.replace("\\", "/"))
        if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise bad_entry(text, "control characters or bytes that are no text in its name", "a plain name")
        if path.is_absolute() or ":" in text.replace("\\", "/").split("/", 1)[0] or ".." in path.parts:
            raise bad_entry(text, "a path that leaves the folder", "a path inside it")
        if any(len(part.encode()) > _LONGEST_NAME_BYTES for part in path.parts) or len(text) > _LONGEST_PATH:
            raise bad_entry(text, "a name that is too long", f"at most {_LONGEST_NAME_BYTES} bytes")
        if not path.parts and not is_folder:
            raise bad_entry(text, "a file without a name", "a plain name")
        key = _key(path)
        parents = {_key(parent) for parent in path.parents}
        if key in self._files:
            raise bad_entry(text, "the same name twice", "each name once")
        if (not is_folder and key in self._folders) or parents & self._files:
            raise bad_entry(text, "a file and a folder of this name", "one of them")
        self._folders |= parents
        (self._folders if is_folder else self._files).add(key)
        return None if any(is_dropping(part) for part in path.parts) else path


class Unpacking:
    """Writes the files of one archive below a folder and counts what is really written.

    Parameters
    ----------
    folder : Path
        Existing and empty.
    name : str
        Of the archive, for messages.
    packed : int
        Its size in bytes.
    limits : ArchiveLimits
        Checked with every block.
    """

    def __init__(self, folder: Path, *, name: str, packed: int, limits: ArchiveLimits) -> None:
        self._folder = folder
        self._name = name
        self._packed = packed
        self._limits = limits
        self._files = 0
        self._bytes = 0

    @property
    def extracted(self) -> ExtractedArchive:
        """What was written so far."""
        return ExtractedArchive(files=self._files, bytes=self._bytes)

    def write(self, path: PurePosixPath, source: IO[bytes], *, size: int) -> None:
        """Write one file.

        Raises
        ------
        DamagedArchiveError
            It has another size than the archive says.
        TooLargeError
            Over a limit.
        """
        destination = self._folder / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        before = self._bytes
        with destination.open("xb") as sink:
            while chunk := source.read(_CHUNK_BYTES):
                self._bytes += len(chunk)
                check_size(self._bytes, name=self._name, packed=self._packed, limits=self._limits)
                sink.write(chunk)
        if self._bytes - before != size:
            raise DamagedArchiveError
        self._files += 1


def check_size(size: int, *, name: str, packed: int, limits: ArchiveLimits) -> None:
    """Refuse an unpacked size over the limits.

    Raises
    ------
    TooLargeError
        It is.
    """
    if size > limits.max_bytes:
        raise too_large(name, f"{size:,} bytes unpacked", f"at most {limits.max_bytes:,}")
    if size > limits.max_ratio * packed:
        raise too_large(
            name, f"{size:,} bytes unpacked from {packed:,}", f"at most {limits.max_ratio:g} times the packed size"
        )


def too_large(name: str, received: str, expected: str) -> TooLargeError:
    """Return the error about an archive over a limit."""
    return TooLargeError(
        f"Invalid archive '{name}': received {received}, expected {expected}; "
        "upload it in parts, or register a folder on the server."
    )


def bad_entry(text: str, received: str, expected: str) -> InvalidInputError:
    """Return the error about one entry."""
    return InvalidInputError(
        f"Invalid archive entry {text[:200]!r}: received {received}, expected {expected}; pack the folder again."
    )


def _key(path: PurePosixPath) -> str:
    # Names that differ in case or Unicode form only are the same file on some disks.
    return unicodedata.normalize("NFC", str(path)).casefold()
