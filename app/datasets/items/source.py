"""Where the pixels of one item come from, and what is changed on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from app.domain.corrections import Correction


class Window(NamedTuple):
    """A tile of a larger image, in pixels; it lies wholly inside."""

    row: int
    column: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class ItemSource:
    """How to read one item: a pair of files, or a page of a pair of stacks, or a tile of one of these.

    Parameters
    ----------
    name, group : str
        Unique name, and the acquisition it belongs to.
    image_path, mask_path : str
        Relative to the dataset's root, with forward slashes.
    image_page, mask_page : int or None
        Page of a stack, from 0; None for a file with one picture.
    window : Window or None
        Tile; None for the whole picture.
    correction : Correction
        What the dataset version changes.
    """

    name: str
    group: str
    image_path: str
    mask_path: str
    image_page: int | None = None
    mask_page: int | None = None
    window: Window | None = None
    correction: Correction = field(default_factory=Correction)


class RegisteredItem(Protocol):
    """What reading needs to know of a registered item; a database row has it."""

    @property
    def name(self) -> str:
        """Name of the item."""

    @property
    def group(self) -> str:
        """Its acquisition."""

    @property
    def image_path(self) -> str:
        """Path of the image, relative to the dataset's root."""

    @property
    def mask_path(self) -> str:
        """Path of the mask, relative to the dataset's root."""

    @property
    def image_page(self) -> int | None:
        """Page of the image's stack."""

    @property
    def mask_page(self) -> int | None:
        """Page of the mask's stack."""

    @property
    def window(self) -> Sequence[int] | None:
        """Tile as (row, column, height, width)."""

    @property
    def correction(self) -> Correction | Mapping[str, Any]:
        """What the dataset version changes; an empty mapping for nothing."""

    @property
    def image_sha256(self) -> str:
        """Hash of the image file at registration."""

    @property
    def mask_sha256(self) -> str:
        """Hash of the mask file at registration."""


def source_of(item: RegisteredItem) -> ItemSource:
    """Return how to read a registered item."""
    return ItemSource(
        name=item.name,
        group=item.group,
        image_path=item.image_path,
        mask_path=item.mask_path,
        image_page=item.image_page,
        mask_page=item.mask_page,
        window=None if item.window is None else Window(*item.window),
        correction=Correction.model_validate(item.correction),
    )
