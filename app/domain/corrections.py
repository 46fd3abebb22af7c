"""Corrections of single items: what a dataset version changes without touching a file."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


class Correction(BaseModel):
    """How one item is read differently from its files.

    Applied in this order: the mask is cut at `mask_threshold` (its own, instead of the set's), inverted, and shifted.

    Parameters
    ----------
    mask_threshold : float or None
        Foreground is strictly above it; None keeps the set's rule.
    invert_mask : bool
        Swap foreground and background.
    shift_mask : tuple of int
        (dy, dx) in pixels of the file; what enters at an edge is background.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mask_threshold: float | None = Field(default=None, allow_inf_nan=False)
    invert_mask: bool = False
    shift_mask: tuple[int, int] = (0, 0)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is changed."""
        return self == Correction()


class DatasetEdits(BaseModel):
    """All that a dataset version changes against the files: cumulative, so that a version needs no other.

    Parameters
    ----------
    dropped : frozenset of str
        Names of items that the version leaves out.
    corrected : mapping of str to Correction
        By item name; none of them empty or dropped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dropped: frozenset[str] = frozenset()
    corrected: Mapping[str, Correction] = Field(default_factory=dict)
