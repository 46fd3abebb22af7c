"""Never beat the baseline: no validation score of the run is better than painting everything foreground."""

from __future__ import annotations

from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import SLOW_START_EPOCHS, WARM_UP_PATIENCE_EPOCHS, RunContext, trivial_limit
from app.diagnosis.wording import score
from app.domain.findings import Finding, FindingCode, Severity

#: Epochs in a row above the margin that count as beating it. The report's Attention ResUNet was 12 % above its
#: baseline in its first epoch, and at the baseline for the ten that followed.
BEAT_EPOCHS = 2

#: Epochs with a training that has learned, outside the warm-up, that raise the finding before a slow start ends.
LEARNED_EPOCHS = 5


@dataclass(slots=True)
class _Episode:
    raised: int
    best: float
    best_epoch: int
    severity: Severity = Severity.WARNING


def detect_never_beat_baseline(history: HistoryTable, context: RunContext) -> tuple[Finding, ...]:
    """Find that validation has not once, for two epochs in a row, scored better than the all-foreground prediction.

    Needs the baselines. Raised at epoch 13, or after five epochs in which training had learned and the moving
    statistics were not known to be young. *Warning*; *serious* once training has learned for 12 such epochs. It
    closes for good when the baseline is beaten.
    """
    baselines = context.baselines
    if baselines is None or not 0 < baselines.all_foreground < 1:
        return ()
    foreground = baselines.all_foreground
    limit = trivial_limit(foreground)
    usable = history.usable("val_jaccard")
    epochs: list[int] = history.epochs[usable].tolist()
    validation: list[float] = history.column("val_jaccard")[usable].tolist()
    training: list[float] = history.column("jaccard")[usable].tolist()
    episode: _Episode | None = None
    best, best_epoch, above, learned = -1.0, 0, 0, 0
    for index, (epoch, value) in enumerate(zip(epochs, validation, strict=True)):
        if value > best:
            best, best_epoch = value, epoch
        above = above + 1 if value > limit else 0
        if above >= BEAT_EPOCHS:
            if episode is None:
                return ()
            # The last epoch that had not beaten it; a finding is raised late enough for one to exist.
            return (_finding(episode, first=epochs[0], foreground=foreground, until=epochs[index - BEAT_EPOCHS]),)
        learned += context.has_learned(training[index]) and not context.is_warming_up(epoch)
        if episode is None and (epoch >= SLOW_START_EPOCHS or learned >= LEARNED_EPOCHS) and above == 0:
            episode = _Episode(epoch, best, best_epoch)
        if episode is not None and learned >= WARM_UP_PATIENCE_EPOCHS:
            episode.severity = Severity.SERIOUS
    if episode is None:
        return ()
    return (_finding(episode, first=epochs[0], foreground=foreground, until=None),)


def _finding(episode: _Episode, *, first: int, foreground: float, until: int | None) -> Finding:
    message = (
        f"Up to epoch {episode.raised} validation had not beaten painting everything foreground, which scores "
        f"{score(foreground)} on these masks and takes no learning. The best epoch so far ({episode.best_epoch}, "
        f"{score(episode.best)}) is therefore no achievement, and its checkpoint no model to use."
    )
    if episode.severity is Severity.SERIOUS:
        message += f" Training has learned for {WARM_UP_PATIENCE_EPOCHS} epochs or more by now."
    if until is not None:
        message += f" The baseline was beaten after epoch {until}."
    return Finding(
        code=FindingCode.NEVER_BEAT_BASELINE,
        severity=episode.severity,
        epoch=first,
        until_epoch=until,
        title="Never better than painting everything",
        message=message,
        evidence={
            "raised_epoch": episode.raised,
            "baseline_all_foreground": foreground,
            "best_val_jaccard": episode.best,
            "best_val_jaccard_epoch": episode.best_epoch,
        },
    )
