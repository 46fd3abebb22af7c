"""Which mask values are foreground: one rule for a whole dataset, and the sentence that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from app.domain.dataset_import import MaskRule, MaskSpec

_LABELS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class ResolvedMaskRule:
    """The rule after the masks were seen.

    Parameters
    ----------
    threshold : float or None
        Foreground is strictly above it; None where `labels` say what is foreground.
    text : str
        The rule as a sentence for people.
    full_scale : float or None
        The value of a pixel that is wholly foreground; None for label masks, where values are names.
    labels : tuple of int
        The values that are foreground; empty where the threshold decides.
    """

    threshold: float | None
    text: str
    full_scale: float | None
    labels: tuple[int, ...] = ()

    def same_as(self, other: ResolvedMaskRule) -> bool:
        """Whether both rules find the same foreground and the same values in between, whatever their sentences."""
        return (self.threshold, self.full_scale, self.labels) == (other.threshold, other.full_scale, other.labels)


def resolve_mask_rule(spec: MaskSpec, *, dtype: DTypeLike, maximum: float) -> ResolvedMaskRule:
    """Decide the rule for masks of one dtype.

    Parameters
    ----------
    spec : MaskSpec
        `auto` takes 0/1 masks at 0.5, masks that use more than half of the dtype's range at its half, and
        every other set as labels (above 0). `half` takes half of the full scale, `nonzero` takes 0, `labels` takes
        the chosen values.
    dtype : dtype-like
        Type of the stored masks. Floats have the full scale 1, or their maximum where that is larger.
    maximum : float
        Largest value over *all* masks of the set: a single empty mask must not change the rule.
    """
    if spec.rule is MaskRule.LABELS:
        return _labels(spec.foreground_labels)
    if spec.rule is MaskRule.NONZERO:
        return ResolvedMaskRule(0.0, "Every pixel above 0 is foreground.", None)
    kind = np.dtype(dtype).kind
    full_scale = float(np.iinfo(dtype).max) if kind in "iu" else max(1.0, maximum)
    if spec.rule is MaskRule.HALF:
        return _half(full_scale)
    if maximum <= 1:
        return ResolvedMaskRule(0.5, "Masks hold 0 to 1: pixels above 0.5 are foreground.", 1.0)
    # Above 1, floats have no range of their own; only the two that come from integers are recognised.
    if maximum > full_scale / 2 and (kind in "iu" or maximum in (255, 65535)):
        return _half(full_scale)
    return ResolvedMaskRule(0.0, f"Masks hold labels (up to {maximum:g}): every pixel above 0 is foreground.", None)


def settled_mask_rule(spec: MaskSpec, *, threshold: float | None, text: str = "") -> ResolvedMaskRule:
    """Return the rule of a registered dataset from what its row keeps.

    Parameters
    ----------
    spec : MaskSpec
        What the person chose.
    threshold : float or None
        What registration made of it; None for chosen labels.
    text : str
        The rule as a sentence.
    """
    if threshold is None:
        return _labels(spec.foreground_labels)
    return ResolvedMaskRule(threshold, text, None)


def binarise(mask: NDArray[Any], rule: ResolvedMaskRule) -> NDArray[np.bool_]:
    """Return where `mask` is foreground."""
    if rule.threshold is None:
        return np.isin(mask, np.asarray(rule.labels))
    return np.asarray(mask > rule.threshold, np.bool_)


def _labels(labels: tuple[int, ...]) -> ResolvedMaskRule:
    chosen = tuple(sorted(set(labels)))
    shown = ", ".join(map(str, chosen[:_LABELS_SHOWN])) + (", …" if len(chosen) > _LABELS_SHOWN else "")
    values = f"the value {shown}" if len(chosen) == 1 else f"one of the values {shown}"
    return ResolvedMaskRule(None, f"Masks hold labels: pixels with {values} are foreground.", None, chosen)


def _half(full_scale: float) -> ResolvedMaskRule:
    half = full_scale / 2
    return ResolvedMaskRule(
        half, f"Pixels above {half:g}, half of the full scale {full_scale:g}, are foreground.", full_scale
    )
