// The page of one experiment: its runs on one scale, and over one another.

import { drawJaccard, drawLoss, drawOverlay } from "./charts.js";
import { showFoldScores } from "./fold-scores.js";
import { jaccard } from "./format.js";
import { fetchJson, follow } from "./live.js";
import { redrawer } from "./redraw.js";
import { RunModel } from "./run-model.js";

const snapshot = JSON.parse(document.getElementById("snapshot").textContent);
const id = snapshot.experiment.id;
const STATE_WORDS = { queued: "Queued", running: "Running", paused: "Paused", finished: "Finished", stopped: "Stopped", failed: "Failed", lost: "Lost" };
// What a person has asked for and the worker has not done yet.
const REQUEST_WORDS = { cancel: "Stopping", pause: "Pausing", finish: "Finishing" };
/** @type {Map<number, RunModel>} */
const models = new Map();
const load = ({ experiment, epochs, steps }) => {
  for (const run of experiment.runs) models.set(run.id, new RunModel(run, epochs[run.id], steps[run.id]));
};
load(snapshot);

const redraw = redrawer(async () => {
  const all = [...models.values()];
  const drawing = [drawOverlay(document.getElementById("overlay-chart"), all)];
  for (const element of document.querySelectorAll("[data-chart]")) {
    const model = models.get(Number(element.dataset.run));
    const draw = element.dataset.chart === "jaccard" ? drawJaccard : drawLoss;
    drawing.push(draw(element, model, { models: all }));
  }
  const drawn = all.map((model) => ({ run_id: model.run.id, step: model.lastStep, epoch: model.epochNumbers.at(-1) ?? 0 }));
  await Promise.all(drawing);
  for (const detail of drawn) window.dispatchEvent(new CustomEvent("segscope:drawn", { detail }));
});

function showRow(model) {
  const { run } = model;
  showFoldScores([...models.values()].map((each) => each.run), snapshot.experiment.folds);
  const row = document.querySelector(`tr[data-run="${run.id}"]`);
  const set = (name, text) => {
    row.querySelector(`[data-field=${name}]`).textContent = text;
  };
  const chip = row.querySelector("[data-field=state]");
  chip.className = `chip state-${run.state}`;
  chip.textContent = REQUEST_WORDS[run.requested] ?? STATE_WORDS[run.state];
  set("best", jaccard(run.best_val_jaccard));
  set("best_epoch", run.best_epoch ?? "–");
  set("last", jaccard(run.last_val_jaccard));
  set("train", jaccard(run.last_jaccard));
  const known = typeof run.last_jaccard === "number" && typeof run.last_val_jaccard === "number";
  set("gap", known ? jaccard(run.last_jaccard - run.last_val_jaccard) : "–");
  set("epoch", `${run.epoch} of ${run.epochs_planned}`);
  row.querySelector("[data-field=progress]").value = model.progress;
  const open = run.findings.filter((finding) => finding.until_epoch === null);
  const chips = open.map((finding) => {
    const element = document.createElement("span");
    element.className = `chip severity-${finding.severity}`;
    element.textContent = finding.title;
    element.title = finding.message;
    return element;
  });
  const none = document.createElement("span");
  none.className = "muted";
  none.textContent = "none open";
  row.querySelector("[data-field=findings]").replaceChildren(...(chips.length ? chips : [none]));
}

async function reload() {
  const fresh = await fetchJson(`/api/experiments/${id}/snapshot`);
  load(fresh);
  models.forEach(showRow);
  redraw();
  return fresh.cursor;
}

const change = (runId, apply) => {
  const model = models.get(runId);
  // A retry adds a run to this experiment: its row and charts come with the page.
  if (!model) return location.reload();
  apply(model);
  showRow(model);
  return redraw();
};

window.addEventListener("segscope:theme", redraw);
redraw();
follow({
  cursor: snapshot.cursor,
  query: `experiment=${id}`,
  onReset: reload,
  handlers: {
    run: ({ run }) => change(run.id, (model) => { model.run = run; }),
    steps: ({ run_id, columns }) => change(run_id, (model) => model.appendSteps(columns)),
    epoch: (data) => change(data.run_id, (model) => model.addEpoch(data)),
    rewind: (data) => change(data.run_id, (model) => model.rewind(data)),
  },
});
