"""Quantised metric: a score that is a simple fraction, which no count of pixels would be."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from app.diagnosis.history_table import HistoryTable
from app.domain.findings import Finding, FindingCode, Severity

#: Largest denominator that is looked for: a validation set of this many batches.
MOST_BATCHES = 32

#: How near a fraction: the metric's own ε and float32 move it by less. A random score is as near to one of the 323
#: fractions between 0 and 1 with a denominator up to 32 once in 1,500 epochs.
TOLERANCE = 1e-6

#: Two epochs make it no accident, three in a row without end it.
CONFIRM_EPOCHS = 2
LEAVE_EPOCHS = 3

#: A file whose scores were rounded to so many decimals holds simple fractions by itself (0.7, 0.75): those count only
#: once a score with more decimals has shown that it was not rounded. 0.33333 is no such fraction.
DECIMALS = 4
#: Scores below say nothing about the rounding: 1.5e-12 is written with an exponent.
LEAST_ROUNDED = 0.01

#: Segscope's own histories hold this column. Their scores come from counts over the whole set, and on a tiny set such
#: a ratio may well be a simple fraction.
OWN_COLUMN = "val_jaccard_image_mean"

_FRACTIONS = sorted({Fraction(part, whole) for whole in range(1, MOST_BATCHES + 1) for part in range(1, whole + 1)})
_VALUES = np.array([float(fraction) for fraction in _FRACTIONS])


@dataclass(slots=True)
class _Episode:
    seen: list[tuple[int, Fraction]]
    last: int
    away: int = 0


def simple_fractions(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[Fraction | None]:
    """Return for each value the fraction k/n (1 ≤ k ≤ n ≤ 32) that it is, within 1e-6; None if it is none.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Scores; values that are not finite are no fractions.
    """
    right = np.searchsorted(_VALUES, values).clip(1, _VALUES.size - 1)
    nearest = np.where(np.abs(values - _VALUES[right - 1]) <= np.abs(values - _VALUES[right]), right - 1, right)
    hits = np.abs(values - _VALUES[nearest]) <= TOLERANCE
    return [_FRACTIONS[index] if hit else None for index, hit in zip(nearest.tolist(), hits.tolist(), strict=True)]


def detect_quantised_metric(history: HistoryTable) -> tuple[Finding, ...]:
    """Find two epochs or more in which validation Jaccard is k/n for a small n, 1 among them.

    Per-batch values that were averaged are such fractions when every batch scores 0 or 1: batches without foreground
    score exactly 1 with a smoothed metric, whatever the network does elsewhere. *Warning* always. It closes when three
    epochs in a row show no fraction.
    """
    if history.recorded(OWN_COLUMN).any():
        return ()
    usable = history.usable("val_jaccard")
    values = history.column("val_jaccard")[usable]
    fractions = simple_fractions(values)
    if sum(fraction is not None for fraction in fractions) < CONFIRM_EPOCHS:
        return ()
    findings: list[Finding] = []
    seen: list[tuple[int, Fraction]] = []
    never_rounded: list[tuple[int, Fraction]] = []
    episode: _Episode | None = None
    scaled = np.clip(values, 0, 1) * 10**DECIMALS
    is_unrounded = (values >= LEAST_ROUNDED) & (np.abs(scaled - np.rint(scaled)) > TOLERANCE)
    was_unrounded = np.logical_or.accumulate(is_unrounded).tolist()
    for epoch, fraction, unrounded in zip(history.epochs[usable].tolist(), fractions, was_unrounded, strict=True):
        if fraction is None:
            if episode is not None:
                episode.away += 1
                if episode.away >= LEAVE_EPOCHS:
                    findings.append(_finding(episode, until=episode.last))
                    episode = None
        elif episode is not None:
            episode.last, episode.away = epoch, 0
        else:
            seen.append((epoch, fraction))
            if 10**DECIMALS % fraction.denominator:
                never_rounded.append((epoch, fraction))
        counted = seen if unrounded else never_rounded
        if episode is None and len(counted) >= CONFIRM_EPOCHS:
            episode = _Episode(counted[:CONFIRM_EPOCHS], counted[-1][0])
            seen, never_rounded = [], []
    if episode is not None:
        findings.append(_finding(episode, until=None))
    return tuple(findings)


def _finding(episode: _Episode, *, until: int | None) -> Finding:
    listed = " and ".join(f"{fraction} in epoch {epoch}" for epoch, fraction in episode.seen)
    fractions = {fraction for _, fraction in episode.seen}
    if fractions == {Fraction(1)}:
        reason = (
            "A segmentation is never perfect: look for masks without foreground, which score 1 if nothing is "
            "predicted, or masks that are painted as the metric does not expect."
        )
    else:
        reason = (
            "Counts of pixels do not give such numbers. It is a mean over batches that score 0 or 1 each: some batches "
            "hold no foreground, or the metric saturates. Recompute it from counts over the whole set."
        )
    sentences = [f"Validation Jaccard was exactly {listed}.", reason]
    if until is not None:
        sentences.append(f"It ended after epoch {until}.")
    return Finding(
        code=FindingCode.QUANTISED_METRIC,
        severity=Severity.WARNING,
        epoch=episode.seen[0][0],
        until_epoch=until,
        title="Validation Jaccard is quantised",
        message=" ".join(sentences),
        evidence={
            "raised_epoch": episode.seen[-1][0],
            "denominator": max(fraction.denominator for fraction in fractions),
            "val_jaccard": float(episode.seen[-1][1]),
        },
    )
