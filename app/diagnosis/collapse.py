"""Collapse: validation Jaccard lost, or never followed, what training shows.

Two signs make an epoch *bad*:

- the **gap**: training Jaccard ≥ 0.3 and validation Jaccard below 0.3 of it;
- the **fall**: validation Jaccard below 0.2 of its best so far, if that best was more than a trivial predictor's.

Two bad epochs in a row raise the finding, which starts at the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import (
    LEARNED_JACCARD,
    SLOW_START_EPOCHS,
    WARM_UP_PATIENCE_EPOCHS,
    RunContext,
)
from app.diagnosis.wording import epoch_range, score
from app.domain.findings import Finding, FindingCode, Severity

#: Validation below this share of training is a gap (CAUSES, *Trigger*).
GAP_RATIO = 0.3

#: Validation below this share of its best is a fall: the limit by which the reference histories are labelled.
FALL_RATIO = 0.2

#: A best below this is noise around an empty prediction; nothing can fall from it. The lowest best of a reference
#: history that is labelled as collapsed from a level of its own is 0.047.
LEAST_BEST = 0.02

#: Bad epochs in a row that raise the finding (CAUSES, *Trigger*). One alone is common: the healthy reference
#: histories have single-epoch dips to a tenth of their best.
CONFIRM_EPOCHS = 2

#: Recovered is half of training's Jaccard, or half of the best from which validation fell. It is higher than the
#: limits of the gap and the fall, so that a curve at the limit does not flicker between the two.
RECOVERY_RATIO = 0.5
#: So many recovered epochs among the last three, the latest one of them: as the median of the last three epochs, by
#: which a history is judged at its end, says it. A single dip on the way back does not count.
RECOVERY_EPOCHS = 2
RECOVERY_WINDOW_EPOCHS = 3

#: Between bad and recovered the finding stays open, but not for ever: this many epochs without a bad one close it.
QUIET_EPOCHS = 5


@dataclass(frozen=True, slots=True)
class _Look:
    """One epoch with a finite training and validation Jaccard."""

    epoch: int
    training: float
    validation: float
    best: float
    best_epoch: int
    best_training: float
    is_gap: bool
    is_fall: bool

    @property
    def is_bad(self) -> bool:
        return self.is_gap or self.is_fall


@dataclass(slots=True)
class _Episode:
    """A collapse from its first bad epoch on."""

    start: _Look
    raised: _Look
    severity: Severity
    escalation: str
    last_bad: int
    recovered: tuple[bool, ...] = ()
    quiet_epochs: int = 0

    @property
    def is_over(self) -> bool:
        has_recovered = sum(self.recovered) >= RECOVERY_EPOCHS and self.recovered[-1]
        return has_recovered or self.quiet_epochs >= QUIET_EPOCHS


def detect_collapse(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where validation Jaccard collapsed, and where it came back.

    An epoch without both Jaccards, or with one that is not finite, is passed over: it neither raises nor closes.

    Severity: *serious*, but *warning* while it may heal by itself: while the moving statistics are known to be
    young, until the collapse has lasted 12 epochs; and while training has not learned either, until epoch 13.
    What is open when the run has ended is serious.
    """
    findings: list[Finding] = []
    episode: _Episode | None = None
    previous: _Look | None = None
    for look in _looks(history, context):
        if episode is None:
            if previous is not None and previous.is_bad and look.is_bad:
                severity, _ = _severity(look, start=previous, context=context)
                episode = _Episode(previous, look, severity, "", last_bad=look.epoch)
        else:
            _follow(episode, look, context=context)
            if episode.is_over:
                findings.append(_finding(episode, context=context, until=episode.last_bad, now=look))
                episode = None
                # A new episode needs bad epochs of its own.
                previous = None
                continue
        previous = look
    if episode is not None:
        if context.ended and episode.severity is not Severity.SERIOUS:
            episode.severity = Severity.SERIOUS
            episode.escalation = "The run has ended without a recovery."
        findings.append(_finding(episode, context=context, until=None, now=None))
    return tuple(findings)


def _looks(history: HistoryTable, context: RunContext) -> Iterator[_Look]:
    usable = history.usable("jaccard", "val_jaccard")
    rows = zip(
        history.epochs[usable].tolist(),
        history.column("jaccard")[usable].tolist(),
        history.column("val_jaccard")[usable].tolist(),
        strict=True,
    )
    best, best_epoch, best_training = -math.inf, 0, -math.inf
    for epoch, training, validation in rows:
        has_real_best = best >= LEAST_BEST and not context.is_trivial_score(best)
        yield _Look(
            epoch=epoch,
            training=training,
            validation=validation,
            best=best,
            best_epoch=best_epoch,
            best_training=best_training,
            is_gap=training >= LEARNED_JACCARD and validation < GAP_RATIO * training,
            is_fall=has_real_best and validation < FALL_RATIO * best,
        )
        if validation > best:
            best, best_epoch = validation, epoch
        best_training = max(best_training, training)


def _severity(look: _Look, *, start: _Look, context: RunContext) -> tuple[Severity, str]:
    """Return the severity of a bad epoch of an episode, and the sentence that says why it is serious by now."""
    lasted = look.epoch - start.epoch + 1
    if not context.has_learned(look.training):
        if look.epoch < SLOW_START_EPOCHS:
            return Severity.WARNING, ""
        return Severity.SERIOUS, f"By epoch {look.epoch} this is no slow start any more."
    if not context.is_warming_up(look.epoch):
        cause = "training had learned" if context.batchnorm_momentum is None else "the moving statistics had settled"
        return Severity.SERIOUS, f"It still held in epoch {look.epoch}, when {cause}."
    if lasted >= WARM_UP_PATIENCE_EPOCHS:
        return Severity.SERIOUS, f"It has lasted {lasted} epochs (since epoch {start.epoch})."
    return Severity.WARNING, ""


def _follow(episode: _Episode, look: _Look, *, context: RunContext) -> None:
    follows_training = look.training >= LEARNED_JACCARD and look.validation >= RECOVERY_RATIO * look.training
    back_at_level = episode.start.is_fall and look.validation >= RECOVERY_RATIO * episode.start.best
    has_recovered = not look.is_bad and (follows_training or back_at_level)
    episode.recovered = (*episode.recovered, has_recovered)[-RECOVERY_WINDOW_EPOCHS:]
    if look.is_bad:
        episode.last_bad = look.epoch
        episode.quiet_epochs = 0
        if episode.severity is not Severity.SERIOUS:
            episode.severity, episode.escalation = _severity(look, start=episode.start, context=context)
        return
    episode.quiet_epochs += 1


def _finding(episode: _Episode, *, context: RunContext, until: int | None, now: _Look | None) -> Finding:
    start, raised = episode.start, episode.raised
    # Title, epoch and evidence stay as they were when the finding was raised; only severity, message and the end move.
    span = epoch_range(start.epoch, raised.epoch)
    if start.is_fall:
        what = (
            f"Validation Jaccard fell from {score(start.best)} (epoch {start.best_epoch}) to {score(start.validation)} "
            f"and {score(raised.validation)} in {span}"
        )
        title = "Validation Jaccard collapsed"
    else:
        what = f"In {span} validation Jaccard was {score(start.validation)} and {score(raised.validation)}"
        title = "Validation far below training"
    sentences = [f"{what}, while training reached {score(start.training)} and {score(raised.training)}."]
    learned = context.has_learned(raised.training)
    if not learned:
        sentences.append(
            "Training is low as well: the network is giving up the objects everywhere, not only on the validation "
            "images. At the start of a training this may pass."
        )
    sentences.append(context.warm_up_sentence(raised.epoch) if learned else "")
    sentences.append(episode.escalation)
    if until is not None and now is not None:
        sentences.append(
            f"It ended after epoch {until}: in epoch {now.epoch} validation was at {score(now.validation)} (training "
            f"{score(now.training)})."
        )
    return Finding(
        code=FindingCode.COLLAPSE,
        severity=episode.severity,
        epoch=start.epoch,
        until_epoch=until,
        title=title,
        message=" ".join(filter(None, sentences)),
        evidence={
            "kind": "fall" if start.is_fall else "gap",
            "raised_epoch": raised.epoch,
            "val_jaccard": raised.validation,
            "jaccard": raised.training,
            "best_val_jaccard": None if start.best_epoch == 0 else start.best,
            "best_val_jaccard_epoch": start.best_epoch or None,
            "best_jaccard": max(start.best_training, start.training, raised.training),
        },
    )
