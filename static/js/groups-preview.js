// Which acquisitions a group pattern makes, shown while it is typed.

import { ask, counted, debounced, paragraph, showErrors } from "./import-form.js";

const FIELD = "import_spec.group_pattern";

/**
 * Keep the preview of a form up to date.
 * @param {HTMLFormElement} form
 * @param {() => ({dataset_id?: number, root?: string, import_spec?: object}|null)} place what to try the pattern on; null for nothing yet
 * @param {{noun: string}} options what is counted
 * @returns {() => void} refreshes it
 */
export function previewGroups(form, place, { noun }) {
  const box = form.querySelector("[data-groups-preview]");
  const input = form.elements.namedItem(FIELD);
  let asked = 0;
  const refresh = async () => {
    const where = place();
    const question = ++asked;
    if (!where) {
      box.replaceChildren();
      return;
    }
    const answer = await ask("/api/datasets/groups/preview", { pattern: input.value, ...where });
    if (question !== asked) return;
    if (!answer?.ok) {
      const fields = answer?.body.error.fields.filter(({ field }) => [FIELD, "pattern"].includes(field)) ?? [];
      if (fields.length) showErrors(form, fields.map(({ message }) => ({ field: FIELD, message })));
      box.replaceChildren();
      return;
    }
    showErrors(form, []);
    box.replaceChildren(...describe(answer.body, noun));
  };
  input.addEventListener("input", debounced(refresh));
  return refresh;
}

function describe(preview, noun) {
  const more = preview.groups_total - preview.groups.length;
  const list = document.createElement("ul");
  for (const { name, count } of preview.groups) {
    const row = document.createElement("li");
    const [label, number] = [document.createElement("span"), document.createElement("span")];
    label.textContent = name;
    number.textContent = counted(count, noun);
    number.className = "muted";
    row.append(label, number);
    list.append(row);
  }
  const unmatched = preview.unmatched ? ` The pattern does not match ${counted(preview.unmatched, "name")}: these keep the group of their name.` : "";
  return [paragraph(`${counted(preview.groups_total, "acquisition")}.${unmatched}`, "muted"), list, ...(more > 0 ? [paragraph(`… and ${more} more.`, "muted")] : [])];
}
