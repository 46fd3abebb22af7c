// The models of a k-fold experiment over their folds, kept up to date while the runs train.

import { jaccard, toNumber } from "./format.js";

/** The newest run of each fold: a retry takes the place of the run that it repeats. */
function newestByFold(runs) {
  const newest = new Map();
  for (const run of [...runs].sort((one, other) => one.id - other.id)) newest.set(run.fold, run);
  return [...newest.values()];
}

/** Mean ± population standard deviation over the folds that have a score. @param {any[]} values */
function overFolds(values) {
  const known = values.map(toNumber).filter(Number.isFinite);
  if (!known.length) return { folds: 0, text: "–" };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length);
  return { folds: known.length, text: `${jaccard(mean)} ± ${deviation.toFixed(3)}` };
}

/** @param {any[]} runs all runs of the experiment @param {number} folds how many the split has */
export function showFoldScores(runs, folds) {
  for (const row of document.querySelectorAll("[data-fold-scores]")) {
    const own = newestByFold(runs.filter((run) => run.architecture === row.dataset.foldScores));
    const best = overFolds(own.map((run) => run.best_val_jaccard));
    row.querySelector("[data-field=best]").textContent = best.text;
    row.querySelector("[data-field=last]").textContent = overFolds(own.map((run) => run.last_val_jaccard)).text;
    row.querySelector("[data-field=folds]").textContent = `${best.folds} of ${folds}`;
  }
}
