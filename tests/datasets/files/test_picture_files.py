"""A file is hashed once and decoded once while its pages and tiles follow, and a change is never overlooked."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import tifffile
from PIL import Image

from app.datasets.files.picture_files import OutsideRootError, PictureFiles
from app.datasets.files.reading import decode as decode_picture
from app.datasets.files.reading import load_bytes
from app.datasets.files.tiff import TiffPictures
from app.datasets.files.unreadable import UnreadableImageError

PIXELS = np.random.default_rng(5).integers(0, 256, (3, 10, 12), dtype=np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for index, name in enumerate(("a", "b", "c")):
        Image.fromarray(PIXELS[index]).save(tmp_path / f"{name}.png")
    tifffile.imwrite(tmp_path / "stack.tif", PIXELS, photometric="minisblack")
    return tmp_path


MODULE = "app.datasets.files.picture_files"


def test_a_file_is_read_and_decoded_once(root: Path) -> None:
    with (
        patch(f"{MODULE}.load_bytes", wraps=load_bytes) as load,
        patch(f"{MODULE}.decode", wraps=decode_picture) as decode,
    ):
        files = PictureFiles(root, max_pixels=1000)
        for _ in range(4):
            files.facts("a.png", page=None)
            files.image("a.png", page=None)
            files.image("b.png", page=None)
    assert (load.call_count, decode.call_count) == (2, 2)
    assert files.facts("a.png", page=None).sha256 == hashlib.sha256((root / "a.png").read_bytes()).hexdigest()


def test_memory_is_bounded_but_the_two_newest_pictures_stay(root: Path) -> None:
    with patch(f"{MODULE}.decode", wraps=decode_picture) as decode:
        files = PictureFiles(root, max_pixels=1000, keep_bytes=0)
        for name in ("a", "b", "a", "b", "c", "b", "a"):
            np.testing.assert_array_equal(files.image(f"{name}.png", page=None).pixels, PIXELS["abc".index(name)])
    assert decode.call_count == 4


def test_pages_are_read_alone_and_the_stack_is_hashed_once(root: Path) -> None:
    with (
        patch(f"{MODULE}.hashlib.sha256", wraps=hashlib.sha256) as hashed,
        PictureFiles(root, max_pixels=120) as files,
    ):
        for page in (2, 0, 1, 2):
            np.testing.assert_array_equal(files.image("stack.tif", page=page).pixels, PIXELS[page])
        assert files.facts("stack.tif", page=0) == files.facts("stack.tif", page=2)
    assert hashed.call_count == 1
    assert files.facts("stack.tif", page=None).bytes == (root / "stack.tif").stat().st_size


def test_many_stacks_keep_few_files_open(root: Path) -> None:
    for index in range(8):
        (root / f"{index}.tif").write_bytes((root / "stack.tif").read_bytes())
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    with PictureFiles(root, max_pixels=1000) as files:
        for index in range(8):
            files.mask(f"{index}.tif", page=1)
        if before:
            assert len(os.listdir("/proc/self/fd")) - before <= 4
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_replaced_is_hashed_and_decoded_again(root: Path) -> None:
    with PictureFiles(root, max_pixels=1000) as files:
        for name, page in (("a.png", None), ("stack.tif", 0)):
            old = files.facts(name, page=page)
            files.image(name, page=page)
            other = root / "other"
            if page is None:
                Image.fromarray(PIXELS[1]).save(other, format="PNG")
            else:
                tifffile.imwrite(other, PIXELS[[1, 0]], photometric="minisblack")
            other.replace(root / name)
            assert files.facts(name, page=page) != old
            np.testing.assert_array_equal(files.image(name, page=page).pixels, PIXELS[1])


def test_a_stack_that_changes_while_it_is_read_is_refused(root: Path) -> None:
    with PictureFiles(root, max_pixels=1000) as files:
        files.facts("stack.tif", page=0)
        read = TiffPictures.read

        def disturbed(self: Any, *arguments: Any, **options: Any) -> Any:
            os.utime(root / "stack.tif", ns=(1, 1))
            return read(self, *arguments, **options)

        with (
            patch.object(TiffPictures, "read", disturbed),
            pytest.raises(UnreadableImageError, match="changed while it was read"),
        ):
            files.image("stack.tif", page=0)


def test_links_may_not_leave_the_root(root: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.png"
    (root / "a.png").rename(elsewhere)
    (root / "a.png").symlink_to(elsewhere)
    (root / "inner.png").symlink_to(root / "b.png")
    files = PictureFiles(root, max_pixels=1000)
    for relative in ("a.png", "../x.png", "/etc/passwd"):
        with pytest.raises(OutsideRootError, match="leaves the dataset's folder"):
            files.image(relative, page=None)
        with pytest.raises(OutsideRootError):
            files.count_pages(relative)
    assert files.image("inner.png", page=None).pixels.shape == (10, 12)


def test_pages_are_counted_by_content(root: Path) -> None:
    files = PictureFiles(root, max_pixels=1)
    assert [files.count_pages(name) for name in ("stack.tif", "a.png")] == [3, 1]
    (root / "a.png").rename(root / "png.tif")
    assert files.count_pages("png.tif") == 1
    with pytest.raises(UnreadableImageError, match=r"'none\.tif': received no file"):
        files.count_pages("none.tif")
