"""Which mask values are foreground: one threshold for a whole dataset, and the sentence that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from app.domain.dataset_import import MaskRule


@dataclass(frozen=True, slots=True)
class ResolvedMaskRule:
    """The rule after the masks were seen.

    Parameters
    ----------
    threshold : float
        Foreground is strictly above it.
    text : str
        The rule as a sentence for people.
    full_scale : float or None
        The value of a pixel that is wholly foreground; None for label masks, where values are names.
    """

    threshold: float
    text: str
    full_scale: float | None


def resolve_mask_rule(rule: MaskRule, *, dtype: DTypeLike, maximum: float) -> ResolvedMaskRule:
    """Decide the threshold for masks of one dtype.

    Parameters
    ----------
    rule : MaskRule
        `auto` takes 0/1 masks at 0.5, masks that use more than half of the dtype's range at its half, and
        every other set as labels (above 0). `half` takes half of the full scale, `nonzero` takes 0.
    dtype : dtype-like
        Type of the stored masks. Floats have the full scale 1, or their maximum where that is larger.
    maximum : float
        Largest value over *all* masks of the set: a single empty mask must not change the rule.
    """
    if rule is MaskRule.NONZERO:
        return ResolvedMaskRule(0.0, "Every pixel above 0 is foreground.", None)
    kind = np.dtype(dtype).kind
    full_scale = float(np.iinfo(dtype).max) if kind in "iu" else max(1.0, maximum)
    if rule is MaskRule.HALF:
        return _half(full_scale)
    if maximum <= 1:
        return ResolvedMaskRule(0.5, "Masks hold 0 to 1: pixels above 0.5 are foreground.", 1.0)
    # Above 1, floats have no range of their own; only the two that come from integers are recognised.
    if maximum > full_scale / 2 and (kind in "iu" or maximum in (255, 65535)):
        return _half(full_scale)
    return ResolvedMaskRule(0.0, f"Masks hold labels (up to {maximum:g}): every pixel above 0 is foreground.", None)


def binarise(mask: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    """Return where `mask` is strictly above `threshold`."""
    return np.asarray(mask > threshold, np.bool_)


def _half(full_scale: float) -> ResolvedMaskRule:
    half = full_scale / 2
    return ResolvedMaskRule(
        half, f"Pixels above {half:g}, half of the full scale {full_scale:g}, are foreground.", full_scale
    )
