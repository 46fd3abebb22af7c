"""The state of a history at its last epoch, in one word; `docs/diagnosis.md` has the rule in full."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.diagnosis.collapse import FALL_RATIO, RECOVERY_RATIO
from app.diagnosis.course import END_EPOCHS, Course
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import LEARNED_JACCARD, SLOW_START_EPOCHS, RunContext, trivial_limit
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: A best below this was never a score: an empty prediction with a pixel or two by accident.
NOTHING = 0.001

#: The best is held if the end keeps this share of it, and lost below `collapse.FALL_RATIO`: the limits by which the
#: reference histories are labelled.
HELD_RATIO = 0.8

#: From this share of the all-foreground score on (and below what beats it), the end is at the baseline.
BASELINE_SHARE = 0.8

#: An open overfitting counts as the state only if the end has lost so much of the best.
OVERFITTED = 0.9

#: Columns whose last value must be a number.
VITAL_COLUMNS = ("loss", "jaccard", "val_loss", "val_jaccard")

#: Closed findings of these codes mean that something was overcome.
OVERCOME = frozenset(
    {
        FindingCode.COLLAPSE,
        FindingCode.AT_TRIVIAL_BASELINE,
        FindingCode.NON_FINITE,
        FindingCode.DIVERGENCE,
        FindingCode.NEVER_BEAT_BASELINE,
        FindingCode.LOSS_JACCARD_DISSOCIATION,
    }
)


class HistoryState(StrEnum):
    """How a training stands."""

    HEALTHY = "healthy"
    RECOVERED = "recovered"
    OVERFITTING = "overfitting"
    UNSTABLE = "unstable"
    DEGRADED = "degraded"
    AT_BASELINE = "at-baseline"
    NEVER_LEARNED = "never-learned"
    COLLAPSED = "collapsed"
    DIVERGED = "diverged"
    WARMING_UP = "warming-up"
    UNDETERMINED = "undetermined"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A state and the sentence that says why."""

    state: HistoryState
    summary: str


def judge(
    history: HistoryTable, *, course: Course | None, findings: Iterable[Finding], context: RunContext
) -> Judgement:
    """Decide the state of a history at its last epoch.

    The first rule that holds decides. Two of them, *collapsed* and what follows from *held*, compare the median of the
    last three validation Jaccards with the best: neither a last epoch that dips nor one that jumps decides anything.

    Parameters
    ----------
    history : HistoryTable
        All epochs so far.
    course : Course or None
        Its course.
    findings : iterable of Finding
        What the detectors found in it.
    context : RunContext
        Facts about the run. Only a run that has not ended can be warming up.
    """
    findings = tuple(findings)
    is_open = {finding.code: finding for finding in findings if finding.is_open}
    broken = _broken_columns(history)
    if course is None:
        return _without_jaccard(history, broken=broken)
    serious = [finding for finding in is_open.values() if finding.severity is Severity.SERIOUS]
    may_heal = not context.ended and not serious
    may_heal &= course.last_epoch < SLOW_START_EPOCHS or context.is_warming_up(course.last_epoch)
    if course.best < NOTHING:
        if may_heal:
            return _warming_up(course)
        if FindingCode.COLLAPSE in is_open:
            return Judgement(
                HistoryState.COLLAPSED,
                f"Training learned, but validation Jaccard was never above {score(course.best)}.",
            )
        return Judgement(
            HistoryState.NEVER_LEARNED,
            f"Validation Jaccard was never above {score(course.best)} in {_count(course.epochs)}"
            f"{_too_few(course.epochs)}.",
        )
    if course.is_below(FALL_RATIO):
        if may_heal:
            return _warming_up(course)
        return Judgement(HistoryState.COLLAPSED, f"{_end(course)}: less than a fifth is left.")
    divergence = is_open.get(FindingCode.DIVERGENCE)
    if broken or (divergence is not None and divergence.severity is Severity.SERIOUS):
        why = f"{' and '.join(broken)} ended as no number" if broken else "training loss is back where it began"
        return Judgement(HistoryState.DIVERGED, f"{why[0].upper()}{why[1:]}. {_end(course)}.")
    has_learned = context.is_learned_score(course.best)
    if course.epochs < END_EPOCHS and (not has_learned or course.is_below(HELD_RATIO)):
        return _warming_up(course)
    if _is_at_baseline(course, findings=is_open, context=context):
        if may_heal:
            return _warming_up(course)
        return Judgement(HistoryState.AT_BASELINE, _baseline_summary(course, context))
    if not has_learned:
        if may_heal:
            return _warming_up(course)
        return Judgement(HistoryState.NEVER_LEARNED, _never_learned_summary(history, course))
    return _learned(history, course=course, findings=findings)


def _learned(history: HistoryTable, *, course: Course, findings: tuple[Finding, ...]) -> Judgement:
    """Judge a history whose best shows learning, and whose end is neither lost nor trivial."""
    is_open = {finding.code: finding for finding in findings if finding.is_open}
    overfits = FindingCode.OVERFITTING in is_open and is_open[FindingCode.OVERFITTING].severity is not Severity.INFO
    if overfits and course.is_below(OVERFITTED):
        return Judgement(HistoryState.OVERFITTING, f"{_end(course)}, while training kept improving.")
    last = history.column("val_jaccard")[history.usable("val_jaccard")][-END_EPOCHS:]
    dips = bool((last < RECOVERY_RATIO * course.best).any())
    if FindingCode.INSTABILITY in is_open and (dips or course.is_below(HELD_RATIO)):
        return Judgement(HistoryState.UNSTABLE, f"{_end(course)}, and it jumps up and down.")
    if course.is_below(HELD_RATIO):
        return Judgement(HistoryState.DEGRADED, f"{_end(course)}.")
    if any(finding.severity is Severity.SERIOUS for finding in is_open.values()):
        return Judgement(
            HistoryState.DEGRADED, f"{_end(course)}; but something serious is still wrong, see the findings."
        )
    overcome = [finding for finding in findings if not finding.is_open and finding.code in OVERCOME]
    if overcome:
        last_epoch = max(finding.until_epoch or 0 for finding in overcome)
        return Judgement(
            HistoryState.RECOVERED, f"{_end(course)}. What looked like a failure ended after epoch {last_epoch}."
        )
    return Judgement(HistoryState.HEALTHY, f"{_end(course)}.")


def _broken_columns(history: HistoryTable) -> list[str]:
    broken = []
    for name in VITAL_COLUMNS:
        recorded = history.column(name)[history.recorded(name)]
        if recorded.size and not math.isfinite(recorded[-1]):
            broken.append(name)
    return broken


def _without_jaccard(history: HistoryTable, *, broken: list[str]) -> Judgement:
    if broken:
        return Judgement(
            HistoryState.DIVERGED, f"No validation Jaccard, and {' and '.join(broken)} ended as no number."
        )
    if len(history) == 0:
        return Judgement(HistoryState.UNDETERMINED, "The history has no epoch yet.")
    return Judgement(
        HistoryState.UNDETERMINED,
        "The history has no validation Jaccard (or IoU, or Dice): without it nobody can say how the training stands.",
    )


def _is_at_baseline(course: Course, *, findings: dict[FindingCode, Finding], context: RunContext) -> bool:
    trivial = findings.get(FindingCode.AT_TRIVIAL_BASELINE)
    if trivial is not None and trivial.evidence.get("kind") == "all-foreground":
        return True
    if context.baselines is None or not 0 < context.baselines.all_foreground < 1:
        return False
    foreground = context.baselines.all_foreground
    return BASELINE_SHARE * foreground <= course.end <= trivial_limit(foreground)


def _warming_up(course: Course) -> Judgement:
    return Judgement(
        HistoryState.WARMING_UP,
        f"After {_count(course.epochs)} validation Jaccard is {score(course.last)}: too early to tell.",
    )


def _baseline_summary(course: Course, context: RunContext) -> str:
    if context.baselines is None:
        return f"{_end(course)}; the network paints everything as foreground."
    return (
        f"{_end(course)}; painting everything foreground scores {score(context.baselines.all_foreground)}. The network "
        "has learned nothing that validation shows."
    )


def _never_learned_summary(history: HistoryTable, course: Course) -> str:
    training = history.column("jaccard")[history.usable("jaccard")]
    best_training = float(training.max()) if training.size else math.nan
    what = f"Validation Jaccard was never above {score(course.best)} in {_count(course.epochs)}"
    if math.isfinite(best_training):
        what += (
            f", training never above {score(best_training)}"
            if best_training < LEARNED_JACCARD
            else (f", while training reached {score(best_training)}")
        )
    return f"{what}{_too_few(course.epochs)}."


def _too_few(epochs: int) -> str:
    if epochs >= SLOW_START_EPOCHS:
        return ""
    return f"; some networks take up to {SLOW_START_EPOCHS} epochs to start"


def _end(course: Course) -> str:
    """Tell how the course ended, without the full stop."""
    at_end = "the last epoch" if course.epochs == 1 else f"the last {min(course.epochs, END_EPOCHS)} epochs"
    kept = f"{course.kept:.0%}" if course.kept >= HELD_RATIO else f"{course.kept:.1%}"
    return (
        f"Validation Jaccard ended at {score(course.end)} (median of {at_end}), {kept} of its best "
        f"{score(course.best)} (epoch {course.best_epoch} of {course.last_epoch})"
    )


def _count(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"
