"""Stacks of every kind are read page by page; what is ambiguous as a stack, or hostile, is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.files import tiff_chain
from app.datasets.files.tiff import TiffPictures
from app.datasets.files.unreadable import UnreadableImageError

RANDOM = np.random.default_rng(1)


def write(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def read(data: bytes) -> list[np.ndarray]:
    with TiffPictures(io.BytesIO(data), name="a.tif") as pictures:
        return [pictures.read(index, max_pixels=10_000).pixels for index in range(len(pictures))]


def refuse(data: bytes, match: str) -> None:
    with pytest.raises(UnreadableImageError, match=match) as caught:
        read(data)
    assert "'a.tif'" in caught.value.message


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": {"axes": "ZYX"}},
        {"metadata": {"axes": "TYX"}, "truncate": True},
        {"metadata": None},
        {"compression": "zlib"},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"tile": (16, 16)},
        {"rowsperstrip": 3, "compression": "lzw", "predictor": True},
    ],
    ids=str,
)
def test_every_page_keeps_its_pixels_and_depth(dtype: str, options: dict[str, Any]) -> None:
    if options.get("predictor") and dtype.startswith("float"):
        options = options | {"predictor": 3}
    pixels = RANDOM.integers(0, 100, (5, 9, 7)).astype(dtype)
    pages = read(write(pixels, photometric="minisblack", **options))
    assert {page.dtype for page in pages} == {np.dtype(dtype)}
    np.testing.assert_array_equal(pages, pixels)


@pytest.mark.parametrize(
    ("shape", "axes"), [((5, 9, 7), "TYX"), ((5, 9, 7), "ZYX"), ((2, 3, 9, 7), "TZYX"), ((1, 9, 7), "TYX")]
)
@pytest.mark.parametrize("truncate", [False, True])
def test_imagej_stacks_along_time_and_depth(shape: tuple[int, ...], axes: str, truncate: bool) -> None:
    pixels = RANDOM.integers(0, 60_000, shape, dtype=np.uint16)
    pages = read(write(pixels, imagej=True, metadata={"axes": axes}, truncate=truncate))
    np.testing.assert_array_equal(pages, pixels.reshape(-1, 9, 7))


def test_imagej_colour_stack() -> None:
    pixels = RANDOM.integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read(write(pixels, imagej=True, metadata={"axes": "ZYXS"})), pixels)


def test_pages_that_were_written_one_by_one() -> None:
    stream = io.BytesIO()
    pixels = RANDOM.integers(0, 256, (3, 9, 7), dtype=np.uint8)
    with tifffile.TiffWriter(stream) as writer:
        for page in pixels:
            writer.write(page, contiguous=False)
    np.testing.assert_array_equal(read(stream.getvalue()), pixels)


def test_smaller_copies_of_a_picture_are_no_pages() -> None:
    stream = io.BytesIO()
    pixels = RANDOM.integers(0, 256, (32, 32), dtype=np.uint8)
    with tifffile.TiffWriter(stream) as writer:
        writer.write(pixels, metadata=None)
        for step in (2, 4):
            writer.write(pixels[::step, ::step], subfiletype=1, metadata=None)
    (page,) = read(stream.getvalue())
    np.testing.assert_array_equal(page, pixels)


@pytest.mark.parametrize(
    ("pixels", "options", "match"),
    [
        (
            np.zeros((3, 9, 7), np.uint8),
            {"imagej": True, "metadata": {"axes": "CYX"}},
            "hyperstack of 3 channels.*Re-order",
        ),
        (np.zeros((2, 3, 9, 7), np.uint8), {"imagej": True, "metadata": {"axes": "TCYX"}}, "hyperstack of 3 channels"),
        (np.zeros((4, 3, 9, 7), np.uint8), {"ome": True, "metadata": {"axes": "TCYX"}}, "OME-TIFF of 3 channels"),
        (np.zeros((3, 9, 7), np.uint8), {"metadata": {"axes": "CYX"}}, "3×9×7 with the axes C"),
        (np.zeros((4, 5, 9, 7), np.uint8), {}, "an array of 4×5×9×7"),
        (np.zeros((4, 5, 9, 7), np.uint8), {"truncate": True}, "an array of 4×5×9×7"),
        (np.zeros((16, 32, 32), np.uint8), {"volumetric": True, "tile": (16, 16, 16)}, "a volume in one page"),
    ],
    ids=lambda value: "" if isinstance(value, np.ndarray) else str(value),
)
def test_ambiguous_files_are_refused(pixels: np.ndarray, options: dict[str, Any], match: str) -> None:
    refuse(write(pixels, photometric="minisblack", **options), match)


def test_pages_of_another_size_or_type_are_refused() -> None:
    for other in (np.zeros((9, 8), np.uint8), np.zeros((9, 7), np.uint16)):
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as writer:
            writer.write(np.zeros((9, 7), np.uint8))
            writer.write(other)
        refuse(stream.getvalue(), "page 2 with .*to be alike")


def test_a_time_series_of_names_and_depths_is_a_stack() -> None:
    pixels = RANDOM.integers(0, 256, (2, 3, 9, 7), dtype=np.uint8)
    pages = read(write(pixels, photometric="minisblack", metadata={"axes": "TZYX"}))
    np.testing.assert_array_equal(pages, pixels.reshape(6, 9, 7))


# --- Damage and malice ------------------------------------------------------------------------------------------


def test_an_imagej_file_that_promises_more_than_it_has() -> None:
    data = write(np.zeros((9, 7), np.uint8), imagej=True)
    refuse(data.replace(b"images=1", b"images=9"), "cut short|damaged")
    whole = write(np.zeros((5, 9, 7), np.uint8), imagej=True, metadata={"axes": "TYX"}, truncate=True)
    refuse(whole[:-10], "cut short")


@pytest.mark.parametrize("bigtiff", [False, True])
def test_pages_in_a_circle_are_refused(bigtiff: bool) -> None:
    data = bytearray(write(np.zeros((150, 2, 2), np.uint8), photometric="minisblack", bigtiff=bigtiff, metadata=None))
    offsets = chain(bytes(data))
    assert len(offsets) == 150
    # The last page leads back behind the first hundred.
    struct.pack_into("<Q" if bigtiff else "<I", data, next_pointer(bytes(data), offsets[-1]), offsets[120])
    refuse(bytes(data), "circle")


def test_too_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_chain, "MOST_PAGES", 4)
    data = write(np.zeros((5, 2, 2), np.uint8), photometric="minisblack")
    refuse(data, "more than 4 pages")
    assert len(read(write(np.zeros((4, 2, 2), np.uint8), photometric="minisblack"))) == 4


@pytest.mark.parametrize("offset", [2**31, 1])
def test_a_chain_that_leaves_the_file_is_refused(offset: int) -> None:
    data = bytearray(write(np.zeros((2, 2, 2), np.uint8), photometric="minisblack"))
    struct.pack_into("<I", data, next_pointer(bytes(data), chain(bytes(data))[-1]), offset)
    refuse(bytes(data), "damaged or cut short")


@pytest.mark.parametrize("data", [b"", b"II", b"II*\0", b"II*\0\0\0\0\0", b"II+\0\x08\0\0\0", b"XX*\0" + bytes(20)])
def test_no_tiff_at_all(data: bytes) -> None:
    refuse(data, "damaged or cut short")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_changed_byte_is_read_or_refused(data: Any) -> None:
    options = data.draw(st.sampled_from([{}, {"imagej": True, "metadata": {"axes": "TYX"}}, {"ome": True}]))
    whole = bytearray(write(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), photometric="minisblack", **options))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(whole)))
    try:
        read(bytes(whole[:kept]) if data.draw(st.booleans()) else bytes(whole))
    except UnreadableImageError as error:
        assert "'a.tif'" in error.message  # noqa: PT017


def test_a_page_is_read_without_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pages = RANDOM.integers(0, 256, (50, 64, 64), dtype=np.uint8)
    path.write_bytes(write(pages, photometric="minisblack", compression="zlib"))

    class Watched(io.FileIO):
        read_bytes = 0

        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer)
            Watched.read_bytes += count
            return count

    with Watched(path) as stream, TiffPictures(stream, name="a.tif") as pictures:
        before = Watched.read_bytes
        np.testing.assert_array_equal(pictures.read(49, max_pixels=10_000).pixels, pages[49])
        assert Watched.read_bytes - before < 3 * 64 * 64


def chain(data: bytes) -> list[int]:
    """Return the offsets of a little-endian TIFF's directories."""
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        return [page.offset for page in tiff.pages]


def next_pointer(data: bytes, offset: int) -> int:
    """Return where the pointer to the next directory stands."""
    if data[2] == 43:
        return offset + 8 + 20 * int(struct.unpack_from("<Q", data, offset)[0])
    return offset + 2 + 12 * int(struct.unpack_from("<H", data, offset)[0])
