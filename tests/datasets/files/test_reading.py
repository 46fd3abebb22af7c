"""Formats, depths and colour types that are read as they are meant, and hostile files that are refused."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from app.datasets.files.reading import read_image, read_mask
from app.datasets.files.unreadable import ImageTooLargeError, UnreadableImageError

LIMIT = 1_000_000
RANDOM = np.random.default_rng(0)
GREY_8 = RANDOM.integers(0, 256, (9, 7), dtype=np.uint8)
GREY_16 = RANDOM.integers(0, 65536, (9, 7), dtype=np.uint16)
RGB_8 = RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize("pixels", [GREY_8, GREY_16, RGB_8], ids=["grey8", "grey16", "rgb8"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_image_keeps_pixels_and_depth(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".png":
        Image.fromarray(pixels).save(path)
    else:
        tifffile.imwrite(path, pixels, compression="zlib")
    read = read_image(path, max_pixels=LIMIT)
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)


def test_sixteen_bit_rgb_png_keeps_sixteen_bits(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    read = read_image(tmp_path / "a.png", max_pixels=LIMIT)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("dtype", [">u2", "int16", "float16", "float32", "float64", "int32"])
def test_tiff_types(tmp_path: Path, dtype: str) -> None:
    pixels = np.arange(63).reshape(9, 7).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=">" if dtype.startswith(">") else "<")
    read = read_image(tmp_path / "a.tif", max_pixels=LIMIT)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(RGB_8).convert(mode)
    picture.save(tmp_path / "a.png")
    kept = np.asarray(picture)[..., 0] if mode == "LA" else RGB_8
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", max_pixels=LIMIT), kept)


def test_planar_rgb_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(RGB_8, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", max_pixels=LIMIT), RGB_8)


def test_white_is_zero_is_inverted_in_images_and_not_in_masks(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY_8, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", max_pixels=LIMIT), 255 - GREY_8)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif", max_pixels=LIMIT), GREY_8)


def test_jpeg_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg", max_pixels=LIMIT).shape == (8, 16, 3)


def test_one_bit_is_0_or_255(tmp_path: Path) -> None:
    Image.fromarray(GREY_8 > 127).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", GREY_8 > 127)
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_mask(tmp_path / name, max_pixels=LIMIT), (GREY_8 > 127) * np.uint8(255))


def palette_picture(colours: list[tuple[int, int, int]]) -> Image.Image:
    picture = Image.fromarray((GREY_8 % len(colours)).astype(np.uint8), mode=None)
    paletted = Image.new("P", picture.size)
    paletted.putpalette([value for colour in colours for value in colour])
    paletted.putdata(list(np.asarray(picture).reshape(-1).tolist()))
    return paletted


def test_coloured_palette_gives_colours_to_images_and_labels_to_masks(tmp_path: Path) -> None:
    palette_picture([(0, 0, 0), (255, 0, 0), (0, 255, 0)]).save(tmp_path / "a.png")
    labels = GREY_8 % 3
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", max_pixels=LIMIT), labels)
    image = read_image(tmp_path / "a.png", max_pixels=LIMIT)
    np.testing.assert_array_equal(image[..., 0] == 255, labels == 1)


def test_grey_palette_in_any_order_gives_what_a_person_sees(tmp_path: Path) -> None:
    palette_picture([(255, 255, 255), (0, 0, 0)]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", max_pixels=LIMIT) == 255, GREY_8 % 2 == 0)


def test_grey_in_rgb_is_a_mask_and_colour_is_not(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(GREY_8[..., np.newaxis], 3, axis=-1)).save(tmp_path / "grey.png")
    Image.fromarray(RGB_8).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png", max_pixels=LIMIT), GREY_8)
    with pytest.raises(UnreadableImageError, match=r"'colour\.png'.*colour.*expected.*export"):
        read_mask(tmp_path / "colour.png", max_pixels=LIMIT)


def test_stack_is_refused_with_its_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((12, 9, 7), np.uint8), photometric="minisblack")
    with pytest.raises(UnreadableImageError, match=r"'a\.tif'.*a stack of 12 pages, expected one"):
        read_image(tmp_path / "a.tif", max_pixels=LIMIT)


def test_imagej_stack_is_refused_with_its_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 9, 7), np.uint8), imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(UnreadableImageError, match="5 pages"):
        read_image(tmp_path / "a.tif", max_pixels=LIMIT)


def test_nan_is_refused_with_a_count(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0.5, np.nan], [np.inf, 0]], np.float32))
    with pytest.raises(UnreadableImageError, match="2 pixels that are NaN or infinite"):
        read_image(tmp_path / "a.tif", max_pixels=LIMIT)


@pytest.mark.parametrize("channels", [5, 7])
def test_many_channels_are_refused(tmp_path: Path, channels: int) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((9, 8, channels), np.uint8),
        photometric="minisblack",
        planarconfig="contig",
    )
    with pytest.raises(UnreadableImageError, match=f"{channels} channels"):
        read_image(tmp_path / "a.tif", max_pixels=LIMIT)


def test_huge_header_is_refused_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(ImageTooLargeError, match=r"'a\.png'.*3,600,000,000 pixels.*at most 1,000,000"):
        read_image(tmp_path / "a.png", max_pixels=LIMIT)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_limit_is_on_pixels(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(GREY_8).save(tmp_path / f"a{suffix}")
    assert read_image(tmp_path / f"a{suffix}", max_pixels=63).shape == (9, 7)
    with pytest.raises(ImageTooLargeError):
        read_image(tmp_path / f"a{suffix}", max_pixels=62)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"cut{suffix}"
    pixels = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UnreadableImageError, match=f"'cut{suffix}': received .*expected .*; .*again"):
        read_image(path, max_pixels=LIMIT)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_any_flipped_byte_is_read_or_refused_but_never_crashes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(RGB_8).save(path)
    whole = path.read_bytes()
    for index in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 0xFF]) + whole[index + 1 :])
        try:
            read_image(path, max_pixels=LIMIT)
        except UnreadableImageError as error:
            assert error.code in ("unreadable-image", "too-large")  # noqa: PT017


@pytest.mark.parametrize("content", [b"", b"hello, I am a text", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n"])
def test_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"^Invalid file 'a\.png': received .*, expected .*; .*\.$"):
        read_mask(tmp_path / "a.png", max_pixels=LIMIT)


def test_pipe_and_missing_file_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("pipe.png", "missing.png"):
        with pytest.raises(UnreadableImageError, match=name):
            read_image(tmp_path / name, max_pixels=LIMIT)


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(GREY_8).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", max_pixels=LIMIT), GREY_8)
