"""Uploads in pieces: what has arrived is never lost and never written twice."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import ConflictError, InvalidInputError, NotFoundError, TooLargeError, UnavailableError
from app.store.uploads import Upload, UploadStore, UploadWriter


@pytest.fixture
def uploads(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "uploads", max_bytes=1000)


def append(uploads: UploadStore, upload: Upload, offset: int, data: bytes) -> None:
    with uploads.writing(upload.id, offset=offset) as writer:
        writer.write(data)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_pieces_become_the_file(uploads: UploadStore, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    upload = uploads.create(name="a.zip", size=len(whole))
    for piece in pieces:
        append(uploads, upload, uploads.get(upload.id).offset, piece)
    with uploads.taking(upload.id) as (taken, path):
        assert (taken.name, taken.offset) == ("a.zip", len(whole))
        assert path.read_bytes() == whole


def test_a_wrong_offset_is_refused_and_changes_nothing(uploads: UploadStore) -> None:
    upload = uploads.create(name="a.zip", size=6)
    append(uploads, upload, 0, b"abc")
    for offset in (0, 2, 4, -1):
        with pytest.raises(ConflictError, match="has 3 bytes"):
            append(uploads, upload, offset, b"x")
    assert uploads.get(upload.id).offset == 3


def test_what_arrived_before_an_interruption_stays(uploads: UploadStore) -> None:
    upload = uploads.create(name="a.zip", size=6)

    def interrupted() -> None:
        with uploads.writing(upload.id, offset=0) as writer:
            writer.write(b"ab")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert uploads.get(upload.id).offset == 2
    append(uploads, upload, 2, b"cdef")
    assert uploads.get(upload.id).offset == 6


def test_more_than_announced_is_refused(uploads: UploadStore) -> None:
    upload = uploads.create(name="a.zip", size=4)
    append(uploads, upload, 0, b"abc")
    with pytest.raises(InvalidInputError, match="more than the 4 bytes"):
        append(uploads, upload, 3, b"de")
    assert uploads.get(upload.id).offset == 3


def test_two_writers_are_refused(uploads: UploadStore) -> None:
    upload = uploads.create(name="a.zip", size=4)
    with (
        uploads.writing(upload.id, offset=0),
        pytest.raises(ConflictError, match="Another request"),
        uploads.writing(upload.id, offset=0),
    ):
        pass
    append(uploads, upload, 0, b"ab")


def test_an_incomplete_upload_is_not_taken_and_a_taken_one_is_gone(uploads: UploadStore, tmp_path: Path) -> None:
    upload = uploads.create(name="a.zip", size=4)
    append(uploads, upload, 0, b"ab")
    with pytest.raises(ConflictError, match="2 of 4 bytes"), uploads.taking(upload.id):
        pass
    append(uploads, upload, 2, b"cd")
    with pytest.raises(RuntimeError), uploads.taking(upload.id):
        raise RuntimeError
    with uploads.taking(upload.id) as (_, path):
        shutil.move(path, tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"abcd"
    with pytest.raises(NotFoundError):
        uploads.get(upload.id)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_limits(uploads: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLargeError, match="1,001 bytes, expected at most 1,000"):
        uploads.create(name="a.zip", size=1001)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(free=10))
    with pytest.raises(UnavailableError, match="10 left"):
        uploads.create(name="a.zip", size=11)


def test_a_full_disk_is_said_and_what_fits_is_kept(tmp_path: Path) -> None:
    class Full:
        def __init__(self) -> None:
            self.kept = b""

        def write(self, data: Any) -> int:
            if len(self.kept) >= 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.kept += bytes(data[:2])
            return len(data[:2])

    stream = Full()
    with pytest.raises(UnavailableError, match="disk is full"):
        UploadWriter(stream, offset=0, size=10).write(b"abcdefgh")  # type: ignore[arg-type]
    assert stream.kept == b"abcd"


@pytest.mark.parametrize(
    "upload_id", ["", ".", "..", "../../etc", "0" * 31, "G" * 32, "0" * 32, "0" * 33, "a/" + "0" * 30]
)
def test_ids_that_are_none(uploads: UploadStore, upload_id: str) -> None:
    uploads.create(name="a.zip", size=1)
    with pytest.raises(NotFoundError):
        uploads.get(upload_id)
    with pytest.raises(NotFoundError), uploads.writing(upload_id, offset=0):
        pass


def test_abandoned_uploads_are_collected_and_others_stay(uploads: UploadStore, tmp_path: Path) -> None:
    assert uploads.collect() == []
    old, fresh = (uploads.create(name=f"{name}.zip", size=4) for name in ("old", "fresh"))
    append(uploads, old, 0, b"ab")
    (tmp_path / "uploads" / "not-an-upload").mkdir()
    long_ago = time.time() - 25 * 3600
    for folder in (tmp_path / "uploads").iterdir():
        for path in (*folder.iterdir(), folder):
            os.utime(path, (long_ago, long_ago))
    append(uploads, fresh, 0, b"ab")
    assert uploads.collect() == [old.id]
    assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == sorted([fresh.id, "not-an-upload"])
