"""All detectors over one history."""

from __future__ import annotations

from app.diagnosis.batchnorm_warm_up import detect_batchnorm_warm_up
from app.diagnosis.best_epoch import detect_best_epoch_too_early
from app.diagnosis.collapse import detect_collapse
from app.diagnosis.dissociation import detect_dissociation
from app.diagnosis.divergence import detect_divergence
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.instability import detect_instability
from app.diagnosis.learning_rate import detect_learning_rate_changes
from app.diagnosis.never_beat_baseline import detect_never_beat_baseline
from app.diagnosis.non_finite import detect_non_finite
from app.diagnosis.overfitting import detect_overfitting
from app.diagnosis.plateau import detect_plateau
from app.diagnosis.quantised_metric import detect_quantised_metric
from app.diagnosis.run_context import RunContext
from app.diagnosis.trivial_baseline import detect_trivial_baseline
from app.domain.findings import Finding, FindingCode
from app.domain.metrics import Baselines

_ORDER = {code: position for position, code in enumerate(FindingCode)}


def detect(
    history: HistoryTable,
    *,
    baselines: Baselines | None = None,
    planned_updates: int | None = None,
    batchnorm_momentum: float | None = None,
    steps_per_epoch: int | None = None,
    ended: bool = False,
) -> tuple[Finding, ...]:
    """Return every finding of a history, open and closed, by the epoch at which it starts.

    The result depends on the arguments alone. Called again with a longer history, it has the same findings, each
    known by its code and epoch: title and evidence never change; severity only rises, the message may grow, and an
    open finding may close. None vanishes.

    Parameters
    ----------
    history : HistoryTable
        All epochs so far.
    baselines : Baselines, optional
        Scores of the trivial predictors on the validation masks.
    planned_updates : int, optional
        Optimizer steps of the whole plan.
    batchnorm_momentum : float, optional
        Momentum of the batch normalisations.
    steps_per_epoch : int, optional
        Optimizer steps an epoch. Without it, or without the momentum, young moving statistics excuse nothing.
    ended : bool
        Whether the run has ended: what is still wrong then will not heal, and becomes serious.
    """
    context = RunContext(
        baselines=baselines,
        planned_updates=planned_updates,
        batchnorm_momentum=batchnorm_momentum,
        steps_per_epoch=steps_per_epoch,
        ended=ended,
    )
    findings = (
        *detect_collapse(history, context),
        *detect_trivial_baseline(history, context),
        *detect_non_finite(history),
        *detect_dissociation(history, context),
        *detect_never_beat_baseline(history, context),
        *detect_batchnorm_warm_up(history, context),
        *detect_divergence(history),
        *detect_overfitting(history, context),
        *detect_instability(history, context),
        *detect_best_epoch_too_early(history, context),
        *detect_quantised_metric(history),
        *detect_plateau(history, context),
        *detect_learning_rate_changes(history, context),
    )
    return tuple(sorted(findings, key=lambda finding: (finding.epoch, _ORDER[finding.code])))
