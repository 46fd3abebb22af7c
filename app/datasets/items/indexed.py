"""What registration finds out about a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.datasets.checks.measures import ItemMeasures
from app.datasets.items.mask_rules import ResolvedMaskRule
from app.datasets.items.source import Window
from app.datasets.pairing.outcome import Problem
from app.domain.corrections import Correction


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """One readable image/mask pair.

    Parameters
    ----------
    position : int
        Index in the items sorted by name; splits refer to it.
    name, group : str
        Unique name, and the acquisition it belongs to.
    image_path, mask_path : str
        Relative to the dataset's root, with forward slashes.
    image_page, mask_page : int or None
        Page of a stack, from 0.
    window : Window or None
        Tile of a larger picture.
    correction : Correction
        What the dataset version changes.
    image_sha256, mask_sha256 : str
        Hashes of the whole files.
    image_bytes, mask_bytes : int
        Sizes of the whole files.
    height, width, channels : int
        Of the item's image.
    image_dtype, mask_dtype : str
        As decoded, e.g. `uint8`.
    foreground_fraction : float
        Share of foreground after rule and correction, at native resolution (0 to 1).
    fractional_share : float
        Share of the stored mask's pixels between 1 % and 99 % of the foreground value; 0 for label masks. Above 0,
        the mask was resized or compressed with interpolation.
    statistics : dict
        `image_mean`, `image_std`, `image_min`, `image_max`, `mask_min`, `mask_max`, `mask_n_unique`, and where the
        file says so `pixel_size`: [height, width] in µm; and the numbers of `measures` that pages show.
    measures : ItemMeasures
        What the checks look at; grey values in stored units.
    """

    position: int
    name: str
    group: str
    image_path: str
    mask_path: str
    image_page: int | None
    mask_page: int | None
    window: Window | None
    correction: Correction
    image_sha256: str
    mask_sha256: str
    image_bytes: int
    mask_bytes: int
    height: int
    width: int
    channels: int
    image_dtype: str
    mask_dtype: str
    foreground_fraction: float
    fractional_share: float
    statistics: dict[str, Any]
    measures: ItemMeasures


@dataclass(frozen=True, slots=True)
class DatasetIndex:
    """A registered dataset.

    Parameters
    ----------
    items : tuple of IndexedItem
        Sorted by name.
    problems : tuple of Problem
        Files that could not become part of an item.
    content_hash : str
        SHA-256 of what a training sees, see `app.datasets.items.summary.content_hash`; the same wherever the
        folder lies.
    mask_rule : ResolvedMaskRule
        Which mask values are foreground.
    intensity_low, intensity_high : float
        What becomes 0 and 1.
    summary : dict
        Plain JSON for pages; see `app.datasets.items.summary.summarise`.
    """

    items: tuple[IndexedItem, ...]
    problems: tuple[Problem, ...]
    content_hash: str
    mask_rule: ResolvedMaskRule
    intensity_low: float
    intensity_high: float
    summary: dict[str, Any]
