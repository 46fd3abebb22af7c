"""The files of one dataset while it is read: hashed once, decoded once as long as their pages and tiles follow."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from numpy.typing import NDArray

from app.datasets.files.raster import PixelSize, Raster
from app.datasets.files.reading import TIFF_MAGIC, as_image, as_mask, decode, load_bytes
from app.datasets.files.tiff import TiffPictures
from app.datasets.files.unreadable import UnreadableImageError, unreadable

_KEEP_BYTES = 256 * 1024**2
_ALWAYS_KEPT = 2
_OPEN_STACKS = 4
_HASHED_BYTES = 4 * 1024**2


class FileFacts(NamedTuple):
    """What identifies the content of a file."""

    sha256: str
    bytes: int


class Picture(NamedTuple):
    """Decoded pixels, not to be written to, and how large one is where the file says so."""

    pixels: NDArray[Any]
    pixel_size: PixelSize | None


class OutsideRootError(UnreadableImageError):
    """A path or link that leaves the dataset's folder."""


class _Signature(NamedTuple):
    device: int
    inode: int
    bytes: int
    modified_ns: int


class _Stack(NamedTuple):
    stream: BinaryIO
    pictures: TiffPictures


class PictureFiles:
    """Reads files below one folder; a context manager that closes the stacks it opened.

    A file with one picture is read as a whole, and the bytes that are hashed are the bytes that are decoded. Of a
    stack only the pages asked for are read; it must not change in between.

    Parameters
    ----------
    root : Path
        The dataset's folder; links may not leave it.
    max_pixels : int
        Limit of one picture.
    keep_bytes : int
        Decoded pictures stay in memory up to this size in all; the two newest always do.
    """

    def __init__(self, root: Path, *, max_pixels: int, keep_bytes: int = _KEEP_BYTES) -> None:
        self.root = root.resolve()
        self._max_pixels = max_pixels
        self._keep_bytes = keep_bytes
        self._facts: dict[str, tuple[_Signature | None, FileFacts]] = {}
        self._unread: OrderedDict[str, bytes] = OrderedDict()
        self._stacks: OrderedDict[str, _Stack] = OrderedDict()
        self._decoded: OrderedDict[tuple[str, int | None, str], Picture] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stack in self._stacks.values():
            stack.stream.close()
        self._stacks.clear()

    def path(self, relative: str) -> Path:
        """Return a file's path with links followed.

        Raises
        ------
        OutsideRootError
            It leaves the folder.
        """
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root):
            raise OutsideRootError(
                f"Invalid file '{relative}': received a link that leaves the dataset's folder, expected a file "
                "inside it; copy the file instead of linking it."
            )
        return path

    def facts(self, relative: str, *, page: int | None) -> FileFacts:
        """Return the hash and size of a file; it is read again only if it changed.

        Parameters
        ----------
        relative : str
            Path below the root.
        page : int or None
            Of a stack; None for a file with one picture.

        Raises
        ------
        UnreadableImageError
            The file cannot be read.
        """
        path = self.path(relative)
        known = self._facts.get(relative)
        if known is not None and known[0] == _signature(path):
            return known[1]
        self._forget(relative)
        signature = _signature(path)
        if page is None:
            data = load_bytes(path, name=relative, max_pixels=self._max_pixels)
            facts = FileFacts(hashlib.sha256(data).hexdigest(), len(data))
            self._unread[relative] = data
            while len(self._unread) > _ALWAYS_KEPT:
                self._unread.popitem(last=False)
        else:
            facts = _hash_stream(self._stack(relative).stream)
        self._facts[relative] = (signature, facts)
        return facts

    def image(self, relative: str, *, page: int | None) -> Picture:
        """Read a picture as `app.datasets.files.reading.read_image` does."""
        return self._picture(relative, page=page, kind="image", convert=as_image)

    def mask(self, relative: str, *, page: int | None) -> Picture:
        """Read a picture as `app.datasets.files.reading.read_mask` does."""
        return self._picture(relative, page=page, kind="mask", convert=as_mask)

    def count_pages(self, relative: str) -> int:
        """Return how many pictures a TIFF has; 1 for every other file, whatever it is.

        Raises
        ------
        UnreadableImageError
            The file cannot be opened, or the TIFF is damaged or ambiguous as a stack.
        """
        with self._open(relative) as stream:
            if not stream.read(4).startswith(TIFF_MAGIC):
                return 1
            return len(TiffPictures(stream, name=relative))

    def _picture(self, relative: str, *, page: int | None, kind: str, convert: Callable[..., NDArray[Any]]) -> Picture:
        self.facts(relative, page=page)
        key = (relative, page, kind)
        if key not in self._decoded:
            raster = self._whole(relative) if page is None else self._page(relative, page)
            pixels = convert(raster, name=relative)
            pixels.setflags(write=False)
            self._decoded[key] = Picture(pixels, raster.pixel_size)
            self._make_room()
        self._decoded.move_to_end(key)
        return self._decoded[key]

    def _whole(self, relative: str) -> Raster:
        data = self._unread.pop(relative, None)
        if data is None:
            data = load_bytes(self.path(relative), name=relative, max_pixels=self._max_pixels)
            if hashlib.sha256(data).hexdigest() != self._facts[relative][1].sha256:
                raise _changing(relative)
        return decode(data, name=relative, max_pixels=self._max_pixels)

    def _page(self, relative: str, page: int) -> Raster:
        stack = self._stack(relative)
        raster = stack.pictures.read(page, max_pixels=self._max_pixels)
        if _signature_of(os.fstat(stack.stream.fileno())) != self._facts[relative][0]:
            raise _changing(relative)
        return raster

    def _stack(self, relative: str) -> _Stack:
        stack = self._stacks.get(relative)
        if stack is None:
            stream = self._open(relative)
            try:
                stack = _Stack(stream, TiffPictures(stream, name=relative))
            except BaseException:
                stream.close()
                raise
            self._stacks[relative] = stack
            while len(self._stacks) > _OPEN_STACKS:
                self._stacks.popitem(last=False)[1].stream.close()
        self._stacks.move_to_end(relative)
        return stack

    def _open(self, relative: str) -> BinaryIO:
        path = self.path(relative)
        try:
            if path.is_file():
                return path.open("rb")
            received = "no file (missing or a broken link)"
        except OSError as error:
            received = f"an error of the disk ({error.strerror})"
        raise unreadable(
            relative, received=received, expected="a readable file", action="check its permissions or copy it again"
        )

    def _make_room(self) -> None:
        kept = sum(picture.pixels.nbytes for picture in self._decoded.values())
        while kept > self._keep_bytes and len(self._decoded) > _ALWAYS_KEPT:
            kept -= self._decoded.popitem(last=False)[1].pixels.nbytes

    def _forget(self, relative: str) -> None:
        self._facts.pop(relative, None)
        self._unread.pop(relative, None)
        stack = self._stacks.pop(relative, None)
        if stack is not None:
            stack.stream.close()
        for key in [key for key in self._decoded if key[0] == relative]:
            del self._decoded[key]


def _signature(path: Path) -> _Signature | None:
    try:
        return _signature_of(path.stat())
    except OSError:
        return None


def _signature_of(status: os.stat_result) -> _Signature:
    return _Signature(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _hash_stream(stream: BinaryIO) -> FileFacts:
    stream.seek(0)
    digest = hashlib.sha256()
    size = 0
    while block := stream.read(_HASHED_BYTES):
        digest.update(block)
        size += len(block)
    return FileFacts(digest.hexdigest(), size)


def _changing(relative: str) -> UnreadableImageError:
    return unreadable(
        relative,
        received="a file that changed while it was read",
        expected="one at rest",
        action="register the dataset again",
    )
