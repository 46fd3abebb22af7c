"""How the models of a k-fold experiment did over its folds."""

from __future__ import annotations

from app.domain.configuration import Architecture
from app.domain.fold_scores import over_folds
from app.store.schema import ExperimentRow
from app.store.views import FoldScoresView


def fold_scores_of(row: ExperimentRow) -> list[FoldScoresView]:
    """Return the scores of each model over the folds; empty where there is one fold."""
    if len(row.folds) < 2:
        return []
    # A retry takes the place of the run that it repeats.
    newest = {(run.architecture, run.fold): run for run in row.runs}
    views = []
    for architecture in dict.fromkeys(run.architecture for run in row.runs):
        runs = [run for (name, _), run in newest.items() if name == architecture]
        best = over_folds(run.best_val_jaccard for run in runs)
        last = over_folds(run.last_val_jaccard for run in runs)
        views.append(
            FoldScoresView(
                architecture=Architecture(architecture),
                label=Architecture(architecture).label,
                best_folds=best.folds,
                best_mean=best.mean,
                best_deviation=best.deviation,
                last_folds=last.folds,
                last_mean=last.mean,
                last_deviation=last.deviation,
            )
        )
    return views
