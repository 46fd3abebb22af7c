"""Uploads in pieces: what has arrived stays on disk until it is registered, or a day after its last piece."""

from __future__ import annotations

import errno
import fcntl
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from app.domain.errors import ConflictError, InvalidInputError, NotFoundError, TooLargeError, UnavailableError

#: Uploads that have been silent for longer are collected.
ABANDONED_SECONDS = 24 * 3600.0

_ID = re.compile(r"[0-9a-f]{32}")
_FACTS, _DATA, _LOCK = "upload.json", "data", "lock"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload: `offset` of `size` bytes have arrived."""

    id: str
    name: str
    size: int
    offset: int


class UploadWriter:
    """Appends to one upload; made by `UploadStore.writing`."""

    def __init__(self, stream: FileIO, *, offset: int, size: int) -> None:
        self._stream = stream
        self._offset = offset
        self._size = size

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises
        ------
        InvalidInputError
            More bytes than the upload was announced with; none of `data` is kept.
        UnavailableError
            The disk is full or does not answer; what fits is kept.
        """
        if self._offset + len(data) > self._size:
            raise InvalidInputError(
                f"Invalid upload: received more than the {self._size:,} bytes that were announced, expected no more; "
                "start a new upload."
            )
        try:
            rest = memoryview(data)
            while rest:
                written = self._stream.write(rest)
                self._offset += written
                rest = rest[written:]
        except OSError as error:
            raise _disk_error(error) from error


class UploadStore:
    """The folder of uploads that are not registered yet.

    Parameters
    ----------
    root : Path
        Created when it is first needed.
    max_bytes : int
        Largest upload.
    """

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes

    def create(self, *, name: str, size: int) -> Upload:
        """Begin an upload.

        Raises
        ------
        TooLargeError
            It would be over the limit.
        UnavailableError
            The disk has less space left.
        """
        if size > self._max_bytes:
            raise TooLargeError(
                f"{name!r} has {size:,} bytes, expected at most {self._max_bytes:,}. Register the folder on the "
                "server instead, or raise SEGSCOPE_UPLOAD_MAX_BYTES."
            )
        self._root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._root).free
        if size > free:
            raise UnavailableError(
                f"{name!r} has {size:,} bytes, but the server's disk has {free:,} left. Free some space and try again."
            )
        upload_id = secrets.token_hex(16)
        folder = self._root / upload_id
        folder.mkdir()
        (folder / _DATA).touch()
        (folder / _LOCK).touch()
        # Last: an upload without its facts does not exist.
        (folder / _FACTS).write_text(json.dumps({"name": name, "size": size}), encoding="utf-8")
        return Upload(upload_id, name, size, 0)

    def get(self, upload_id: str) -> Upload:
        """Return how far an upload is.

        Raises
        ------
        NotFoundError
            There is none: never, not any more, or registered already.
        """
        folder = self._folder(upload_id)
        try:
            facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
            offset = (folder / _DATA).stat().st_size
        except FileNotFoundError as error:
            raise _missing() from error
        return Upload(upload_id, str(facts["name"]), int(facts["size"]), offset)

    @contextmanager
    def writing(self, upload_id: str, *, offset: int) -> Iterator[UploadWriter]:
        """Append from `offset` on; what was written stays, also when the block is left by an exception.

        Raises
        ------
        NotFoundError
            There is no such upload.
        ConflictError
            It is at another offset, or someone else is writing.
        """
        with self._locked(upload_id):
            upload = self.get(upload_id)
            if upload.offset != offset:
                raise ConflictError(
                    f"The upload has {upload.offset:,} bytes, not {offset:,}. Ask for its offset and go on from there."
                )
            with (self._folder(upload_id) / _DATA).open("ab", buffering=0) as stream:
                yield UploadWriter(stream, offset=offset, size=upload.size)

    @contextmanager
    def taking(self, upload_id: str) -> Iterator[tuple[Upload, Path]]:
        """Take a complete upload's file away; the upload is gone once it has been moved.

        Raises
        ------
        NotFoundError
            There is no such upload.
        ConflictError
            It is incomplete or still written to.
        """
        with self._locked(upload_id):
            upload = self.get(upload_id)
            if upload.offset != upload.size:
                raise ConflictError(
                    f"The upload is incomplete: {upload.offset:,} of {upload.size:,} bytes have arrived. Send the rest."
                )
            path = self._folder(upload_id) / _DATA
            yield upload, path
            if not path.exists():
                self.discard(upload_id)

    def discard(self, upload_id: str) -> None:
        """Remove an upload, whatever has arrived."""
        shutil.rmtree(self._folder(upload_id), ignore_errors=True)

    def collect(self, *, abandoned_seconds: float = ABANDONED_SECONDS) -> list[str]:
        """Remove uploads that nothing was added to for long; return their ids."""
        collected: list[str] = []
        for folder in self._root.glob("*"):
            try:
                newest = max(child.stat().st_mtime for child in (folder, *folder.iterdir()))
            except OSError:
                continue
            if _ID.fullmatch(folder.name) and time.time() - newest > abandoned_seconds:
                self.discard(folder.name)
                collected.append(folder.name)
        return collected

    def _folder(self, upload_id: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise _missing()
        return self._root / upload_id

    @contextmanager
    def _locked(self, upload_id: str) -> Iterator[None]:
        try:
            lock = (self._folder(upload_id) / _LOCK).open("rb")
        except FileNotFoundError as error:
            raise _missing() from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConflictError(
                    "Another request is working on this upload. Wait a moment, ask for its offset and go on from there."
                ) from error
            yield


def _missing() -> NotFoundError:
    return NotFoundError("There is no such upload: it was registered, or abandoned for a day. Start it again.")


def _disk_error(error: OSError) -> UnavailableError:
    reason = "is full" if error.errno in _FULL else f"answered '{error.strerror}'"
    return UnavailableError(f"The server's disk {reason}. Free some space and go on; what has arrived is safe.")
