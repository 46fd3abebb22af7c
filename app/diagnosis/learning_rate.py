"""Learning-rate events: when the rate was changed, and whether it ran out before the network had learned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: A smaller change is rounding. Schedules that change the rate in every epoch make one event for each stretch.
LEAST_CHANGE = 0.01

#: A rate below this share of the highest so far has run out. Keras' ReduceLROnPlateau comes there in seven halvings.
EXHAUSTED = 0.01


@dataclass(slots=True)
class _Event:
    first: int
    last: int
    before: float
    after: float
    latest: float
    best: float
    changes: int = 1
    ran_out: bool = False


def detect_learning_rate_changes(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find the epochs in which the learning rate differs from the one before.

    Changes in consecutive epochs are one event. *Info*; *warning* if the rate fell below 1 % of its highest before
    training or validation had learned: what follows cannot learn any more. An event is over with the first epoch that
    keeps the rate.
    """
    usable = history.usable("learning_rate")
    rates: list[float] = history.column("learning_rate")[usable].tolist()
    # Most runs never change it, and a live one is looked at in every epoch.
    if not rates or max(rates) - min(rates) < LEAST_CHANGE * max(rates):
        return ()
    epochs: list[int] = history.epochs[usable].tolist()
    training: list[float] = history.column("jaccard")[usable].tolist()
    validation: list[float] = history.column("val_jaccard")[usable].tolist()
    findings: list[Finding] = []
    event: _Event | None = None
    learned, known = False, False
    highest, best = rates[0], -math.inf
    for index, (epoch, rate) in enumerate(zip(epochs, rates, strict=True)):
        before = rates[index - 1] if index else rate
        highest = max(highest, rate)
        if abs(rate - before) >= LEAST_CHANGE * max(abs(before), abs(rate)) and rate != before:
            if event is None:
                event = _Event(epoch, epoch, before, rate, rate, best)
            else:
                event.last, event.latest, event.changes = epoch, rate, event.changes + 1
            # What was learned in this epoch was learned with the new rate already: it does not count.
            event.ran_out = event.ran_out or (known and not learned and before > EXHAUSTED * highest >= rate)
        elif event is not None:
            findings.append(_finding(event, is_over=True))
            event = None
        known = known or math.isfinite(training[index]) or math.isfinite(validation[index])
        learned = learned or context.has_learned(training[index]) or context.is_learned_score(validation[index])
        if validation[index] > best:
            best = validation[index]
    if event is not None:
        findings.append(_finding(event, is_over=False))
    return tuple(findings)


def _finding(event: _Event, *, is_over: bool) -> Finding:
    verb = "lowered" if event.after < event.before else "raised"
    sentences = [f"In epoch {event.first} the learning rate was {verb} from {event.before:.3g} to {event.after:.3g}."]
    if math.isfinite(event.best):
        sentences.append(f"The best validation Jaccard was {score(event.best)} by then.")
    if event.changes > 1:
        sentences.append(
            f"It changed {event.changes} epochs in a row and was {event.latest:.3g} in epoch {event.last}."
        )
    if event.ran_out:
        sentences.append(
            f"That is below {EXHAUSTED:.0%} of its highest value, and nothing had been learned yet: from here on the "
            "weights hardly move, and waiting will not help."
        )
    return Finding(
        code=FindingCode.LEARNING_RATE_CHANGE,
        severity=Severity.WARNING if event.ran_out else Severity.INFO,
        epoch=event.first,
        until_epoch=event.last if is_over else None,
        title=f"Learning rate {verb}",
        message=" ".join(sentences),
        evidence={
            "learning_rate_before": event.before,
            "learning_rate": event.after,
            "best_val_jaccard": event.best if math.isfinite(event.best) else None,
        },
    )
