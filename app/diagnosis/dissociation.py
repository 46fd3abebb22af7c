"""Loss and Jaccard dissociate: validation loss gets better while validation Jaccard gets much worse."""

from __future__ import annotations

from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.smoothing import SMOOTHING_EPOCHS, median_of_three
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: Levels are compared over this many epochs: longer than a dip (the healthy reference histories dip for one to
#: three epochs), short enough to be seen while the training runs.
WINDOW_EPOCHS = 5

#: Validation loss must have fallen by this share of its earlier level …
LOSS_FALL = 0.1
#: … and validation Jaccard to at most this share of its own. None of the 15 reference histories that held their best
#: (median of the last three epochs ≥ 0.8 of it) ever gets such a finding.
JACCARD_RATIO = 0.5

#: A Jaccard below this is no level from which to fall; see `collapse.LEAST_BEST`.
LEAST_LEVEL = 0.02


@dataclass(frozen=True, slots=True)
class _Level:
    epoch: int
    jaccard: float
    loss: float
    raw_jaccard: float


@dataclass(frozen=True, slots=True)
class _Episode:
    before: _Level
    raised: _Level
    start: int


def detect_dissociation(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where validation loss fell over five epochs while validation Jaccard halved or worse.

    Both are compared as medians of three epochs. The finding stays open while Jaccard stays below half of its
    earlier level and loss below its own. Always a warning: it says that loss is no measure here, not that the run
    failed.
    """
    findings: list[Finding] = []
    levels = _levels(history)
    episode: _Episode | None = None
    closed_until = 0
    for index, now in enumerate(levels):
        if episode is not None:
            before = episode.before
            if now.jaccard > JACCARD_RATIO * before.jaccard or now.loss > before.loss:
                closed_until = levels[index - 1].epoch
                findings.append(_finding(episode, context=context, until=closed_until))
                episode = None
            continue
        if index < WINDOW_EPOCHS:
            continue
        before = levels[index - WINDOW_EPOCHS]
        has_level = before.jaccard >= LEAST_LEVEL
        loss_fell = now.loss <= before.loss - LOSS_FALL * abs(before.loss)
        if has_level and loss_fell and now.jaccard <= JACCARD_RATIO * before.jaccard:
            limit = JACCARD_RATIO * before.jaccard
            window = levels[index - WINDOW_EPOCHS + 1 : index + 1]
            # A median at the limit or below has at least one such value among its three, within the window.
            # Epochs of an earlier finding are not told twice.
            start = next(
                (level.epoch for level in window if level.raw_jaccard <= limit and level.epoch > closed_until),
                now.epoch,
            )
            episode = _Episode(before, now, start)
    if episode is not None:
        findings.append(_finding(episode, context=context, until=None))
    return tuple(findings)


def _levels(history: HistoryTable) -> list[_Level]:
    usable = history.usable("val_jaccard", "val_loss")
    epochs: list[int] = history.epochs[usable].tolist()
    jaccard = history.column("val_jaccard")[usable]
    rows = zip(
        epochs[SMOOTHING_EPOCHS - 1 :],
        median_of_three(jaccard).tolist(),
        median_of_three(history.column("val_loss")[usable]).tolist(),
        jaccard[SMOOTHING_EPOCHS - 1 :].tolist(),
        strict=True,
    )
    # Medians of three: one epoch cannot move either curve.
    return [_Level(*row) for row in rows]


def _finding(episode: _Episode, *, context: RunContext, until: int | None) -> Finding:
    before, raised = episode.before, episode.raised
    sentences = [
        f"Between epochs {before.epoch} and {raised.epoch} validation loss improved from {before.loss:.3g} to "
        f"{raised.loss:.3g}, while validation Jaccard fell from {score(before.jaccard)} to {score(raised.jaccard)} "
        "(medians of three epochs). The loss also rewards getting the background right: judge this run by Jaccard."
    ]
    if context.is_trivial_score(before.jaccard) and context.baselines is not None:
        sentences.append(
            f"The earlier Jaccard was no achievement: painting everything foreground scores "
            f"{score(context.baselines.all_foreground)}."
        )
    if until is not None:
        sentences.append(f"It ended after epoch {until}.")
    return Finding(
        code=FindingCode.LOSS_JACCARD_DISSOCIATION,
        severity=Severity.WARNING,
        epoch=episode.start,
        until_epoch=until,
        title="Loss improves, Jaccard does not",
        message=" ".join(sentences),
        evidence={
            "raised_epoch": raised.epoch,
            "reference_epoch": before.epoch,
            "val_loss_before": before.loss,
            "val_loss": raised.loss,
            "val_jaccard_before": before.jaccard,
            "val_jaccard": raised.jaccard,
        },
    )
