// The page of one run: snapshot first, then the live stream.

import { drawJaccard, drawLoss, linkEpochs } from "./charts.js";
import { duration, jaccard } from "./format.js";
import { fetchJson, follow } from "./live.js";
import { redrawer } from "./redraw.js";
import { RunModel } from "./run-model.js";
import { SamplePanel } from "./samples.js";

const snapshot = JSON.parse(document.getElementById("snapshot").textContent);
const id = snapshot.run.id;
const model = new RunModel(snapshot.run, snapshot.epochs, snapshot.steps);
const samples = new SamplePanel(document.getElementById("samples"), snapshot.sample_items, snapshot.samples);
const element = (name) => document.getElementById(name);
const STATE_WORDS = { queued: "Queued", running: "Running", paused: "Paused", finished: "Finished", stopped: "Stopped", failed: "Failed", lost: "Lost" };
// What a person has asked for and the worker has not done yet.
const REQUEST_WORDS = { cancel: "Stopping", pause: "Pausing", finish: "Finishing" };
const ENDED = new Set(["finished", "stopped", "failed"]);
const initialTitle = document.title.split(" · ")[0];

const redraw = redrawer(async () => {
  const drawn = { run_id: id, step: model.lastStep, epoch: model.epochNumbers.at(-1) ?? 0 };
  const first = !element("jaccard-chart").dataset.bound;
  await Promise.all([drawJaccard(element("jaccard-chart"), model), drawLoss(element("loss-chart"), model, { log: element("loss-log").checked })]);
  if (first) linkEpochs(element("jaccard-chart"), element("loss-chart"));
  window.dispatchEvent(new CustomEvent("segscope:drawn", { detail: drawn }));
});

function showRun() {
  const { run } = model;
  const chip = document.querySelector("[data-field=state]");
  chip.className = `chip state-${run.state}`;
  chip.textContent = REQUEST_WORDS[run.requested] ?? STATE_WORDS[run.state];
  element("fact-best").textContent = run.best_epoch ? `${jaccard(run.best_val_jaccard)} at epoch ${run.best_epoch}` : "–";
  element("fact-device").textContent = run.device || "–";
  element("fact-queue-box").hidden = run.queue_position === null;
  element("fact-queue").textContent = run.queue_position ?? "";
  element("run-message").hidden = !run.message;
  element("run-message").textContent = run.message;
  for (const form of document.querySelectorAll("#run-actions [data-when]")) {
    const hides = !form.dataset.when.split(" ").includes(run.state);
    // A button that was pressed comes back usable when its action is possible again.
    if (form.hidden && !hides) form.querySelector("button").disabled = false;
    form.hidden = hides;
  }
  showProgress(run.images_per_second);
  showFindings();
}

function showProgress(rate) {
  const { run } = model;
  const running = run.state === "running";
  const current = running && run.steps_per_epoch ? Math.min(run.epochs_planned, Math.floor(model.lastStep / run.steps_per_epoch) + 1) : run.epoch;
  element("run-progress").value = model.progress;
  element("fact-epoch").textContent = `${current} of ${run.epochs_planned}`;
  element("fact-rate").textContent = rate ? rate.toFixed(rate < 10 ? 1 : 0) : "–";
  const perEpoch = run.epoch ? run.training_seconds / run.epoch : null;
  const left = running && perEpoch ? perEpoch * (run.epochs_planned - model.lastStep / run.steps_per_epoch) : null;
  element("fact-left").textContent = running ? duration(left) : ENDED.has(run.state) ? `took ${duration(run.training_seconds)}` : "–";
  document.title = `${running ? `${current}/${run.epochs_planned}` : STATE_WORDS[run.state]} · ${initialTitle} · Segscope`;
}

function showFindings() {
  const list = element("findings");
  const { findings } = model.run;
  list.replaceChildren(
    ...findings.map((finding) => {
      const item = document.createElement("li");
      item.dataset.severity = finding.severity;
      item.dataset.code = finding.code;
      item.className = finding.until_epoch === null ? "open" : "closed";
      const title = document.createElement("strong");
      title.textContent = finding.title;
      const when = document.createElement("span");
      when.className = "muted";
      when.textContent = finding.until_epoch === null ? `${finding.severity}, since epoch ${finding.epoch}` : `epochs ${finding.epoch} to ${finding.until_epoch}, recovered`;
      const message = document.createElement("p");
      message.textContent = finding.message;
      item.append(title, when, message);
      return item;
    }),
  );
  if (!findings.length) {
    const none = document.createElement("li");
    none.textContent = model.epochs.size ? "Nothing unusual so far." : "Findings appear as epochs end.";
    list.append(none);
  }
  const worst = findings.find((finding) => finding.severity === "serious" && finding.until_epoch === null);
  const banner = element("collapse-banner");
  banner.hidden = !worst;
  if (worst && banner.dataset.shown !== `${worst.code}${worst.epoch}${worst.message.length}`) {
    banner.dataset.shown = `${worst.code}${worst.epoch}${worst.message.length}`;
    const title = document.createElement("h2");
    title.textContent = `${worst.title}, since epoch ${worst.epoch}`;
    const text = document.createElement("p");
    text.textContent = worst.message;
    banner.replaceChildren(title, text);
  }
}

let tableShown = 0;
function showTable() {
  const rows = model.epochNumbers;
  if (rows.length === tableShown || !document.querySelector(".data-table").open) return;
  tableShown = rows.length;
  const names = ["epoch", "loss", "jaccard", "val_loss", "val_jaccard", "val_dice", "val_precision", "val_recall", "val_predicted_foreground", "learning_rate"];
  const head = `<thead><tr>${names.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead>`;
  // Numbers only: nothing here comes from a person.
  const body = rows.map((epoch) => `<tr>${names.map((name) => `<td>${Number(model.epochs.get(epoch)[name] ?? NaN).toPrecision(name === "epoch" ? 6 : 4).replace(/\.?0+$/, "")}</td>`).join("")}</tr>`);
  element("epoch-table").innerHTML = `${head}<tbody>${body.join("")}</tbody>`;
}
document.querySelector(".data-table").addEventListener("toggle", showTable);

const log = element("log");
async function showLog() {
  if (!log.open) return;
  const pre = log.querySelector("pre");
  const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 20;
  pre.textContent = (await (await fetch(log.dataset.url)).text()) || "The log is empty so far.";
  if (atEnd) pre.scrollTop = pre.scrollHeight;
}
log.addEventListener("toggle", showLog);

const showAll = () => {
  showRun();
  showTable();
  redraw();
};

async function reload() {
  const fresh = await fetchJson(`/api/runs/${id}/snapshot`);
  model.load(fresh.run, fresh.epochs, fresh.steps);
  samples.load(fresh.sample_items, fresh.samples);
  showAll();
  return fresh.cursor;
}

element("loss-log").addEventListener("change", redraw);
window.addEventListener("segscope:theme", redraw);
showAll();
follow({
  cursor: snapshot.cursor,
  query: `run=${id}`,
  onReset: reload,
  handlers: {
    run: async ({ run }) => {
      const first = !model.run.steps_per_epoch && run.steps_per_epoch;
      model.run = run;
      // The chosen items are known once the training has started.
      if (first && !samples.items.length) samples.items = (await fetchJson(`/api/runs/${id}/snapshot`)).sample_items;
      showAll();
    },
    steps: ({ columns }) => {
      model.appendSteps(columns);
      showProgress(columns.images_per_second.at(-1));
      redraw();
    },
    epoch: (data) => {
      model.addEpoch(data);
      for (const sample of data.samples) samples.add(sample);
      samples.refresh();
      showTable();
      showLog();
      redraw();
    },
    rewind: (data) => {
      model.rewind(data);
      samples.rewind(data.epoch);
      redraw();
    },
  },
});
