"""Instability: validation Jaccard falls again and again, and comes back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: A fall: from one epoch to the next, validation loses this share of its best so far. Only falls count: a network
#: that learns fast rises by as much.
FALL = 0.3

#: Three falls within ten epochs raise the finding. The reference histories that held 0.9 to their end have up to two
#: in such a window once they have learned, and more on the way there.
FALLS = 3
WINDOW_EPOCHS = 10

#: Without a fall for so long it is over.
CALM_EPOCHS = 8

#: Falls are common while a network learns fast with its first learning rate; if they go on for so long, they are a
#: warning.
PATIENCE_EPOCHS = 15

#: Below this best, all is noise around a trivial prediction.
LEAST_BEST = 0.05


@dataclass(frozen=True, slots=True)
class _Fall:
    index: int
    epoch: int
    before: float
    after: float


@dataclass(slots=True)
class _Episode:
    falls: list[_Fall]
    raised: int
    best: float
    severity: Severity = Severity.INFO
    later: list[_Fall] = field(default_factory=list)

    @property
    def last(self) -> _Fall:
        return self.later[-1] if self.later else self.falls[-1]


def detect_instability(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find where validation Jaccard fell by 30 % of its best from one epoch to the next, three times in ten epochs.

    *Info*, because many trainings that end well do so on their way; *warning* when falls still happen 15 epochs after
    the first. It closes after eight epochs without one.
    """
    usable = history.usable("val_jaccard")
    epochs: list[int] = history.epochs[usable].tolist()
    values: list[float] = history.column("val_jaccard")[usable].tolist()
    findings: list[Finding] = []
    episode: _Episode | None = None
    recent: deque[_Fall] = deque()
    best = values[0] if values else 0.0
    for index in range(1, len(values)):
        before, after = values[index - 1], values[index]
        fall = None
        if best >= LEAST_BEST and before - after >= FALL * best and not context.is_trivial_score(best):
            fall = _Fall(index, epochs[index], before, after)
        best = max(best, after)
        if episode is not None:
            if fall is not None:
                episode.later.append(fall)
                if fall.epoch - episode.falls[0].epoch >= PATIENCE_EPOCHS:
                    episode.severity = Severity.WARNING
            elif index - episode.last.index >= CALM_EPOCHS:
                findings.append(_finding(episode, until=episode.last.epoch))
                episode = None
                recent.clear()
            continue
        if fall is None:
            continue
        recent.append(fall)
        while recent[0].index <= index - WINDOW_EPOCHS:
            recent.popleft()
        if len(recent) >= FALLS:
            episode = _Episode(list(recent), epochs[index], best)
    if episode is not None:
        findings.append(_finding(episode, until=None))
    return tuple(findings)


def _finding(episode: _Episode, *, until: int | None) -> Finding:
    first, worst = episode.falls[0], max(episode.falls, key=lambda fall: fall.before - fall.after)
    sentences = [
        f"Between epochs {first.epoch} and {episode.raised} validation Jaccard fell {len(episode.falls)} times by "
        f"{FALL:.0%} of its best ({score(episode.best)}) or more from one epoch to the next; at worst from "
        f"{score(worst.before)} to {score(worst.after)} in epoch {worst.epoch}. The score of a single epoch says "
        "little here: use the checkpoint of the best epoch, and compare runs by medians."
    ]
    if episode.later:
        sentences.append(f"{len(episode.later)} more followed, the last in epoch {episode.last.epoch}.")
    if until is not None:
        sentences.append(f"Since epoch {until} there was none for {CALM_EPOCHS} epochs.")
    return Finding(
        code=FindingCode.INSTABILITY,
        severity=episode.severity,
        epoch=first.epoch,
        until_epoch=until,
        title="Validation jumps up and down",
        message=" ".join(sentences),
        evidence={
            "raised_epoch": episode.raised,
            "falls": len(episode.falls),
            "best_val_jaccard": episode.best,
            "worst_epoch": worst.epoch,
            "worst_before": worst.before,
            "worst_after": worst.after,
        },
    )
