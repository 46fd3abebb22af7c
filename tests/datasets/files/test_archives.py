"""Archives are unpacked whole or not at all."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.datasets.files.archives import ArchiveLimits, extract_zip
from app.domain.errors import ConflictError, InvalidInputError, SegscopeError, TooLargeError

LIMITS = ArchiveLimits(max_bytes=1_000_000, max_ratio=50, max_files=20)

Pack = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    def write(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
        path = tmp_path / "upload.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                archive.writestr(name, content)
        return path

    return write


def refuse(archive: Path, error: type[SegscopeError], match: str, *, limits: ArchiveLimits = LIMITS) -> None:
    before = set(archive.parent.iterdir())
    with pytest.raises(error, match=match):
        extract_zip(archive, archive.parent / "target", limits=limits)
    assert set(archive.parent.iterdir()) == before
    assert not (archive.parent.parent / "escaped.png").exists()


def test_unpacks(pack: Pack, tmp_path: Path) -> None:
    archive = pack(
        ("set/images/a.png", b"image"),
        ("set/masks/ä.png", b"mask"),
        ("__MACOSX/x", b"x"),
        ("set/.DS_Store", b""),
    )
    extracted = extract_zip(archive, tmp_path / "target", limits=LIMITS)
    assert (extracted.files, extracted.bytes) == (2, 9)
    assert (tmp_path / "target/set/masks/ä.png").read_bytes() == b"mask"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["target", "upload.zip"]
    with pytest.raises(ConflictError):
        extract_zip(archive, tmp_path / "target", limits=LIMITS)


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.png",
        "a/../../escaped.png",
        "/escaped.png",
        "..\\escaped.png",
        "C:\\escaped.png",
        "C:escaped.png",
    ],
)
def test_paths_that_leave_are_refused(pack: Pack, name: str) -> None:
    refuse(pack(("ok.png", b"x"), (name, b"x")), InvalidInputError, "leaves the folder")


def test_links_are_refused(pack: Pack) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    refuse(pack((link, b"/etc/passwd")), InvalidInputError, "link or a device")


def test_control_characters_and_long_names_are_refused(pack: Pack) -> None:
    refuse(pack(("a\nb.png", b"")), InvalidInputError, "control characters")
    refuse(pack(("a" * 300, b"")), InvalidInputError, "too long")


@pytest.mark.parametrize("second", ["a.png", "A.PNG", "./a.png", "x/../a.png"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_are_refused(pack: Pack, second: str) -> None:
    refuse(pack(("a.png", b"1"), (second, b"2")), InvalidInputError, "twice|leaves the folder")


def test_a_file_cannot_be_a_folder_too(pack: Pack) -> None:
    refuse(pack(("a", b"1"), ("a/b.png", b"2")), InvalidInputError, "a file and a folder")


def test_encrypted_entries_are_refused(pack: Pack) -> None:
    archive = pack(("a.png", b"x" * 30))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + offset] |= 1
    archive.write_bytes(data)
    refuse(archive, InvalidInputError, "encrypted")


def test_limits_from_the_headers(pack: Pack) -> None:
    refuse(pack(*((f"{index}.png", b"x") for index in range(21))), TooLargeError, "21 files")
    refuse(pack(("a.png", bytes(100_000))), TooLargeError, "times the packed size")
    tight = ArchiveLimits(max_bytes=9, max_ratio=50, max_files=20)
    refuse(pack(("a.png", b"0123456789")), TooLargeError, "10 bytes unpacked", limits=tight)


@pytest.mark.parametrize("claimed", [10, 4_000_000])
def test_lying_headers_do_not_help(pack: Pack, claimed: int) -> None:
    archive = pack(("bomb.png", bytes(3_000_000)))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.find(signature) + offset, claimed)
    archive.write_bytes(data)
    loose = ArchiveLimits(max_bytes=5_000_000, max_ratio=1e9, max_files=20)
    refuse(archive, InvalidInputError, "damaged", limits=loose)


def test_table_of_contents_is_bounded_before_it_is_read(pack: Pack) -> None:
    archive = pack(("a.png", b"x"))
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.rfind(b"PK\x05\x06") + 12, 2**31)
    archive.write_bytes(data)
    refuse(archive, TooLargeError, "table of contents")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", b"PK\x05\x06"])
def test_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "upload.zip").write_bytes(content)
    refuse(tmp_path / "upload.zip", InvalidInputError, "no ZIP")


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_truncated_is_refused(pack: Pack, kept: float) -> None:
    archive = pack(("a.png", bytes(range(256)) * 4), ("b.png", bytes(range(256)) * 4))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * kept)])
    refuse(archive, InvalidInputError, "cut short")


def test_damaged_content_leaves_nothing(pack: Pack) -> None:
    archive = pack(("a.png", b"good"), ("b.png", bytes(range(256)) * 4))
    data = bytearray(archive.read_bytes())
    start = data.rfind(b"PK\x03\x04") + 60
    data[start : start + 20] = bytes(20)
    archive.write_bytes(data)
    refuse(archive, InvalidInputError, "damaged")
