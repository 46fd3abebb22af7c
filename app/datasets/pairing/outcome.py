"""What pairing finds: pairs as item sources, and a reason for every file that is in none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.datasets.items.source import ItemSource


class ProblemCode(StrEnum):
    """Why a file could not become part of an item."""

    MISSING_MASK = "missing-mask"
    MISSING_IMAGE = "missing-image"
    DUPLICATE_STEM = "duplicate-stem"
    UNREADABLE_IMAGE = "unreadable-image"
    UNREADABLE_MASK = "unreadable-mask"
    SIZE_MISMATCH = "size-mismatch"
    PAGES_MISMATCH = "pages-mismatch"
    MASK_TYPE_MISMATCH = "mask-type-mismatch"
    UNSUPPORTED_FILE = "unsupported-file"
    TOO_LARGE = "too-large"
    OUTSIDE_ROOT = "outside-root"
    BAD_ROW = "bad-row"
    EDIT_WITHOUT_ITEM = "edit-without-item"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A file that could not become part of an item, with the reason for people.

    `name` is the file's path below the dataset's root, or the item's name where a pair is concerned.
    """

    name: str
    code: ProblemCode
    message: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs and problems, both sorted by name; the names of pairs are unique."""

    pairs: tuple[ItemSource, ...]
    problems: tuple[Problem, ...]
