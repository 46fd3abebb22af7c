"""Moving statistics: whether batch normalisation had updates enough for validation to be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.run_context import LEARNED_JACCARD
from app.domain.batchnorm import BATCHNORM_CONVERGENCE, convergence, initial_share, percent
from app.domain.findings import Finding, FindingCode

#: Keras' default; assumed where none is given.
KERAS_MOMENTUM = 0.99

ALTERNATIVES = (
    "Validation images that are scaled differently from the training images: moving statistics re-estimated on "
    "training "
    "images then change nothing.",
    "A network without batch normalisation, or with another momentum.",
    "Dropout or augmentation that differs between training and validation.",
)


def state_moving_statistics(reading: Reading, findings: Sequence[Finding]) -> Statement | None:
    """State how many updates the moving statistics had, and whether validation behaves as if they lagged.

    A moving statistic keeps momentum^updates of its initial value; below updates × (1 − momentum) = 5 that is more than
    0.7 %. Without the number of steps the suspicion rests on the pattern alone.
    """
    suspects = [
        finding for finding in findings if finding.code in {FindingCode.BATCHNORM_WARM_UP, FindingCode.COLLAPSE}
    ]
    pattern = next((one for one in suspects if one.code is FindingCode.BATCHNORM_WARM_UP), None)
    gap = next((one for one in suspects if one.code is FindingCode.COLLAPSE and _has_learned(one)), None)
    if reading.facts.steps_per_epoch is None or len(reading.history) == 0:
        return None if pattern is None else _from_pattern(pattern)
    return _from_arithmetic(reading, steps=reading.facts.steps_per_epoch, sign=pattern or gap)


def _has_learned(finding: Finding) -> bool:
    training = finding.evidence.get("best_jaccard")
    return isinstance(training, float) and training >= LEARNED_JACCARD


def _from_pattern(finding: Finding) -> Statement:
    state = "still holds at the end" if finding.is_open else f"ended after epoch {finding.until_epoch}"
    return Statement(
        claim=(
            "Batch normalisation's moving statistics may lag behind: training learned while validation jumped between "
            f"the two trivial predictions from epoch {finding.epoch} on (it {state}). Steps an epoch, or training "
            "items "
            "and batch size, would show by arithmetic whether they can."
        ),
        certainty=Certainty.POSSIBLE,
        arithmetic=(
            f"Epochs with everything foreground: {finding.evidence['epochs_everything']}; with (almost) nothing: "
            f"{finding.evidence['epochs_nothing']}; by then training Jaccard had reached "
            f"{finding.evidence['jaccard']:.3f}. Training uses each batch's own statistics, validation the moving ones."
        ),
        uncertainty="A pattern, no count of updates.",
        alternatives=ALTERNATIVES,
        values={"suspected": True, "updates": None},
    )


def _from_arithmetic(reading: Reading, *, steps: int, sign: Finding | None) -> Statement:
    given = reading.facts.batchnorm_momentum
    momentum = KERAS_MOMENTUM if given is None else given
    epochs = int(reading.history.epochs[-1])
    updates = steps * epochs
    kept = initial_share(updates=updates, momentum=momentum)
    constants = convergence(updates=updates, momentum=momentum)
    needed = math.ceil(BATCHNORM_CONVERGENCE / (1 - momentum) - 1e-9)
    settled_epoch = math.ceil(needed / steps)
    lags = constants < BATCHNORM_CONVERGENCE
    onset_lags = sign is not None and convergence(updates=steps * sign.epoch, momentum=momentum) < BATCHNORM_CONVERGENCE
    if lags and sign is not None:
        claim = (
            f"Batch normalisation's moving statistics lagged behind: after {epochs} epochs of {steps} steps they "
            "had had "
            f"{updates} updates and still held {percent(kept)} of their initial values, while training learned and "
            "validation did not follow. That is the first cause to test: evaluate with statistics re-estimated on the "
            "training images, or train with momentum 0.9."
        )
        certainty = Certainty.LIKELY
    elif lags:
        claim = (
            f"After {epochs} epochs of {steps} steps the moving statistics had had {updates} updates and still held "
            f"{percent(kept)} of their initial values; nothing in this history shows harm from it."
        )
        certainty = Certainty.PROVED
    elif onset_lags:
        claim = (
            f"When validation fell behind, in epoch {sign.epoch if sign else 0}, the moving statistics were young; "
            "from "
            f"about epoch {settled_epoch} on they had settled, and no longer explain anything."
        )
        certainty = Certainty.LIKELY
    else:
        claim = (
            f"{updates} updates are enough for a momentum of {momentum:g}: from about epoch {settled_epoch} on the "
            "moving "
            "statistics are no cause of a failure."
        )
        certainty = Certainty.PROVED
    if given is None and certainty is Certainty.PROVED:
        certainty = Certainty.LIKELY
    return Statement(
        claim=claim,
        certainty=certainty,
        arithmetic=(
            f"{steps} steps × {epochs} epochs = {updates} updates; {momentum:g}^{updates} = {kept:.3g} of the initial "
            f"values is left; updates × (1 − momentum) = {constants:.2f}, where {BATCHNORM_CONVERGENCE:g} "
            f"({needed} updates, "
            f"epoch {settled_epoch}) leaves 0.7 %."
        ),
        uncertainty=(
            f"The momentum is Keras' default of {KERAS_MOMENTUM:g}, which was assumed." if given is None else "Exact."
        ),
        alternatives=ALTERNATIVES if lags and sign is not None else (),
        values={
            "suspected": lags and sign is not None,
            "steps_per_epoch": steps,
            "momentum": momentum,
            "momentum_assumed": given is None,
            "updates": updates,
            "initial_share": kept,
            "time_constants": constants,
            "epochs_to_settle": settled_epoch,
        },
    )
