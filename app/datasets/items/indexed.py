"""What registration finds out about a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.datasets.pairing.stems import Problem


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """One readable image/mask pair.

    Parameters
    ----------
    position : int
        Index in the items sorted by name; splits refer to it.
    name, group : str
        File name without suffix, and the acquisition inferred from it.
    image_path, mask_path : str
        Relative to the dataset's root, with forward slashes.
    image_sha256, mask_sha256 : str
        Hashes of the files.
    height, width, channels : int
        Of the stored image.
    image_dtype, mask_dtype : str
        As decoded, e.g. `uint8`.
    foreground_fraction : float
        Share of the mask's pixels above the set's threshold, at native resolution (0 to 1).
    fractional_share : float
        Share of the mask's pixels between 1 % and 99 % of the foreground value; 0 for label masks. Above 0,
        the mask was resized or compressed with interpolation.
    statistics : dict
        `image_mean`, `image_std`, `image_min`, `image_max`, `mask_min`, `mask_max`, `mask_n_unique`.
    bytes : int
        Size of both files.
    """

    position: int
    name: str
    group: str
    image_path: str
    mask_path: str
    image_sha256: str
    mask_sha256: str
    height: int
    width: int
    channels: int
    image_dtype: str
    mask_dtype: str
    foreground_fraction: float
    fractional_share: float
    statistics: dict[str, float | int]
    bytes: int


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
        SHA-256 over names, file hashes and the mask threshold; the same wherever the folder lies.
    mask_threshold : float
        Foreground is strictly above it.
    mask_rule_text : str
        The rule as a sentence for people.
    intensity_low, intensity_high : float
        What becomes 0 and 1.
    summary : dict
        Plain JSON for pages; see `app.datasets.items.summary.summarise`.
    """

    items: tuple[IndexedItem, ...]
    problems: tuple[Problem, ...]
    content_hash: str
    mask_threshold: float
    mask_rule_text: str
    intensity_low: float
    intensity_high: float
    summary: dict[str, Any]
