"""Divergence: training loss loses what it had gained, or explodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.diagnosis.history_table import HistoryTable
from app.domain.findings import Finding, FindingCode, Severity

#: Training has lost this share of what its loss had gained since the first epoch …
LOST = 0.5
#: … for so many epochs in a row. The healthy reference histories lose a tenth at most, for one or two.
LOST_EPOCHS = 3
#: Back is to have lost no more than this, for two epochs.
BACK = 0.25
BACK_EPOCHS = 2

#: There must have been a gain to lose: this share of the first loss. Losses that only jitter have none (the reference
#: histories of 9 October 2025 never got 6 % below their first).
LEAST_GAIN = 0.2

#: An explosion: the loss is above its first value by this many times its size, for two epochs.
EXPLOSION = 2.0
EXPLOSION_EPOCHS = 2


class _Look(NamedTuple):
    epoch: int
    loss: float
    first: float
    least: float
    least_epoch: int

    @property
    def lost(self) -> float:
        """Share of the gain that is lost; 0 where there was none worth the name."""
        gain = self.first - self.least
        return (self.loss - self.least) / gain if gain > 0 and gain >= LEAST_GAIN * abs(self.first) else 0.0

    @property
    def is_explosion(self) -> bool:
        return self.first != 0 and self.loss - self.first >= EXPLOSION * abs(self.first)


@dataclass(slots=True)
class _Episode:
    start: _Look
    raised: _Look
    exploded: bool
    last: int
    severity: Severity = Severity.WARNING
    escalation: str = ""
    back_epochs: int = 0


def detect_divergence(history: HistoryTable) -> tuple[Finding, ...]:
    """Find where training loss lost half of its gain for three epochs, or was three times its first value for two.

    *Warning*; *serious* when the loss is back at its first value or above for three epochs: nothing of what was
    learned is left. It closes when three quarters of the gain are there again for two epochs.
    """
    findings: list[Finding] = []
    episode: _Episode | None = None
    bad: list[_Look] = []
    for look in _looks(history):
        if look.lost >= LOST or look.is_explosion:
            bad.append(look)
        else:
            bad.clear()
        if episode is None:
            exploded = len(bad) >= EXPLOSION_EPOCHS and all(one.is_explosion for one in bad[-EXPLOSION_EPOCHS:])
            if exploded or len(bad) >= LOST_EPOCHS:
                episode = _Episode(bad[0], look, exploded, look.epoch)
        elif look.lost <= BACK and not look.is_explosion:
            episode.back_epochs += 1
        else:
            episode.back_epochs = 0
            episode.last = look.epoch
        if episode is None:
            continue
        if len(bad) >= LOST_EPOCHS and all(one.loss >= one.first for one in bad[-LOST_EPOCHS:]):
            if episode.severity is Severity.WARNING:
                episode.escalation = f"By epoch {look.epoch} nothing of what training had gained was left."
            episode.severity = Severity.SERIOUS
        if episode.back_epochs >= BACK_EPOCHS:
            findings.append(_finding(episode, until=episode.last))
            episode = None
    if episode is not None:
        findings.append(_finding(episode, until=None))
    return tuple(findings)


def _looks(history: HistoryTable) -> list[_Look]:
    usable = history.usable("loss")
    losses: list[float] = history.column("loss")[usable].tolist()
    looks: list[_Look] = []
    least, least_epoch = 0.0, 0
    for index, (epoch, loss) in enumerate(zip(history.epochs[usable].tolist(), losses, strict=True)):
        if index == 0 or loss < least:
            least, least_epoch = loss, epoch
        looks.append(_Look(epoch, loss, losses[0], least, least_epoch))
    return looks


def _finding(episode: _Episode, *, until: int | None) -> Finding:
    start, raised = episode.start, episode.raised
    if episode.exploded:
        what = f"Training loss rose from {raised.first:.3g} in the first epoch to {raised.loss:.3g} in epoch"
        sentences = [f"{what} {raised.epoch}."]
    else:
        sentences = [
            f"Training loss rose from {start.least:.3g} (epoch {start.least_epoch}) to {raised.loss:.3g} in epoch "
            f"{raised.epoch}: {raised.lost:.0%} of what it had gained since the first epoch is lost."
        ]
    sentences.append(episode.escalation)
    if until is not None:
        sentences.append(f"It ended after epoch {until}.")
    return Finding(
        code=FindingCode.DIVERGENCE,
        severity=episode.severity,
        epoch=start.epoch,
        until_epoch=until,
        title="Training loss diverges",
        message=" ".join(filter(None, sentences)),
        evidence={
            "kind": "explosion" if episode.exploded else "lost-gain",
            "raised_epoch": raised.epoch,
            "first_loss": raised.first,
            "least_loss": raised.least,
            "loss": raised.loss,
        },
    )
