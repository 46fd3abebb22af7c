"""All arguments over one history."""

from __future__ import annotations

from collections.abc import Sequence

from app.diagnosis.forensics.baseline import InferredBaseline
from app.diagnosis.forensics.batch_means import state_batches
from app.diagnosis.forensics.floor_inversion import state_floor
from app.diagnosis.forensics.foreground_plateau import state_plateau
from app.diagnosis.forensics.foreground_share import state_share
from app.diagnosis.forensics.fractional_masks import state_fractional
from app.diagnosis.forensics.moving_statistics import state_moving_statistics
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Argument, Statement
from app.diagnosis.forensics.validation_size import state_size
from app.domain.findings import Finding


def examine(
    reading: Reading, *, baseline: InferredBaseline | None, findings: Sequence[Finding]
) -> dict[Argument, Statement]:
    """Return what the numbers of a history prove, by argument; those without a conclusion are left out.

    Parameters
    ----------
    reading : Reading
        The history and what is known beside it.
    baseline : InferredBaseline or None
        The all-foreground score.
    findings : sequence of Finding
        What the detectors found in it; the suspicion of the moving statistics rests on them.
    """
    statements = {
        Argument.FLOOR_INVERSION: state_floor(reading),
        Argument.FOREGROUND_PLATEAU: state_plateau(reading, baseline),
        Argument.FOREGROUND_SHARE: state_share(reading),
        Argument.FRACTIONAL_MASKS: state_fractional(reading),
        Argument.VALIDATION_SIZE: state_size(reading),
        Argument.BATCH_MEANS: state_batches(reading),
        Argument.MOVING_STATISTICS: state_moving_statistics(reading, findings),
    }
    return {argument: statement for argument, statement in statements.items() if statement is not None}
