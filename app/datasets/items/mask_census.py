"""The mask rule of a set that is still being read."""

from __future__ import annotations

from app.datasets.items.mask_rules import ResolvedMaskRule, resolve_mask_rule
from app.domain.dataset_import import MaskSpec

_NOTHING_SEEN = "uint8"


class MaskCensus:
    """Collects the masks' types and maxima; knows the rule so far at any time.

    A set may mix types as long as they lead to one threshold. Otherwise the type of most masks decides, and
    masks of the others cannot be used: 0/255 next to 0/65535 has no threshold in common.

    Parameters
    ----------
    spec : MaskSpec
        What the person chose.
    """

    def __init__(self, spec: MaskSpec) -> None:
        self._spec = spec
        self._maxima: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, dtype: str, maximum: float) -> None:
        """Count one mask."""
        self._maxima[dtype] = max(maximum, self._maxima.get(dtype, maximum))
        # An empty mask fits every rule and has no vote.
        self._counts[dtype] = self._counts.get(dtype, 0) + (maximum > 0)

    def rule_of(self, dtype: str) -> ResolvedMaskRule:
        """Return the rule for masks of one type, given what was seen so far."""
        return resolve_mask_rule(self._spec, dtype=dtype, maximum=self._maxima.get(dtype, 0))

    def rule(self) -> ResolvedMaskRule:
        """Return the rule of the set: that of the type of most masks."""
        if not self._counts:
            return self.rule_of(_NOTHING_SEEN)
        return self.rule_of(max(self._counts, key=lambda dtype: (self._counts[dtype], dtype)))

    def fits(self, dtype: str, maximum: float) -> bool:
        """Whether a mask of this type and maximum means the same under the set's rule as under its own."""
        return maximum <= 0 or self.rule_of(dtype).threshold == self.rule().threshold
