// The launch form: what will happen is estimated beside it, and errors stand beside their fields while one types.

import { duration, size } from "./format.js";
import { followStrategy } from "./split-fields.js";
import { splitPreview } from "./split-preview.js";

const form = document.getElementById("launch-form");
const preview = document.getElementById("preview");
const LABELS = { unet: "UNet", "attention-unet": "Attention UNet", "attention-resunet": "Attention ResUNet" };

/** Text even where it looks like a number. */
const TEXT_FIELDS = new Set(["name", "split.strategy", "split.training", "split.validation", "split.test"]);

/** @returns {any} the payload of the JSON API */
function payload() {
  const body = { models: [] };
  const number = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));
  const settings = {};
  for (const [name, value] of new FormData(form)) {
    const parts = name.split(".");
    if (name === "models") body.models.push({ architecture: value });
    else if (parts[0] === "models") (settings[parts[1]] ??= {})[parts[2]] = number(value);
    else if (name === "queue") body.queue = value || null;
    else if (parts.length === 2) (body[parts[0]] ??= {})[parts[1]] = TEXT_FIELDS.has(name) ? value : number(value);
    else body[name] = TEXT_FIELDS.has(name) ? value : number(value);
  }
  for (const model of body.models) Object.assign(model, settings[model.architecture]);
  return body;
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
    if (input?.matches("input, select, textarea")) input.setAttribute("aria-invalid", "true");
  }
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
      const input = form.elements.namedItem(warning.field);
      if (!input) return;
      input.value = String(warning.suggestion);
      refresh();
    });
    note.append(" ", button);
  }
  return note;
}

/** Take the recommended split. */
function useSplit({ strategy, folds }) {
  form.elements.namedItem("split.strategy").value = strategy;
  form.elements.namedItem("split.folds").value = String(folds);
  strategies.show();
  refresh();
}

function showPreview(data) {
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
    block.append(title, paragraph(`${run.runs > 1 ? `${run.runs} runs, one for each fold, of ` : ""}${run.parameters.toLocaleString("en")} parameters, about ${size(run.memory_bytes)} of memory; ${run.steps_per_epoch} steps an epoch, ${run.updates.toLocaleString("en")} in all${run.seconds === null ? "" : `; about ${duration(run.seconds)}${run.runs > 1 ? " each" : ""} at the speed of the last run like it`}.`, "muted"));
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
const strategies = followStrategy(form);
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, 250);
});
refresh();
