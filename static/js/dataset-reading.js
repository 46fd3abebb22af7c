// How a dataset is read: the acquisitions of a pattern while it is typed.

import { previewGroups } from "./groups-preview.js";
import { showNeeded } from "./import-form.js";

const form = document.getElementById("reading-form");
previewGroups(form, () => ({ dataset_id: Number(form.dataset.dataset) }), { noun: "item" });
form.addEventListener("change", () => showNeeded(form));
showNeeded(form);

// Ticking a value says that labels are meant.
for (const tick of form.querySelectorAll(".mask-values input")) {
  tick.addEventListener("change", () => {
    form.elements.namedItem("import_spec.mask.rule").value = "labels";
    showNeeded(form);
  });
}
