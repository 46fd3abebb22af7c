"""Plateau: validation Jaccard has risen and does not rise any more."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.smoothing import SMOOTHING_EPOCHS, median_of_three
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: A new best counts when it is better by this share.
IMPROVEMENT = 0.01

#: Epochs without one. The report's trainings stopped early after as many.
PATIENCE_EPOCHS = 15

#: On a plateau the median of three keeps this share of the best: the limit by which the reference histories count as
#: held. Below, the curve declines and other findings tell it.
KEPT = 0.8

#: A plateau follows a rise: its level is above the first epoch by this share. A curve that never moved has no plateau.
RISE = 0.05

#: Below, all is noise around an empty prediction; see `collapse.LEAST_BEST`.
LEAST_LEVEL = 0.02


@dataclass(frozen=True, slots=True)
class _Episode:
    start: int
    raised: int
    level: float
    level_epoch: int
    median: float
    severity: Severity


def detect_plateau(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where validation Jaccard did not improve by 1 % for 15 epochs and kept its level.

    *Info* where the level shows that the network has learned: the training is simply done. *Warning* where it does
    not: the run is stuck. It closes with the next improvement, or when the level is lost.
    """
    usable = history.usable("val_jaccard")
    epochs: list[int] = history.epochs[usable].tolist()
    column = history.column("val_jaccard")[usable]
    values: list[float] = column.tolist()
    medians: list[float] = [math.nan] * min(len(values), SMOOTHING_EPOCHS - 1) + median_of_three(column).tolist()
    findings: list[Finding] = []
    episode: _Episode | None = None
    level, level_epoch, since = -math.inf, 0, 0
    for index, (epoch, value, median) in enumerate(zip(epochs, values, medians, strict=True)):
        improved = value > level + IMPROVEMENT * abs(level) if index else True
        if improved:
            level, level_epoch, since = value, epoch, index
        if episode is not None:
            if not improved and median >= KEPT * level:
                continue
            findings.append(_finding(episode, until=epochs[index - 1]))
            episode = None
            since = index
        elif (
            index - since >= PATIENCE_EPOCHS
            and median >= KEPT * level
            and level >= LEAST_LEVEL
            and level >= (1 + RISE) * values[0]
        ):
            severity = Severity.INFO if context.is_learned_score(level) else Severity.WARNING
            episode = _Episode(epochs[since + 1], epoch, level, level_epoch, median, severity)
    if episode is not None:
        findings.append(_finding(episode, until=None))
    return tuple(findings)


def _finding(episode: _Episode, *, until: int | None) -> Finding:
    is_stuck = episode.severity is Severity.WARNING
    sentences = [
        f"From epoch {episode.start} to epoch {episode.raised} validation Jaccard did not improve by {IMPROVEMENT:.0%} "
        f"on its {score(episode.level)} of epoch {episode.level_epoch}; its median of three is {score(episode.median)}."
    ]
    if is_stuck:
        sentences.append("That level is no segmentation: the run is stuck, and more epochs alone will not help.")
    else:
        sentences.append("The training may be done; a lower learning rate sometimes gains a little more.")
    if until is not None:
        sentences.append(f"It ended after epoch {until}.")
    return Finding(
        code=FindingCode.PLATEAU,
        severity=episode.severity,
        epoch=episode.start,
        until_epoch=until,
        title="Stuck at a low level" if is_stuck else "No improvement any more",
        message=" ".join(sentences),
        evidence={
            "raised_epoch": episode.raised,
            "best_val_jaccard": episode.level,
            "best_val_jaccard_epoch": episode.level_epoch,
            "median_val_jaccard": episode.median,
        },
    )
