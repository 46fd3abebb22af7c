// Datasets: progress of uploads and of the reading.

import { size } from "./format.js";
import { follow } from "./live.js";

const cards = document.getElementById("dataset-cards");
follow({
  cursor: cards.dataset.cursor,
  query: "topic=all",
  onReset: async () => {
    location.reload();
    return "0-0";
  },
  handlers: {
    dataset: ({ dataset }) => {
      const bar = cards.querySelector(`[data-dataset="${dataset.id}"] progress`);
      if (bar && ["queued", "indexing"].includes(dataset.state)) bar.value = dataset.progress;
      // Only a card that waits changes its shape; a form that is being filled in is left alone.
      else if (bar) location.reload();
    },
  },
});

const form = document.getElementById("upload-form");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopPropagation();
  const bar = document.getElementById("upload-progress");
  const button = form.querySelector("button[type=submit]");
  const error = document.getElementById("upload-error");
  const request = new XMLHttpRequest();
  const started = performance.now();
  request.open("POST", "/api/datasets/upload");
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = loaded / total;
    button.textContent = `${size(loaded)} of ${size(total)}, ${size((1000 * loaded) / (performance.now() - started))}/s`;
  });
  const fail = (message) => {
    error.textContent = message;
    bar.hidden = true;
    button.disabled = false;
    button.textContent = "Upload";
  };
  request.addEventListener("load", () => {
    if (request.status === 201) location.assign(`/datasets/${request.response.id}`);
    else fail(request.response?.error?.message ?? `The server refused the upload (${request.status}).`);
  });
  request.addEventListener("error", () => fail("The connection broke off. Nothing was registered; try again."));
  error.textContent = "";
  bar.hidden = false;
  button.disabled = true;
  request.send(new FormData(form));
});
