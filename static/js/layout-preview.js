// What registering the folder would find, shown before it is registered.

import { ask, counted, debounced, importSpec, paragraph, showErrors } from "./import-form.js";

const WORDS = { "missing-mask": "without a mask", "missing-image": "without an image", "duplicate-stem": "with an ambiguous name", "unsupported-file": "of another kind", "outside-root": "outside the folder", "bad-row": "rows that name no pair" };

/** @param {HTMLFormElement} form @param {HTMLElement} box @returns {() => void} refreshes it */
export function previewLayout(form, box) {
  let asked = 0;
  const refresh = async () => {
    const question = ++asked;
    const root = form.elements.namedItem("root").value.trim();
    if (!root) {
      box.replaceChildren();
      showErrors(form, []);
      return;
    }
    const answer = await ask("/api/datasets/preview", { root, import_spec: importSpec(form) });
    if (question !== asked || !answer) return;
    box.classList.toggle("wrong", !answer.ok || answer.body.pairs === 0);
    if (answer.ok) {
      showErrors(form, []);
      box.replaceChildren(...describe(answer.body));
    } else {
      const unplaced = showErrors(form, answer.body.error.fields);
      box.replaceChildren(...(unplaced.length || !answer.body.error.fields.length ? [paragraph(unplaced.join(" ") || answer.body.error.message)] : []));
    }
  };
  const soon = debounced(refresh);
  form.addEventListener("input", (event) => event.target.name !== "name" && soon());
  return refresh;
}

function place({ layout, images, masks, table }) {
  if (layout === "folders") return `in ${images}/ and ${masks}/`;
  if (layout === "table") return `named in ${table}`;
  if (layout === "stacks") return `of stacks, ${images} and ${masks}: each page becomes an item`;
  return images === "." ? "in one folder" : `in ${images}/`;
}

function describe(preview) {
  const problems = Object.entries(preview.problems).map(([code, count]) => `${count.toLocaleString("en")} ${WORDS[code] ?? code.replaceAll("-", " ")}`);
  const parts = [paragraph(`${counted(preview.pairs, "pair")} ${place(preview)}, ${counted(preview.groups, "acquisition")}${problems.length ? `; left out: ${problems.join(", ")}` : ""}.`)];
  if (preview.first_problems.length) {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "What is left out";
    const list = document.createElement("ul");
    for (const { message } of preview.first_problems) {
      const row = document.createElement("li");
      row.textContent = message;
      list.append(row);
    }
    details.append(summary, list);
    parts.push(details);
  }
  return parts;
}
