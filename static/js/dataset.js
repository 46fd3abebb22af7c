// The page of one dataset: progress while it is read, then health, distributions, gallery and corrections.

import { drawDistributions } from "./dataset-distributions.js";
import { Edits } from "./dataset-edits.js";
import { Gallery } from "./dataset-gallery.js";
import { bindHealth } from "./dataset-health.js";
import { ItemDialog } from "./item-dialog.js";
import { follow } from "./live.js";

const article = document.getElementById("dataset");
const id = Number(article.dataset.dataset);

if (["queued", "indexing"].includes(article.dataset.state)) {
  const reload = async () => {
    location.reload();
    return "0-0";
  };
  follow({
    cursor: article.dataset.cursor,
    query: "topic=all",
    onReset: reload,
    handlers: {
      dataset: ({ dataset }) => {
        if (dataset.id !== id) return;
        if (!["queued", "indexing"].includes(dataset.state)) reload();
        document.getElementById("index-progress").value = dataset.progress;
        document.getElementById("index-text").textContent = dataset.state === "queued" ? "Waiting for a worker." : `Every image and mask is opened once: ${Math.round(100 * dataset.progress)} %.`;
      },
    },
  });
} else if (article.dataset.state === "ready") {
  const edits = new Edits(id, JSON.parse(document.getElementById("dataset-edits").textContent));
  const dialog = new ItemDialog(document.getElementById("item-dialog"), edits);
  const gallery = new Gallery(id, edits, (item, pane) => dialog.open(item, pane));
  bindHealth(id, edits, gallery);
  // Pictures first: the charts take the processor for a while.
  gallery.ready.then(() => drawDistributions(id));
}
