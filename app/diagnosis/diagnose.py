"""The diagnosis of one history: its state, what the detectors found, and what the numbers prove."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from app.diagnosis.collapse import FALL_RATIO
from app.diagnosis.course import END_EPOCHS, Course
from app.diagnosis.detection import detect
from app.diagnosis.forensics.baseline import BaselineSource, InferredBaseline, infer_baseline
from app.diagnosis.forensics.examination import examine
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Argument, Statement
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.diagnosis.smoothing import median_of_three
from app.diagnosis.state import HistoryState, judge
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity
from app.domain.metrics import Baselines

_NOTHING_KNOWN = TrainingFacts()


class Diagnosis(BaseModel):
    """What a history says.

    Parameters
    ----------
    state : HistoryState
        How the training stands at its last epoch.
    summary : str
        Why, in a sentence or two.
    epochs : int
        Number of epochs.
    best_val_jaccard, best_epoch, last_val_jaccard : float, int, float or None
        None without a validation Jaccard.
    end_val_jaccard : float or None
        Median of the last three validation Jaccards; the state rests on it.
    baseline_all_foreground, baseline_source : float, str or None
        Score of painting everything foreground, given or inferred, and from what.
    findings : tuple of Finding
        By the epoch at which they start.
    forensics : dict of Argument to Statement
        What the numbers alone prove.
    """

    model_config = ConfigDict(frozen=True)

    state: HistoryState
    summary: str
    epochs: int
    best_val_jaccard: float | None
    best_epoch: int | None
    last_val_jaccard: float | None
    end_val_jaccard: float | None
    baseline_all_foreground: float | None
    baseline_source: BaselineSource | None
    findings: tuple[Finding, ...]
    forensics: dict[Argument, Statement]


def diagnose(
    history: HistoryTable,
    *,
    facts: TrainingFacts = _NOTHING_KNOWN,
    baselines: Baselines | None = None,
    ended: bool = True,
) -> Diagnosis:
    """Diagnose a history from its numbers.

    The result depends on the arguments alone. Where no baselines are given they are inferred from the numbers, from
    the whole history: unlike those of `detect`, findings that need a baseline may therefore change as a history grows.

    Parameters
    ----------
    history : HistoryTable
        All epochs.
    facts : TrainingFacts
        What is known about the training; nothing is guessed in its place.
    baselines : Baselines, optional
        Scores of the trivial predictors, from the masks.
    ended : bool
        Whether no further epoch will come. A file is taken to be a finished training.
    """
    reading = Reading(history, facts)
    if baselines is None:
        inferred = infer_baseline(reading)
        known = None if inferred is None else Baselines(all_foreground=inferred.all_foreground, empty=0.0)
    else:
        inferred, known = InferredBaseline(baselines.all_foreground, BaselineSource.GIVEN), baselines
    steps = facts.steps_per_epoch
    context = RunContext(
        baselines=known,
        planned_updates=steps * int(history.epochs[-1]) if ended and steps is not None and len(history) else None,
        batchnorm_momentum=facts.batchnorm_momentum,
        steps_per_epoch=steps,
        ended=ended,
    )
    findings = detect(
        history,
        baselines=context.baselines,
        planned_updates=context.planned_updates,
        batchnorm_momentum=context.batchnorm_momentum,
        steps_per_epoch=context.steps_per_epoch,
        ended=context.ended,
    )
    course = Course.of(history)
    judgement = judge(history, course=course, findings=findings, context=context)
    if judgement.state is HistoryState.COLLAPSED and course is not None:
        findings = _with_collapse(findings, history, course=course, context=context)
    return Diagnosis(
        state=judgement.state,
        summary=judgement.summary,
        epochs=len(history),
        best_val_jaccard=None if course is None else course.best,
        best_epoch=None if course is None else course.best_epoch,
        last_val_jaccard=None if course is None else course.last,
        end_val_jaccard=None if course is None else course.end,
        baseline_all_foreground=None if inferred is None else inferred.all_foreground,
        baseline_source=None if inferred is None else inferred.source,
        findings=findings,
        forensics=examine(reading, baseline=inferred, findings=findings),
    )


def _with_collapse(
    findings: tuple[Finding, ...], history: HistoryTable, *, course: Course, context: RunContext
) -> tuple[Finding, ...]:
    """Add the collapse that only the end shows, so that no history is called collapsed without a finding that says it.

    The detector wants two bad epochs in a row, as it must not call a dip a collapse while the run goes on; of the last
    three epochs, two that are not neighbours decide as well. It also spares falls from a trivial best.
    """
    if any(one.is_open and one.code is FindingCode.COLLAPSE for one in findings):
        return findings
    usable = history.usable("val_jaccard")
    epochs: list[int] = history.epochs[usable].tolist()
    values = history.column("val_jaccard")[usable]
    limit = FALL_RATIO * course.best
    # The first median of the last stretch of medians that are all below the limit, and its first low epoch.
    held = np.flatnonzero(median_of_three(values) >= limit)
    first = int(held[-1]) + 1 if held.size else 0
    taken = {one.epoch for one in findings if one.code is FindingCode.COLLAPSE}
    low = (
        epochs[index]
        for index in range(first, len(epochs))
        if values[index] < limit and epochs[index] > course.best_epoch and epochs[index] not in taken
    )
    sentences = [
        f"The history ended with a validation Jaccard of {score(course.end)} (median of the last {END_EPOCHS} epochs), "
        f"below a fifth of its best, {score(course.best)} in epoch {course.best_epoch}."
    ]
    if context.is_trivial_score(course.best) and context.baselines is not None:
        sentences.append(
            f"That best was no achievement: painting everything foreground scores "
            f"{score(context.baselines.all_foreground)}."
        )
    collapse = Finding(
        code=FindingCode.COLLAPSE,
        severity=Severity.SERIOUS,
        epoch=next(low, course.last_epoch),
        title="Validation Jaccard collapsed",
        message=" ".join(sentences),
        evidence={
            "kind": "end",
            "raised_epoch": course.last_epoch,
            "val_jaccard": course.end,
            "best_val_jaccard": course.best,
            "best_val_jaccard_epoch": course.best_epoch,
        },
    )
    return tuple(sorted((*findings, collapse), key=lambda one: one.epoch))
