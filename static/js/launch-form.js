// The launch form: what will happen is estimated beside it, and errors stand beside their fields while one types.

import { duration, size } from "./format.js";
import { splitPreview } from "./split-preview.js";

const form = document.getElementById("launch-form");
const preview = document.getElementById("preview");
const LABELS = { unet: "UNet", "attention-unet": "Attention UNet", "attention-resunet": "Attention ResUNet" };

const number = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));
const PARSERS = {
  integer: number,
  number,
  lines: (text) => text.split("\n").map((line) => line.trim()).filter(Boolean),
  numbers: (text) => text.split(/[\s,]+/).filter(Boolean).map(number),
  switch: (text) => ({ true: true, false: false })[text] ?? text,
};

/** What a person entered, as the JSON API takes it; `data-kind` says what the field holds. */
function valueOf(element) {
  if (element.type === "checkbox") return element.checked;
  if ("optional" in element.dataset && element.value.trim() === "") return null;
  return (PARSERS[element.dataset.kind] ?? ((text) => text))(element.value);
}

/** @returns {any} the payload of the JSON API */
function payload() {
  const body = { models: [] };
  const settings = {};
  for (const box of form.querySelectorAll("input[name=models]:checked")) body.models.push({ architecture: box.value });
  body.acknowledged_findings = [...form.querySelectorAll("input[name=acknowledged_findings]:checked")].map((box) => box.value);
  for (const element of form.querySelectorAll("[data-kind]:not(:disabled)")) {
    const parts = element.name.split(".");
    const target = parts[0] === "models" ? (settings[parts[1]] ??= {}) : parts.length === 2 ? (body[parts[0]] ??= {}) : body;
    target[parts.at(-1)] = valueOf(element);
  }
  for (const model of body.models) Object.assign(model, settings[model.architecture]);
  return body;
}

/** Settings that mean nothing beside the present choices step aside, unless something in them is wrong. */
function showWhatCounts() {
  for (const element of form.querySelectorAll("[data-only-for]")) {
    const other = document.getElementById(`field-${element.dataset.onlyForField.replaceAll(".", "-")}`);
    const wrong = element.querySelector("[aria-invalid]") !== null;
    element.hidden = !wrong && !element.dataset.onlyFor.split(" ").includes(String(valueOf(other)));
    // What steps aside is not sent either; it comes back as it was typed.
    for (const input of element.querySelectorAll("input, select, textarea")) input.disabled = element.hidden;
  }
  for (const option of form.querySelectorAll("option[data-help]:checked")) {
    const help = document.getElementById(`${option.parentElement.id}-help`);
    if (help) help.textContent = option.dataset.help;
  }
}

/** The summaries are of the models as they stand in the form. */
function updateSummaryLinks() {
  const settings = new URLSearchParams();
  for (const element of form.querySelectorAll("[data-kind]:not(:disabled)")) {
    if (/^(image|network)\./.test(element.name)) settings.set(element.name, element.type === "checkbox" ? String(element.checked) : element.value);
  }
  for (const link of form.querySelectorAll("[data-summary]")) link.href = `/models/summary?architecture=${link.dataset.summary}&${settings}`;
}

function paragraph(text, className = "") {
  const element = document.createElement("p");
  element.textContent = text;
  element.className = className;
  return element;
}

function showErrors(fields) {
  for (const element of form.querySelectorAll(".field-error")) element.textContent = "";
  for (const element of form.querySelectorAll("[aria-invalid]")) element.removeAttribute("aria-invalid");
  const unplaced = [];
  for (const { field, message } of fields) {
    const input = document.getElementById(`field-${field.replaceAll(".", "-")}`);
    const place = document.getElementById(`field-${field.replaceAll(".", "-")}-error`) ?? (input?.classList.contains("field-error") ? input : null);
    if (place) place.textContent = message;
    else unplaced.push(message);
    if (input?.matches("input, select, textarea")) {
      input.setAttribute("aria-invalid", "true");
      input.closest("details")?.setAttribute("open", "");
    }
  }
  showWhatCounts();
  return unplaced;
}

function warningNote(warning) {
  const note = paragraph(`${warning.message} ${warning.advice}`, "preview-note");
  if (warning.suggestion !== null && warning.field) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link-button";
    button.textContent = `Use ${warning.suggestion}`;
    button.addEventListener("click", () => {
      const input = document.getElementById(`field-${warning.field.replaceAll(".", "-")}`);
      if (!input) return;
      if (input.type === "checkbox") input.checked = Boolean(warning.suggestion);
      else input.value = String(warning.suggestion);
      input.closest("details")?.setAttribute("open", "");
      updateSummaryLinks();
      refresh();
    });
    note.append(" ", button);
  }
  return note;
}

/** The dataset's fatal findings, each with a box to accept it. */
function showFatalFindings(findings) {
  const frame = document.getElementById("field-acknowledged_findings");
  const accepted = new Set([...frame.dataset.acknowledged.split(" "), ...payload().acknowledged_findings]);
  frame.hidden = !findings.length;
  document.getElementById("fatal-dataset").href = `/datasets/${form.elements.dataset_id.value}`;
  document.getElementById("fatal-findings").replaceChildren(
    ...findings.map(({ code, title, message }) => {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.name = "acknowledged_findings";
      box.value = code;
      box.checked = accepted.has(code);
      box.addEventListener("change", () => frame.dataset.acknowledged = payload().acknowledged_findings.join(" "));
      const text = document.createElement("span");
      const strong = document.createElement("strong");
      strong.textContent = `${title}. `;
      text.append(strong, message);
      label.append(box, " ", text);
      return label;
    }),
  );
}

/** Take the recommended split. */
function useSplit({ strategy, folds }) {
  form.elements.namedItem("split.strategy").value = strategy;
  form.elements.namedItem("split.folds").value = String(folds);
  showWhatCounts();
  refresh();
}

function showPreview(data) {
  showFatalFindings(data.fatal_findings);
  const parts = [
    ...splitPreview(data.split, { use: useSplit }),
    paragraph(data.workers ? `${data.workers} live worker${data.workers > 1 ? "s" : ""}; place ${data.queue_position} in the queue.` : "No live worker: the runs will wait.", data.workers ? "muted" : "preview-note"),
  ];
  const seen = new Set();
  for (const run of data.runs) {
    const block = document.createElement("div");
    block.className = "preview-run";
    block.dataset.model = run.architecture;
    const title = document.createElement("strong");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    title.append(swatch, LABELS[run.architecture]);
    block.append(title, paragraph(`${run.runs > 1 ? `${run.runs} runs, one for each fold, of ` : ""}${run.parameters.toLocaleString("en")} parameters, about ${size(run.memory_bytes)} of memory; ${run.steps_per_epoch} steps an epoch, ${run.updates.toLocaleString("en")} in all${run.batchnorm_momentum === null ? "" : `; batch-norm momentum ${run.batchnorm_momentum}`}${run.seconds === null ? "" : `; about ${duration(run.seconds)}${run.runs > 1 ? " each" : ""} at the speed of the last run like it`}.`, "muted"));
    parts.push(block);
    for (const warning of run.warnings) {
      if (seen.has(warning.message)) continue;
      seen.add(warning.message);
      block.append(warningNote(warning));
    }
  }
  const names = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = data.split.folds.length > 1 ? "Items that validate in fold 1" : "Items that validate";
  names.append(summary, paragraph(data.validation_names.join(", "), "muted"));
  parts.push(names);
  preview.replaceChildren(...parts);
}

let waiting = 0;
let asked = 0;
async function refresh() {
  const question = ++asked;
  const answer = await fetch("/api/preview", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(payload()) });
  const body = await answer.json();
  if (question !== asked) return;
  if (answer.ok) {
    showErrors([]);
    showPreview(body);
    return;
  }
  const unplaced = showErrors(body.error.fields);
  preview.replaceChildren(paragraph(body.error.fields.length ? "This cannot be launched yet: see the marked fields." : body.error.message, "preview-note preview-error"), ...unplaced.map((text) => paragraph(text, "preview-note preview-error")));
}
form.addEventListener("input", () => {
  showWhatCounts();
  updateSummaryLinks();
  clearTimeout(waiting);
  waiting = setTimeout(refresh, 250);
});
showWhatCounts();
updateSummaryLinks();
refresh();
