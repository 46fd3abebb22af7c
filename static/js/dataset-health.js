// The findings: thumbnails of what they name, and buttons that prepare the correction.

import { thumbnail } from "./gallery-pane.js";

/** Thumbnails of one finding. */
const SHOWN = 10;

/** Corrections that a finding suggests, by code. `names` are the items concerned. */
const SUGGESTIONS = {
  "mask-shifted": shiftBack,
  "mask-shifted-systematic": shiftBack,
  "mask-inverted": (edits, { items }) => ({ label: "Invert these masks", apply: () => edits.invert(items) }),
  "mask-empty": leaveOut,
  "mask-full": leaveOut,
  "image-constant": leaveOut,
  "image-saturated": leaveOut,
  "pairs-shuffled": leaveOut,
  "near-duplicate": (edits, { evidence, items }) => {
    const later = (evidence.pairs ?? []).map(([, second]) => second);
    const names = later.length ? [...new Set(later)] : items.slice(1);
    return { label: `Keep one of each, leave out ${names.length}`, apply: () => edits.drop(names) };
  },
  "foreground-outlier": leaveOut,
  "object-size-outlier": leaveOut,
};

function shiftBack(edits, { items, shift, shifts }) {
  const moves = Object.fromEntries(items.map((name) => [name, shifts[name] ?? shift]).filter(([, move]) => move));
  return { label: items.length === 1 ? "Shift this mask back" : "Shift these masks back", apply: () => edits.shift(moves) };
}

function leaveOut(edits, { items }) {
  return { label: items.length === 1 ? "Leave this item out" : "Leave these items out", apply: () => edits.drop(items) };
}

function button(label, onClick, className = "button") {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  element.textContent = label;
  element.addEventListener("click", onClick);
  return element;
}

/** Show the worst items of a finding. */
async function fillThumbnails(datasetId, list, finding, gallery) {
  const answer = await fetch(`/api/datasets/${datasetId}/items?finding=${finding.code}&limit=500`);
  if (!answer.ok) return;
  const { items } = await answer.json();
  const byName = new Map(items.map((item) => [item.name, item]));
  const worstFirst = finding.items.map((name) => byName.get(name)).filter(Boolean);
  list.replaceChildren(
    ...worstFirst.slice(0, SHOWN).map((item) => {
      const row = document.createElement("li");
      const open = button("", () => gallery.onOpen(item, gallery.left), "health-thumb");
      open.setAttribute("aria-label", item.name);
      open.title = item.name;
      open.append(thumbnail(item));
      row.append(open);
      return row;
    }),
  );
}

/** @param {number} datasetId @param {import("./dataset-edits.js").Edits} edits @param {import("./dataset-gallery.js").Gallery} gallery */
export function bindHealth(datasetId, edits, gallery) {
  const findings = JSON.parse(document.getElementById("dataset-findings").textContent);
  document.querySelectorAll(".health-item").forEach((row, index) => {
    const finding = findings[index];
    const thumbs = row.querySelector(".health-thumbs");
    if (!thumbs || finding?.code !== row.dataset.code) return;
    const actions = row.querySelector(".button-row");
    actions.append(button(`Show ${finding.items.length === 1 ? "it" : `all ${finding.items.length}`} in the gallery`, () => gallery.showFinding(finding.code)));
    const suggestion = SUGGESTIONS[finding.code]?.(edits, finding);
    if (suggestion) actions.append(button(suggestion.label, suggestion.apply, "button accent"));
    const details = row.querySelector("details");
    const fill = () => {
      if (details.open && !thumbs.children.length) fillThumbnails(datasetId, thumbs, finding, gallery);
    };
    details.addEventListener("toggle", fill);
    fill();
  });
}
