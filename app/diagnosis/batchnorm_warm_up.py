"""Batch-norm warm-up: validation does not follow training while batch normalisation's moving statistics are young."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.wording import score
from app.domain.batchnorm import BATCHNORM_CONVERGENCE, convergence
from app.domain.findings import Finding, FindingCode, Severity

#: Validation follows training from this share of its Jaccard on; two of three epochs end the finding.
FOLLOWS = 0.5
FOLLOW_EPOCHS = 2
FOLLOW_WINDOW = 3

#: Where steps or momentum are unknown, the pattern must speak: so many epochs with a training that has learned and a
#: validation at a trivial prediction, both of them among those epochs.
PATTERN_EPOCHS = 3

#: Everything: predicted foreground where it is recorded. Else how near Jaccard is to the all-foreground score …
ALL_FOREGROUND_FRACTION = 0.99
BASELINE_TOLERANCE = 0.05
#: … or by how little accuracy is above Jaccard: see `_paints_everything`.
TRUE_NEGATIVES = 0.02
MOST_FOREGROUND = 0.5

#: Nothing: a validation Jaccard below this share of training's.
NOTHING = 0.01


class _Look(NamedTuple):
    epoch: int
    training: float
    validation: float
    accuracy: float
    predicted: float


@dataclass(slots=True)
class _Episode:
    kind: str
    start: _Look
    raised: _Look
    severity: Severity
    last: int
    everything: tuple[int, ...] = ()
    nothing: tuple[int, ...] = ()
    follows: list[bool] = field(default_factory=list)


def detect_batchnorm_warm_up(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where young moving statistics are a risk, from the arithmetic, or from the pattern where it is unknown.

    With steps and momentum known: training has learned, validation is below half of it, and updates × (1 − momentum)
    is below 5. *Info*, since it heals with more updates; *warning* if the plan ends before. Without them: validation
    has shown both trivial predictions (everything, nothing) in three or more epochs in which training had learned;
    *warning*. It closes when validation follows training in two of three epochs, or when the statistics have settled.
    """
    if context.batchnorm_momentum is None or context.steps_per_epoch is None:
        return _from_pattern(history, context)
    if context.batchnorm_momentum == 0:
        return ()
    return _from_arithmetic(history, context)


def _looks(history: HistoryTable) -> list[_Look]:
    usable = history.usable("jaccard", "val_jaccard")
    return [
        _Look(*row)
        for row in zip(
            history.epochs[usable].tolist(),
            history.column("jaccard")[usable].tolist(),
            history.column("val_jaccard")[usable].tolist(),
            history.column("val_accuracy")[usable].tolist(),
            history.column("val_predicted_foreground")[usable].tolist(),
            strict=True,
        )
    ]


def _follows(episode: _Episode, look: _Look) -> bool:
    """Take an epoch, and say whether validation follows training by now."""
    episode.follows = [*episode.follows, look.validation >= FOLLOWS * look.training][-FOLLOW_WINDOW:]
    return episode.follows[-1] and sum(episode.follows) >= FOLLOW_EPOCHS


def _from_arithmetic(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    episode: _Episode | None = None
    findings: list[Finding] = []
    planned, momentum = context.planned_updates, context.batchnorm_momentum
    if momentum is None:
        return ()
    never_settles = planned is not None and convergence(updates=planned, momentum=momentum) < BATCHNORM_CONVERGENCE
    for look in _looks(history):
        is_young = context.is_warming_up(look.epoch)
        if episode is not None:
            if _follows(episode, look):
                findings.append(_finding(episode, context=context, until=episode.last, reason="follows"))
                episode = None
            elif not is_young:
                findings.append(_finding(episode, context=context, until=episode.last, reason="settled"))
                episode = None
            else:
                episode.last = look.epoch
        if not is_young:
            break
        if episode is None and context.has_learned(look.training) and look.validation < FOLLOWS * look.training:
            severity = Severity.WARNING if never_settles else Severity.INFO
            episode = _Episode("arithmetic", look, look, severity, look.epoch)
    if episode is not None:
        findings.append(_finding(episode, context=context, until=None, reason=""))
    return tuple(findings)


def _from_pattern(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    episode: _Episode | None = None
    everything: list[_Look] = []
    nothing: list[_Look] = []
    for look in _looks(history):
        if episode is not None:
            if _follows(episode, look):
                findings.append(_finding(episode, context=context, until=episode.last, reason="follows"))
                episode, everything, nothing = None, [], []
            else:
                episode.last = look.epoch
            continue
        if not context.has_learned(look.training):
            # The first epochs of a training that learns fast count: their training Jaccard is a mean over an epoch
            # in which the network began with nothing.
            if not everything and not nothing and _paints_everything(look, context):
                everything.append(look)
            continue
        if _paints_everything(look, context):
            everything.append(look)
        elif look.validation < NOTHING * look.training:
            nothing.append(look)
        if everything and nothing and len(everything) + len(nothing) >= PATTERN_EPOCHS:
            episode = _Episode(
                "pattern",
                min(everything[0], nothing[0], key=lambda one: one.epoch),
                look,
                Severity.WARNING,
                look.epoch,
                tuple(one.epoch for one in everything),
                tuple(one.epoch for one in nothing),
            )
    if episode is not None:
        findings.append(_finding(episode, context=context, until=None, reason=""))
    return tuple(findings)


def _paints_everything(look: _Look, context: RunContext) -> bool:
    if math.isfinite(look.predicted):
        return look.predicted >= ALL_FOREGROUND_FRACTION
    foreground = math.nan if context.baselines is None else context.baselines.all_foreground
    if abs(look.validation - foreground) <= BASELINE_TOLERANCE * foreground:
        return True
    # With J = TP/(N − TN) and accuracy A = (TP + TN)/N follows A − J = TN/N · (1 − J): a difference of nearly nothing
    # means no true negatives. A perfect prediction has none left to miss, so that high scores are left out.
    return look.validation <= MOST_FOREGROUND and look.accuracy - look.validation <= TRUE_NEGATIVES


def _finding(episode: _Episode, *, context: RunContext, until: int | None, reason: str) -> Finding:
    start, raised = episode.start, episode.raised
    if episode.kind == "arithmetic":
        sentences = [
            f"In epoch {start.epoch} training Jaccard was {score(start.training)} and validation "
            f"{score(start.validation)}.",
            context.warm_up_sentence(start.epoch),
        ]
    else:
        sentences = [
            f"By epoch {raised.epoch} validation had shown both trivial predictions, everything foreground "
            f"({_epochs(episode.everything)}) and nothing ({_epochs(episode.nothing)}), while training reached "
            f"{score(raised.training)}. A network that jumps between them in validation only is typical of batch "
            "normalisation's moving statistics, which only validation uses, lagging behind: few steps an epoch and a "
            "momentum of 0.99. Validation images that are scaled differently look the same; validating with batch "
            "statistics re-estimated on the training images tells them apart."
        ]
    if until is not None:
        ends = {
            "follows": f"Since epoch {until} validation follows training.",
            "settled": f"After epoch {until} the statistics had settled: what is still wrong then has another cause.",
        }
        sentences.append(ends[reason])
    return Finding(
        code=FindingCode.BATCHNORM_WARM_UP,
        severity=episode.severity,
        epoch=start.epoch,
        until_epoch=until,
        title="Moving statistics may lag behind",
        message=" ".join(filter(None, sentences)),
        evidence={
            "kind": episode.kind,
            "raised_epoch": raised.epoch,
            "jaccard": raised.training,
            "val_jaccard": raised.validation,
            "epochs_everything": len(episode.everything),
            "epochs_nothing": len(episode.nothing),
        },
    )


def _epochs(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(str(number) for number in numbers[:4])
    more = "…" if len(numbers) > 4 else ""
    return f"epoch {shown}" if len(numbers) == 1 else f"epochs {shown}{more}"
