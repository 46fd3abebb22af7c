"""Archives are unpacked whole or not at all."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.files.archive_entries import ArchiveLimits
from app.datasets.files.archives import ArchiveKind, archive_kind, extract_archive
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
        extract_archive(archive, archive.parent / "target", limits=limits)
    assert set(archive.parent.iterdir()) == before
    assert not (archive.parent.parent / "escaped.png").exists()


def test_unpacks(pack: Pack, tmp_path: Path) -> None:
    archive = pack(
        ("set/images/a.png", b"image"),
        ("set/masks/ä.png", b"mask"),
        ("__MACOSX/x", b"x"),
        ("set/.DS_Store", b""),
    )
    extracted = extract_archive(archive, tmp_path / "target", limits=LIMITS)
    assert (extracted.files, extracted.bytes) == (2, 9)
    assert (tmp_path / "target/set/masks/ä.png").read_bytes() == b"mask"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["target", "upload.zip"]
    with pytest.raises(ConflictError):
        extract_archive(archive, tmp_path / "target", limits=LIMITS)


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
    refuse(tmp_path / "upload.zip", InvalidInputError, "no zip or tar")


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


# --- Tar --------------------------------------------------------------------------------------------------------


def member(name: str, content: bytes = b"", **attributes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture(params=["tar", "tar.gz"])
def pack_tar(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / f"upload.{request.param}"
        path.write_bytes(gzip.compress(data) if request.param == "tar.gz" else data)
        return path

    return write


PackTar = Callable[[bytes], Path]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_unpacks_a_tar(pack_tar: PackTar, tmp_path: Path, form: int) -> None:
    long = "x" * 90
    data = tar_bytes(
        member("set", type=tarfile.DIRTYPE),
        member("set/images/a.png", b"image", mode=0o4777, uid=0),
        member("./set/masks/ä.png", b"mask" * 1000),
        member(f"set/{long}/{long}.png", b"long"),
        member("__MACOSX/x", b"x"),
        member("set/.DS_Store"),
        form=form,
    )
    extracted = extract_archive(pack_tar(data), tmp_path / "target", limits=LIMITS)
    assert (extracted.files, extracted.bytes) == (3, 4009)
    assert (tmp_path / "target/set/masks/ä.png").read_bytes() == b"mask" * 1000
    assert (tmp_path / f"target/set/{long}/{long}.png").read_bytes() == b"long"
    assert not (tmp_path / "target/set/images/a.png").stat().st_mode & 0o4111
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (member("../escaped.png", b"x"), "leaves the folder"),
        (member("/escaped.png", b"x"), "leaves the folder"),
        (member("a/../../escaped.png", b"x"), "leaves the folder"),
        (member("C:\\escaped.png", b"x"), "leaves the folder"),
        (member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link or a device"),
        (member("link", type=tarfile.LNKTYPE, linkname="ok.png"), "a link or a device"),
        (member("device", type=tarfile.CHRTYPE), "a link or a device"),
        (member("block", type=tarfile.BLKTYPE), "a link or a device"),
        (member("pipe", type=tarfile.FIFOTYPE), "a link or a device"),
        (member("ok.png", b"again"), "twice"),
        (member("OK.png", b"again"), "twice"),
        (member("ok.png/inner.png", b"x"), "a file and a folder"),
        (member("dir", b"x"), "a file and a folder"),
        (member("a\nb.png", b"x"), "control characters"),
        (member("n" * 300 + ".png", b"x"), "too long"),
        (member("d/" * 600 + "x.png", b"x"), "too long"),
        (member("s.png", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), "sparse"),
        (member("s.png", b"9\n1\n", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), "sparse"),
        (member("s.png", pax_headers={"GNU.sparse.map": "1,2"}), "sparse"),
        (member("s.png", pax_headers={"GNU.sparse.size": "1"}), "sparse"),
        (member("s.png", type=tarfile.GNUTYPE_SPARSE), "sparse"),
        (member("s.png", b"x", pax_headers={"size": "-5"}), "damaged"),
    ],
    ids=lambda value: repr(value[0].name[:20]) if isinstance(value, tuple) else value,
)
def test_hostile_entries_of_a_tar_are_refused(
    pack_tar: PackTar, entry: tuple[tarfile.TarInfo, bytes], match: str
) -> None:
    data = tar_bytes(member("ok.png", b"x"), member("dir/inner.png", b"x"), entry)
    refuse(pack_tar(data), InvalidInputError, match)


def test_bytes_that_are_no_text_in_a_tar_are_refused(pack_tar: PackTar) -> None:
    data = tar_bytes(member("bad-name.png", b"x"), form=tarfile.USTAR_FORMAT)
    header = bytearray(data)
    header[0:3] = b"\xff\xfe\xfd"
    total = sum(header[:148]) + sum(header[156:512]) + 8 * 32
    header[148:156] = f"{total:06o}\0 ".encode()
    refuse(pack_tar(bytes(header)), InvalidInputError, "no text")


def test_limits_of_a_tar(pack_tar: PackTar) -> None:
    refuse(pack_tar(tar_bytes(*(member(f"{index}.png") for index in range(21)))), TooLargeError, "more than 20 files")
    noise = random.Random(0).randbytes(200_000)  # noqa: S311 - content that does not pack well
    tight = ArchiveLimits(max_bytes=100_000, max_ratio=50, max_files=20)
    refuse(pack_tar(tar_bytes(member("a.png", noise))), TooLargeError, "unpacked", limits=tight)


def test_a_tar_bomb_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.tar.gz"
    for entries in (
        [member("a.png", bytes(900_000))],
        [member(".hidden", bytes(20_000_000))],
        [member("a.png", b"x")],
    ):
        data = tar_bytes(*entries)
        archive.write_bytes(gzip.compress(data if len(data) > 20_000 else data + bytes(20_000_000)))
        refuse(archive, TooLargeError, "times the packed size|at most 1,000,000|at most 1,1")


def test_long_descriptions_are_not_read_into_memory(pack_tar: PackTar) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
        data = tar_bytes(member("meta", bytes(100_000), type=kind), member("a.png", b"x"), form=tarfile.GNU_FORMAT)
        refuse(pack_tar(data), InvalidInputError, "description that is too long")
    data = tar_bytes(member("x.png", b"x", pax_headers={"comment": "c" * 100_000}))
    refuse(pack_tar(data), InvalidInputError, "description that is too long")


def test_descriptions_of_descriptions_do_not_end_the_process(pack_tar: PackTar) -> None:
    header = tar_bytes(member("meta", b"", type=tarfile.GNUTYPE_LONGNAME), form=tarfile.GNU_FORMAT)[:512]
    refuse(pack_tar(header * 5000 + tar_bytes(member("a.png", b"x"))), SegscopeError, "damaged|times|unpacked")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_a_tar_is_unpacked_or_refused(tmp_path_factory: Any, data: Any) -> None:
    form = data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    whole = bytearray(tar_bytes(member("ä/" + "n" * 120, b"x" * 600), member("b", b"y"), form=form))
    for _ in range(data.draw(st.integers(1, 4))):
        block = 512 * data.draw(st.integers(0, 6))
        whole[min(len(whole) - 1, block + data.draw(st.integers(0, 260)))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            header = whole[block : block + 512]
            total = sum(header[:148]) + sum(header[156:512]) + 8 * 32
            whole[block + 148 : block + 156] = f"{total:06o}\0 ".encode()
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a").write_bytes(whole)
    try:
        extract_archive(folder / "a", folder / "target", limits=LIMITS)
    except SegscopeError:
        assert [path.name for path in folder.iterdir()] == ["a"]


@pytest.mark.parametrize("kept", [513, 700, 1024, 1536, 2048])
def test_a_tar_that_is_cut_short_is_refused(pack_tar: PackTar, kept: int) -> None:
    data = tar_bytes(member("a.png", b"a" * 600), member("b.png", b"b"))
    refuse(pack_tar(data[:kept]), InvalidInputError, "cut short")


def test_a_gzip_that_is_damaged_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(tar_bytes(member("a.png", bytes(range(256)) * 8)))
    archive = tmp_path / "upload.tgz"
    for position in (len(whole) // 2, len(whole) - 6, len(whole) - 2):
        data = bytearray(whole)
        data[position] ^= 0xFF
        archive.write_bytes(data)
        refuse(archive, InvalidInputError, "damaged")
    archive.write_bytes(whole[:-4])
    refuse(archive, InvalidInputError, "cut short")
    archive.write_bytes(gzip.compress(b"no tar inside" * 100))
    refuse(archive, InvalidInputError, "no zip or tar")


def test_the_content_decides_what_an_archive_is(pack: Pack, tmp_path: Path) -> None:
    assert archive_kind(pack(("a.png", b"x"))) is ArchiveKind.ZIP
    for content, kind in (
        (tar_bytes(member("a.png", b"x"), form=tarfile.USTAR_FORMAT), ArchiveKind.TAR),
        (gzip.compress(b""), ArchiveKind.TAR_GZIP),
        (b"", None),
        (b"\xfd7zXZ\0", None),
        (bytes(1024), None),
        (b"Rar!", None),
    ):
        (tmp_path / "upload.zip").write_bytes(content)
        assert archive_kind(tmp_path / "upload.zip") is kind


# --- Both kinds -------------------------------------------------------------------------------------------------


PARTS = st.sampled_from(["a", "b", "..", ".", "", "A", "ä", "c.png", "C:", "\\", "x" * 260, "\n"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), min_size=1, max_size=4), is_tar=st.booleans()
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_whatever_the_names_nothing_is_written_outside(tmp_path_factory: Any, names: list[str], is_tar: bool) -> None:
    folder = tmp_path_factory.mktemp("outer")
    archive = folder / "in" / "upload"
    archive.parent.mkdir()
    if is_tar:
        archive.write_bytes(tar_bytes(*(member(name, b"x") for name in names)))
    else:
        with zipfile.ZipFile(archive, "w") as opened:
            for name in names:
                opened.writestr(name or ".", b"x")
    try:
        extracted = extract_archive(archive, folder / "in" / "target", limits=LIMITS)
    except SegscopeError:
        assert [path.name for path in archive.parent.iterdir()] == ["upload"]
    else:
        files = [path for path in (folder / "in" / "target").rglob("*") if path.is_file()]
        assert len(files) == extracted.files
    assert [path.name for path in folder.iterdir()] == ["in"]
