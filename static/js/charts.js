// Jaccard and loss charts. Hue is the model; training is thin and dotted, validation solid and strong.

import { jaccard as formatJaccard } from "./format.js";

/** Colours come from the style sheet, so that both themes are right. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function layout({ range, log, title, x }) {
  const axis = { gridcolor: colour("line"), zeroline: false, linecolor: colour("line"), tickfont: { size: 11.5 }, automargin: true };
  return {
    uirevision: "kept",
    margin: { l: 46, r: 14, t: 8, b: 34 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "inherit", color: colour("ink-soft"), size: 12 },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("ink") } },
    xaxis: { ...axis, title: { text: "epoch", standoff: 4 }, range: x, autorange: false },
    yaxis: { ...axis, title: { text: title, standoff: 4 }, type: log ? "log" : "linear", ...(range ? { range } : { autorange: true, rangemode: "tozero" }) },
    shapes: [],
    annotations: [],
  };
}

const CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

/** Values that cannot be drawn are marked at the top edge, never dropped. */
function nonFiniteMarks(model, name, top) {
  const xs = [];
  const labels = [];
  for (const epoch of model.epochNumbers) {
    const value = model.epochs.get(epoch)[name];
    if (value !== null && value !== undefined && !Number.isFinite(value)) {
      xs.push(epoch);
      labels.push(`${name} ${value}`);
    }
  }
  return { x: xs, y: xs.map(() => top), text: labels, mode: "markers", marker: { symbol: "x", size: 10, color: colour("bad") }, hovertemplate: "%{text}<extra></extra>", name: "not finite" };
}

const finite = (values) => values.map((value) => (Number.isFinite(value) ? value : null));

function curves(model, metric, { hue, steps, label }) {
  const epochs = model.epochNumbers;
  const traces = [];
  if (steps) {
    traces.push({ x: model.stepPositions, y: finite(model.steps[metric]), mode: "lines", line: { color: hue, width: 0.8 }, opacity: 0.32, hoverinfo: "skip", name: "training step" });
  }
  traces.push({ x: epochs, y: finite(model.column(metric)), mode: "lines", line: { color: hue, width: 1.8, dash: "dot" }, name: `${label}training` });
  traces.push({ x: epochs, y: finite(model.column(`val_${metric}`)), mode: epochs.length < 60 ? "lines+markers" : "lines", line: { color: hue, width: 3 }, marker: { size: 5.5 }, name: `${label}validation` });
  return traces;
}

function baselineShapes(run, shownLayout, { left = false } = {}) {
  const lines = [];
  if (run.baseline_all_foreground !== null) lines.push([run.baseline_all_foreground, `everything foreground ${formatJaccard(run.baseline_all_foreground)}`, "bottom"]);
  if (run.baseline_empty !== null) lines.push([run.baseline_empty, `empty prediction ${formatJaccard(run.baseline_empty)}`, "bottom"]);
  for (const [y, text, yanchor] of lines) {
    shownLayout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour("baseline"), width: 1.3, dash: "dash" } });
    shownLayout.annotations.push({ xref: "paper", x: left ? 0 : 1, y, text, showarrow: false, xanchor: left ? "left" : "right", yanchor, font: { size: 11, color: colour("ink-soft") }, bgcolor: colour("surface"), opacity: 0.9 });
  }
}

function eventShapes(model, shownLayout) {
  const { run } = model;
  if (run.best_epoch && model.epochs.has(run.best_epoch)) {
    const y = model.epochs.get(run.best_epoch).val_jaccard;
    shownLayout.annotations.push({ x: run.best_epoch, y, text: `best ${formatJaccard(y)}`, arrowcolor: colour("ink-soft"), arrowhead: 0, ax: 0, ay: -26, font: { size: 11.5, color: colour("ink") } });
  }
  run.findings.forEach((finding, index) => {
    const hue = finding.severity === "serious" ? colour("bad") : colour("warn");
    const end = finding.until_epoch ?? Math.max(finding.epoch, ...model.epochNumbers);
    shownLayout.shapes.push({ type: "rect", yref: "paper", x0: finding.epoch - 0.5, x1: end + 0.5, y0: 0, y1: 1, fillcolor: hue, opacity: 0.07, line: { width: 0 }, layer: "below" });
    shownLayout.shapes.push({ type: "line", yref: "paper", x0: finding.epoch - 0.5, x1: finding.epoch - 0.5, y0: 0, y1: 1, line: { color: hue, width: 1.3 } });
    shownLayout.annotations.push({ x: finding.epoch - 0.5, yref: "paper", y: 1 - 0.075 * (index % 4), text: finding.title, showarrow: false, xanchor: "left", yanchor: "top", font: { size: 11.5, color: hue }, bgcolor: colour("surface"), opacity: 0.92 });
  });
}

/** An empty frame says why it is empty. */
function emptyNote(model, shownLayout) {
  if (model.lastStep || model.epochNumbers.length) return;
  const words = { queued: "waits in the queue", running: "preparing", lost: "its worker is gone" };
  shownLayout.annotations.push({ xref: "paper", yref: "paper", x: 0.5, y: 0.55, text: words[model.run.state] ?? "ended before the first step", showarrow: false, font: { size: 13, color: colour("ink-soft") } });
}

function epochRange(models) {
  const last = Math.max(4, ...models.map((model) => Math.max(model.lastStep / (model.run.steps_per_epoch || 1), ...model.epochNumbers, 0)));
  return [0, last * 1.04];
}

function draw(element, traces, shownLayout) {
  // A person who zoomed keeps the zoom: `uirevision` holds it as long as the figure does not set another range.
  if (element.dataset.zoomed) {
    shownLayout.xaxis.range = element.layout.xaxis.range;
    shownLayout.yaxis = { ...shownLayout.yaxis, range: element.layout.yaxis.range, autorange: false };
  }
  return window.Plotly.react(element, traces, shownLayout, CONFIG).then(() => {
    if (element.dataset.bound) return;
    element.dataset.bound = "yes";
    element.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change || "yaxis.range[0]" in change) element.dataset.zoomed = "yes";
      if (change["xaxis.autorange"]) delete element.dataset.zoomed;
    });
    element.on("plotly_doubleclick", () => delete element.dataset.zoomed);
  });
}

/** Draw the Jaccard of one run with its baselines, best epoch and findings. */
export function drawJaccard(element, model, { models = [model], steps = true } = {}) {
  const hue = colour(model.run.architecture);
  const shown = layout({ range: [-0.03, 1.03], title: "Jaccard", x: epochRange(models) });
  baselineShapes(model.run, shown);
  eventShapes(model, shown);
  emptyNote(model, shown);
  const traces = [...curves(model, "jaccard", { hue, steps, label: "" }), nonFiniteMarks(model, "val_jaccard", 1)];
  element.setAttribute("aria-label", describe(model));
  return draw(element, traces, shown);
}

/** Draw the loss of one run. */
export function drawLoss(element, model, { log = false, models = [model], steps = true } = {}) {
  const hue = colour(model.run.architecture);
  const shown = layout({ log, title: "loss", x: epochRange(models) });
  const traces = [...curves(model, "loss", { hue, steps, label: "" }), nonFiniteMarks(model, "loss", 0), nonFiniteMarks(model, "val_loss", 0)];
  const last = model.epochNumbers.at(-1);
  const row = last ? model.epochs.get(last) : null;
  element.setAttribute("aria-label", row ? `Loss at epoch ${last}: training ${row.loss?.toFixed(4)}, validation ${row.val_loss?.toFixed(4)}.` : "Loss: no epoch has ended yet.");
  return draw(element, traces, shown);
}

/** Draw the validation Jaccard of several runs over one another, with direct labels. */
export function drawOverlay(element, models) {
  const shown = layout({ range: [-0.03, 1.03], title: "validation Jaccard", x: epochRange(models) });
  const first = models.find((model) => model.run.baseline_all_foreground !== null);
  if (first) baselineShapes(first.run, shown, { left: true });
  const traces = models.flatMap((model) => {
    const hue = colour(model.run.architecture);
    const epochs = model.epochNumbers;
    const label = `${model.run.label} #${model.run.id}`;
    // The folds of a model are close to one another: one label serves all.
    if (epochs.length && (model.run.fold ?? 1) === 1) {
      shown.annotations.push({ x: epochs.at(-1), y: model.epochs.get(epochs.at(-1)).val_jaccard, text: model.run.label.split(" · ")[0], showarrow: false, xanchor: "right", yanchor: "bottom", font: { size: 12, color: hue } });
    }
    return [
      { x: epochs, y: finite(model.column("jaccard")), mode: "lines", line: { color: hue, width: 1.5, dash: "dot" }, opacity: 0.7, name: `${label} training` },
      { x: epochs, y: finite(model.column("val_jaccard")), mode: "lines+markers", line: { color: hue, width: 3 }, marker: { size: 5 }, name: `${label} validation` },
    ];
  });
  element.setAttribute("aria-label", models.map((model) => `${model.run.label}: ${describe(model)}`).join(" "));
  return draw(element, traces, shown);
}

/** Let zooming and panning one chart along the epochs move the other. */
export function linkEpochs(...elements) {
  for (const element of elements) {
    element.on("plotly_relayout", (change) => {
      for (const other of elements) {
        if (other === element) continue;
        if (change["xaxis.autorange"]) delete other.dataset.zoomed;
        if (!("xaxis.range[0]" in change)) continue;
        const range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
        if (other.layout.xaxis.range[0] === range[0] && other.layout.xaxis.range[1] === range[1]) continue;
        other.dataset.zoomed = "yes";
        window.Plotly.relayout(other, { "xaxis.range": range });
      }
    });
  }
}

/** Say in words what the Jaccard chart shows. */
export function describe(model) {
  const last = model.epochNumbers.at(-1);
  if (!last) return "Jaccard: no epoch has ended yet.";
  const row = model.epochs.get(last);
  const parts = [`Jaccard at epoch ${last}: training ${formatJaccard(row.jaccard)}, validation ${formatJaccard(row.val_jaccard)}.`];
  if (model.run.best_epoch) parts.push(`Best validation ${formatJaccard(model.run.best_val_jaccard)} at epoch ${model.run.best_epoch}.`);
  if (model.run.baseline_all_foreground !== null) parts.push(`Painting everything foreground scores ${formatJaccard(model.run.baseline_all_foreground)}.`);
  return parts.join(" ");
}
