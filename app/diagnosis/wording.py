"""How findings write numbers."""

from __future__ import annotations

#: Below this a Jaccard is an artefact of the metric's ε: no pixel was hit.
NEGLIGIBLE_SCORE = 1e-6


def score(value: float) -> str:
    """Write a Jaccard as a person would read it.

    Examples
    --------
    >>> score(0.1272834)
    '0.127'
    >>> score(0.00022463)
    '0.00022'
    >>> score(1.4985e-12)
    'practically 0'
    """
    if value <= NEGLIGIBLE_SCORE:
        return "practically 0"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.2g}"


def epoch_range(first: int, last: int) -> str:
    """Write a span of epochs."""
    return f"epoch {first}" if first == last else f"epochs {first} to {last}"
