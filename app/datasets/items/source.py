"""Where the pixels of one item come from, and what is changed on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

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
