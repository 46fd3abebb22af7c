// Datasets: progress of the reading, registration of folders with previews, uploads.

import { duration, size } from "./format.js";
import { previewGroups } from "./groups-preview.js";
import { ask, importSpec, showErrors, showNeeded } from "./import-form.js";
import { previewLayout } from "./layout-preview.js";
import { follow } from "./live.js";
import { RefusedUpload, Upload } from "./upload.js";

const cards = document.getElementById("dataset-cards");
follow({
  cursor: cards.dataset.cursor,
  query: "topic=all",
  onReset: async () => {
    if (!busy()) location.reload();
    return "0-0";
  },
  handlers: {
    dataset: ({ dataset }) => {
      const bar = cards.querySelector(`[data-dataset="${dataset.id}"] progress`);
      if (bar && ["queued", "indexing"].includes(dataset.state)) bar.value = dataset.progress;
      // Only a card that waits changes its shape; a form that is being filled in is left alone.
      else if (bar && !busy()) location.reload();
    },
  },
});

// --- A folder on the server ---

const folderForm = document.getElementById("folder-form");
const refreshLayout = previewLayout(folderForm, document.getElementById("layout-preview"));
const folderPlace = () => {
  const root = folderForm.elements.namedItem("root").value.trim();
  const options = folderForm.querySelector(".import-options");
  return root && options.open ? { root, import_spec: importSpec(folderForm) } : null;
};
const refreshGroups = previewGroups(folderForm, folderPlace, { noun: "pair" });
folderForm.addEventListener("change", refreshGroups);
folderForm.querySelector(".import-options").addEventListener("toggle", refreshGroups);

for (const form of [folderForm, document.getElementById("upload-form")]) {
  form.addEventListener("change", () => showNeeded(form));
  showNeeded(form);
}
if (folderForm.elements.namedItem("root").value.trim()) {
  refreshLayout();
  refreshGroups();
}

// --- An upload ---

const form = document.getElementById("upload-form");
const status = document.getElementById("upload-status");
const bar = document.getElementById("upload-progress");
const text = document.getElementById("upload-text");
const pause = document.getElementById("upload-pause");
const button = form.querySelector("button[type=submit]");
let running = null;

function busy() {
  return running !== null || Boolean(document.activeElement?.closest("form.panel"));
}

pause.addEventListener("click", () => {
  if (running.paused) running.unpause();
  else running.pause();
  pause.textContent = running.paused ? "Go on" : "Pause";
  if (running.paused) text.textContent = "Paused. What has arrived stays for a day, also when this page is closed: choose the same file again.";
});
window.addEventListener("beforeunload", (event) => running && event.preventDefault());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation();
  // A second submission of the same upload would be refused by the first.
  if (running) return;
  const file = form.elements.namedItem("upload").files[0];
  showErrors(form, []);
  running = new Upload(file, {
    onProgress: (bytes, pace) => {
      bar.value = bytes / file.size;
      text.textContent = `${size(bytes)} of ${size(file.size)}${pace ? `, ${size(pace.rate)}/s, ${duration(pace.secondsLeft)} left` : ""}`;
    },
    onWaiting: (seconds, reason) => {
      text.textContent = `${reason ?? "The connection broke off."} Trying again in ${seconds} s; nothing is lost.`;
    },
  });
  status.hidden = false;
  pause.disabled = false;
  button.disabled = true;
  try {
    const id = await running.send();
    bar.value = 1;
    pause.disabled = true;
    text.textContent = "Registering …";
    const answer = await ask(`/api/uploads/${id}/register`, { name: form.elements.namedItem("name").value.trim(), import_spec: importSpec(form) });
    if (!answer) throw new RefusedUpload({ message: "The server did not answer. The upload is complete: press Upload again to register it." });
    if (!answer.ok) throw new RefusedUpload(answer.body.error);
    running.forget();
    running = null;
    location.assign(`/datasets/${answer.body.id}`);
  } catch (error) {
    running = null;
    status.hidden = true;
    button.disabled = false;
    const unplaced = showErrors(form, error.fields ?? []);
    if (unplaced.length || !error.fields?.length) showErrors(form, [...(error.fields ?? []), { field: "upload", message: unplaced[0] ?? error.message }]);
  }
});
