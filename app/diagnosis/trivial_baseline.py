"""At a trivial baseline: the prediction is everything, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import SLOW_START_EPOCHS, WARM_UP_PATIENCE_EPOCHS, RunContext
from app.diagnosis.wording import NEGLIGIBLE_SCORE, epoch_range, score
from app.domain.findings import Evidence, Finding, FindingCode, Severity

#: More predicted foreground than this is "everything" …
ALL_FOREGROUND_FRACTION = 0.99
#: … and less than this is "nothing", unless the masks themselves are so full or so empty that a right prediction
#: would be: then it is this share of what is to be left out or found.
EMPTY_FRACTION = 1e-4
SHARE_OF_MASKS = 0.5

#: Without the predicted foreground: how near the all-foreground score is "at" it. The report's Attention ResUNet kept
#: within 0.7 % of 0.127283 for eleven epochs.
BASELINE_TOLERANCE = 0.01

#: Without the predicted foreground: a Jaccard up to this is ε / |Y|, an empty prediction. 1e-7 over one single
#: foreground pixel would be 1e-7; a single hit among a million pixels is 1e-6.
EMPTY_JACCARD = NEGLIGIBLE_SCORE

#: Epochs in a row that raise the finding, and epochs away from the baseline, of the last three, that close it. A
#: training that passes through a trivial prediction for one epoch, or leaves it for one, proves nothing.
CONFIRM_EPOCHS = 2
LEAVE_EPOCHS = 2
LEAVE_WINDOW_EPOCHS = 3

#: With settled statistics, this many epochs at the baseline with a training that learns are a failure.
PATIENCE_EPOCHS = 3


class Trivial(StrEnum):
    """The two predictions that need no network."""

    ALL_FOREGROUND = "all-foreground"
    EMPTY = "empty"


TITLES = {
    Trivial.ALL_FOREGROUND: "Paints everything as foreground",
    Trivial.EMPTY: "Predicts nothing",
}


@dataclass(frozen=True, slots=True)
class _Look:
    epoch: int
    validation: float
    training: float
    predicted: float
    kind: Trivial | None


@dataclass(slots=True)
class _Episode:
    kind: Trivial
    start: _Look
    raised: _Look
    last: int
    severity: Severity = Severity.INFO
    reason: str = ""
    learned_epochs: int = 0
    away: tuple[bool, ...] = ()


def detect_trivial_baseline(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where the validation prediction was everything or nothing.

    The predicted foreground fraction decides where it is recorded; else the validation Jaccard, against the
    all-foreground score (if the baselines are known) and the ε-floor. Masks for which everything, or nothing, is the
    right answer are passed over.

    Severity: *info* for a slow start (training has not learned, before epoch 13) and *warning* after it; with a
    training that learns, *warning* for three epochs, or twelve while the moving statistics are known to be young, then
    *serious*. What is open when the run has ended is serious.
    """
    findings: list[Finding] = []
    episode: _Episode | None = None
    previous: _Look | None = None
    for look in _looks(history, context):
        if episode is not None:
            is_away = look.kind is not episode.kind
            episode.away = (*episode.away, is_away)[-LEAVE_WINDOW_EPOCHS:]
            if not is_away:
                _stay(episode, look, context=context)
            elif sum(episode.away) >= LEAVE_EPOCHS:
                findings.append(_finding(episode, context=context, until=episode.last, now=look))
                episode = None
        if episode is None and look.kind is not None and previous is not None and previous.kind is look.kind:
            episode = _Episode(look.kind, previous, look, last=look.epoch)
            _stay(episode, previous, context=context)
            _stay(episode, look, context=context)
        previous = look
    if episode is not None:
        if context.ended and episode.severity is not Severity.SERIOUS:
            episode.severity = Severity.SERIOUS
            episode.reason = "The run has ended like this."
        findings.append(_finding(episode, context=context, until=None, now=None))
    return tuple(findings)


def classify(*, validation: float, predicted: float, context: RunContext) -> Trivial | None:
    """Return which trivial prediction one epoch shows, if any.

    Parameters
    ----------
    validation : float
        Validation Jaccard; NaN if unknown.
    predicted : float
        Predicted foreground fraction over the validation set, 0 to 1; NaN if unknown.
    context : RunContext
        Its baselines are used.
    """
    foreground = None if context.baselines is None else context.baselines.all_foreground
    everything_is_right = foreground is not None and foreground >= 1
    nothing_is_right = context.baselines is not None and context.baselines.empty >= 1
    if math.isfinite(predicted):
        full, void = 1 - ALL_FOREGROUND_FRACTION, EMPTY_FRACTION
        if foreground is not None:
            full = min(full, SHARE_OF_MASKS * (1 - foreground))
            void = min(void, SHARE_OF_MASKS * foreground)
        if 1 - predicted < full and not everything_is_right:
            return Trivial.ALL_FOREGROUND
        # `<=` with a zero limit would never hold for masks without foreground, where nothing_is_right anyway.
        if predicted < void and not nothing_is_right:
            return Trivial.EMPTY
        return None
    if not math.isfinite(validation):
        return None
    if validation <= EMPTY_JACCARD and not nothing_is_right:
        return Trivial.EMPTY
    if foreground is None or everything_is_right or nothing_is_right:
        return None
    is_at_baseline = abs(validation - foreground) <= BASELINE_TOLERANCE * foreground
    return Trivial.ALL_FOREGROUND if is_at_baseline else None


def _looks(history: HistoryTable, context: RunContext) -> list[_Look]:
    rows = zip(
        history.epochs.tolist(),
        history.column("val_jaccard").tolist(),
        history.column("jaccard").tolist(),
        history.column("val_predicted_foreground").tolist(),
        strict=True,
    )
    # An epoch of which nothing is known about validation neither raises nor closes.
    return [
        _Look(
            epoch,
            validation,
            training,
            predicted,
            classify(validation=validation, predicted=predicted, context=context),
        )
        for epoch, validation, training, predicted in rows
        if math.isfinite(validation) or math.isfinite(predicted)
    ]


def _stay(episode: _Episode, look: _Look, *, context: RunContext) -> None:
    episode.last = look.epoch
    learned = context.has_learned(look.training)
    episode.learned_epochs += learned
    if episode.severity is Severity.SERIOUS:
        return
    if not learned:
        if look.epoch >= SLOW_START_EPOCHS:
            episode.severity = Severity.WARNING
        return
    episode.severity = Severity.WARNING
    patience = WARM_UP_PATIENCE_EPOCHS if context.is_warming_up(look.epoch) else PATIENCE_EPOCHS
    if episode.learned_epochs >= patience:
        episode.severity = Severity.SERIOUS
        episode.reason = (
            f"By epoch {look.epoch} training had learned for {episode.learned_epochs} epochs (Jaccard "
            f"{score(look.training)}) and validation still showed none of it."
        )


def _finding(episode: _Episode, *, context: RunContext, until: int | None, now: _Look | None) -> Finding:
    start, raised = episode.start, episode.raised
    span = epoch_range(start.epoch, raised.epoch)
    validation = f"validation Jaccard {score(raised.validation)}" if math.isfinite(raised.validation) else ""
    painted = f"{raised.predicted:.2%} of the pixels predicted as foreground" if math.isfinite(raised.predicted) else ""
    numbers = ", ".join(filter(None, (painted, validation)))
    if episode.kind is Trivial.ALL_FOREGROUND:
        what = f"In {span} the network painted everything as foreground ({numbers})."
        if context.baselines is not None:
            what += (
                f" That scores {score(context.baselines.all_foreground)}, the share of foreground in the masks, and "
                "shows no learning."
            )
    else:
        what = f"In {span} the network predicted no object at all on the validation images ({numbers})."
    sentences = [what]
    if context.has_learned(raised.training):
        sentences.append(f"Training Jaccard was {score(raised.training)}.")
        sentences.append(context.warm_up_sentence(raised.epoch))
    elif math.isfinite(raised.training):
        sentences.append(
            f"Training Jaccard was {score(raised.training)}: it has not learned yet either. Networks often start so."
        )
    sentences.append(episode.reason)
    if until is not None and now is not None:
        left = f"It ended after epoch {until}"
        sentences.append(
            f"{left}: validation Jaccard was {score(now.validation)} in epoch {now.epoch}."
            if math.isfinite(now.validation)
            else f"{left}."
        )
    evidence: Evidence = {
        "kind": episode.kind.value,
        "raised_epoch": raised.epoch,
        "val_jaccard": _known(raised.validation),
        "jaccard": _known(raised.training),
        "val_predicted_foreground": _known(raised.predicted),
        "baseline_all_foreground": None if context.baselines is None else context.baselines.all_foreground,
    }
    return Finding(
        code=FindingCode.AT_TRIVIAL_BASELINE,
        severity=episode.severity,
        epoch=start.epoch,
        until_epoch=until,
        title=TITLES[episode.kind],
        message=" ".join(filter(None, sentences)),
        evidence=evidence,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
