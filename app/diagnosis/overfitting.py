"""Overfitting: training goes on improving while validation gets worse, slowly and for good."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from app.diagnosis.collapse import FALL_RATIO
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.smoothing import SMOOTHING_EPOCHS, median_of_three
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: Validation has declined when its median of three is at most this share of its best median …
DECLINED = 0.9
#: … and is back from this share on.
BACK = 0.95
#: Five epochs in a row: the strip length of Prechelt's criteria ("Early stopping — but when?", 1998).
DECLINE_EPOCHS = 5

#: Where validation loss is recorded it must say so too: this share above its lowest median.
LOSS_RISE = 0.2

#: Loss alone: so far above its lowest median, for so many epochs, while Jaccard holds. The network becomes surer of
#: its errors; a thresholded Jaccard does not feel that.
LOSS_ALONE_RISE = 0.5
LOSS_ALONE_EPOCHS = 10
LOSS_BACK = 0.25

#: Unless the loss rises as much as it must alone, a decline must be so many times the noise of the curve: the best of
#: a curve that jumps is partly luck.
NOISE_FACTOR = 3.0
LEAST_NOISE_EPOCHS = 8
MOST_NOISE_EPOCHS = 20

#: Below this share of the training Jaccard at validation's best, training has forgotten as well.
TRAINING_KEPT = 0.9


class _Kind(StrEnum):
    JACCARD = "jaccard"
    LOSS = "loss"


class _Look(NamedTuple):
    """One epoch: medians of three, and the best before it."""

    epoch: int
    validation: float
    training: float
    val_loss: float
    best: float
    best_epoch: int
    best_training: float
    least_loss: float
    has_declined: bool
    loss_rises: bool


@dataclass(slots=True)
class _Episode:
    kind: _Kind
    start: int
    raised: _Look
    severity: Severity
    last: int
    escalation: str = ""


def detect_overfitting(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where validation Jaccard, or its loss alone, got worse for long while training kept what it had.

    *Warning* if Jaccard declined: by 10 %, and more than its noise, for five epochs, with a training at least as good
    as it was at validation's best and a validation loss 20 % above its lowest (where it is recorded). *Info* if only
    the loss rises: by 50 % for ten epochs. A fall below a fifth of the best is a collapse and does not count here.
    """
    findings: list[Finding] = []
    episode: _Episode | None = None
    declined: list[int] = []
    rising: list[int] = []
    for look in _looks(history, context):
        for epochs, holds in ((declined, look.has_declined), (rising, look.loss_rises)):
            if holds:
                epochs.append(look.epoch)
            else:
                epochs.clear()
        if episode is None:
            if len(declined) >= DECLINE_EPOCHS:
                episode = _Episode(_Kind.JACCARD, declined[0], look, Severity.WARNING, look.epoch)
            elif len(rising) >= LOSS_ALONE_EPOCHS:
                episode = _Episode(_Kind.LOSS, rising[0], look, Severity.INFO, look.epoch)
        elif _is_over(episode, look):
            findings.append(_finding(episode, until=episode.last))
            episode = None
            declined.clear()
            rising.clear()
        else:
            episode.last = look.epoch
            if episode.severity is Severity.INFO and len(declined) >= DECLINE_EPOCHS:
                episode.severity = Severity.WARNING
                episode.escalation = f"By epoch {look.epoch} validation Jaccard had declined as well."
    if episode is not None:
        findings.append(_finding(episode, until=None))
    return tuple(findings)


def _looks(history: HistoryTable, context: RunContext) -> Iterator[_Look]:
    usable = history.usable("jaccard", "val_jaccard")
    raw = history.column("val_jaccard")[usable]
    values: list[float] = raw.tolist()
    rows = zip(
        range(SMOOTHING_EPOCHS - 1, len(values)),
        history.epochs[usable][SMOOTHING_EPOCHS - 1 :].tolist(),
        median_of_three(raw).tolist(),
        median_of_three(history.column("jaccard")[usable]).tolist(),
        median_of_three(history.column("val_loss")[usable]).tolist(),
        median_of_three(history.column("loss")[usable]).tolist(),
        strict=True,
    )
    best, best_epoch, best_index, best_training, best_is_learned = -math.inf, 0, 0, -math.inf, False
    least_loss, loss_then = math.inf, math.inf
    for index, epoch, validation, training, val_loss, loss in rows:
        # NaN where either is unknown; every comparison with it is false.
        rise = val_loss - least_loss if math.isfinite(least_loss) and math.isfinite(val_loss) else math.nan
        has_declined = (
            best_is_learned
            and validation <= DECLINED * best
            and values[index] >= FALL_RATIO * best
            and training >= best_training
            and (math.isnan(rise) or rise >= LOSS_RISE * abs(least_loss))
            and (
                rise >= LOSS_ALONE_RISE * abs(least_loss)
                or best - validation >= NOISE_FACTOR * _noise(values, index, since=best_index)
            )
        )
        loss_rises = (
            best_is_learned
            and validation > DECLINED * best
            and rise >= LOSS_ALONE_RISE * abs(least_loss)
            and loss <= loss_then
        )
        yield _Look(
            epoch, validation, training, val_loss, best, best_epoch, best_training, least_loss, has_declined, loss_rises
        )
        if validation > best:
            best, best_epoch, best_index, best_training = validation, epoch, index, training
            best_is_learned = context.is_learned_score(best)
        if val_loss < least_loss:
            least_loss, loss_then = val_loss, loss


def _noise(values: list[float], index: int, *, since: int) -> float:
    """Estimate the standard deviation around the curve, from its best to an epoch, by the moves between neighbours.

    The median absolute move is 0.6745·√2 standard deviations of independent noise; a slow decline hardly adds to it.
    """
    first = max(min(since, index - LEAST_NOISE_EPOCHS), index - MOST_NOISE_EPOCHS, 0)
    recent = values[first : index + 1]
    return statistics.median(abs(after - before) for before, after in pairwise(recent)) / (0.6745 * math.sqrt(2))


def _is_over(episode: _Episode, look: _Look) -> bool:
    if look.training < TRAINING_KEPT * look.best_training:
        return True
    if episode.severity is Severity.INFO:
        return look.val_loss <= look.least_loss + LOSS_BACK * abs(look.least_loss)
    return look.validation >= BACK * look.best


def _finding(episode: _Episode, *, until: int | None) -> Finding:
    raised = episode.raised
    if episode.kind is _Kind.JACCARD:
        title = "Overfitting: validation declines"
        sentences = [
            f"Validation Jaccard went from {score(raised.best)} (epoch {raised.best_epoch}) down to "
            f"{score(raised.validation)} by epoch {raised.epoch}, while training went from "
            f"{score(raised.best_training)} to {score(raised.training)} (medians of three epochs). More epochs make it "
            "worse; the best checkpoint is not lost."
        ]
    else:
        title = "Overfitting: validation loss rises"
        sentences = [
            f"Validation loss rose from {raised.least_loss:.3g} to {raised.val_loss:.3g} by epoch {raised.epoch} while "
            f"training loss kept falling and validation Jaccard held {score(raised.validation)} (medians of three "
            "epochs). The network grows surer of its errors; the masks that it draws are as good as before."
        ]
    sentences.append(episode.escalation)
    if until is not None:
        sentences.append(f"It ended after epoch {until}.")
    return Finding(
        code=FindingCode.OVERFITTING,
        severity=episode.severity,
        epoch=episode.start,
        until_epoch=until,
        title=title,
        message=" ".join(filter(None, sentences)),
        evidence={
            "kind": episode.kind.value,
            "raised_epoch": raised.epoch,
            "best_val_jaccard": raised.best,
            "best_val_jaccard_epoch": raised.best_epoch,
            "val_jaccard": raised.validation,
            "jaccard_then": raised.best_training,
            "jaccard": raised.training,
            "val_loss": raised.val_loss if math.isfinite(raised.val_loss) else None,
        },
    )
