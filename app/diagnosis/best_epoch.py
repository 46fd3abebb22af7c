"""Best epoch too early: the score that checkpoints are chosen by was reached before anything was learned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.smoothing import SMOOTHING_EPOCHS, median_of_three
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: The best epoch is early up to here (the report's were 1, 1 and 4) …
EARLY_EPOCHS = 5
#: … and suspicious when none of so many later ones was better.
LATER_EPOCHS = 10

#: A curve whose median of three keeps this share of its best simply started well (as a pretrained network does).
KEPT = 0.8
BACK = 0.9


@dataclass(frozen=True, slots=True)
class _Episode:
    epoch: int
    best: float
    training: float
    raised: int
    training_raised: float


def detect_best_epoch_too_early(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find a best validation Jaccard in the first five epochs that ten later ones did not reach.

    It counts if validation has lost a fifth of it since, or if painting everything foreground scores as much. Always
    a warning: early stopping and the choice of the checkpoint go by this epoch. It closes with a better epoch, or when
    validation is back at its level.
    """
    usable = history.usable("val_jaccard")
    column = history.column("val_jaccard")[usable]
    epochs: list[int] = history.epochs[usable].tolist()
    values: list[float] = column.tolist()
    medians: list[float] = [math.nan] * min(len(values), SMOOTHING_EPOCHS - 1) + median_of_three(column).tolist()
    training: list[float] = history.column("jaccard")[usable].tolist()
    episode: _Episode | None = None
    best, best_index = -math.inf, 0
    for index, (epoch, value, median) in enumerate(zip(epochs, values, medians, strict=True)):
        is_better = value > best
        if episode is not None and (is_better or (median >= BACK * best and not context.is_trivial_score(best))):
            return (_finding(episode, context=context, until=epochs[index - 1], now=value),)
        if is_better:
            best, best_index = value, index
            if epoch > EARLY_EPOCHS:
                return ()
        elif (
            episode is None
            and index - best_index >= LATER_EPOCHS
            and (median < KEPT * best or context.is_trivial_score(best))
        ):
            episode = _Episode(epochs[best_index], best, training[best_index], epoch, training[index])
    if episode is None:
        return ()
    return (_finding(episode, context=context, until=None, now=math.nan),)


def _finding(episode: _Episode, *, context: RunContext, until: int | None, now: float) -> Finding:
    sentences = [
        f"The best validation Jaccard, {score(episode.best)}, is that of epoch {episode.epoch}; by epoch "
        f"{episode.raised} no later one had reached it. Little can be learned so soon: do not choose this epoch's "
        "checkpoint, and do not read the score as a peak from which the run fell."
    ]
    if math.isfinite(episode.training) and math.isfinite(episode.training_raised):
        sentences.append(
            f"Training went from {score(episode.training)} to {score(episode.training_raised)} in the same time."
        )
    if context.baselines is not None and context.baselines.all_foreground < 1:
        relation = "as much" if context.is_trivial_score(episode.best) else score(context.baselines.all_foreground)
        sentences.append(f"Painting everything foreground scores {relation}.")
    if until is not None:
        sentences.append(f"It ended after epoch {until}, when validation reached {score(now)}.")
    return Finding(
        code=FindingCode.BEST_EPOCH_TOO_EARLY,
        severity=Severity.WARNING,
        epoch=episode.epoch,
        until_epoch=until,
        title="The best epoch is among the first",
        message=" ".join(sentences),
        evidence={
            "raised_epoch": episode.raised,
            "best_val_jaccard": episode.best,
            "best_val_jaccard_epoch": episode.epoch,
            "baseline_all_foreground": None if context.baselines is None else context.baselines.all_foreground,
        },
    )
