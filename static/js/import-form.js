// The fields of an import specification: which ones a layout needs, what they say as JSON, and errors beside them.

const PREFIX = "import_spec.";

/** @param {string} text @returns {(number|string)[]} labels; what is none stays text, so that the server says so */
function labels(text) {
  const found = [];
  for (const part of text.trim().replace(/\s*-\s*(?=\d)/g, "-").split(/[,;\s]+/)) {
    const match = /^(-?\d{1,10})(?:-(-?\d{1,10}))?$/.exec(part);
    const [first, last] = match ? [Number(match[1]), Number(match[2] ?? match[1])] : [0, -1];
    if (first > last && part) found.push(part);
    for (let label = first; label <= Math.min(last, first + 256); label += 1) found.push(label);
  }
  return found;
}

/** What a form says, as the JSON API takes it: fields that do not apply and empty ones are left out. @param {HTMLFormElement} form */
export function importSpec(form) {
  const data = new FormData(form);
  const spec = {};
  const tiled = data.has(`${PREFIX}tiling`);
  if (tiled) spec.tiling = {};
  for (const [name, value] of data) {
    if (!name.startsWith(PREFIX) || name === `${PREFIX}tiling` || value.trim() === "") continue;
    const [key, inner] = name.slice(PREFIX.length).split(".");
    if (key === "tiling" && !tiled) continue;
    if (inner === "foreground_labels") {
      if (data.get(`${PREFIX}mask.rule`) === "labels") (spec.mask ??= {}).foreground_labels = labels(data.getAll(name).join(","));
    } else if (inner) (spec[key] ??= {})[inner] = key === "tiling" && !Number.isNaN(Number(value)) ? Number(value) : value;
    else spec[key] = key === "recursive" ? true : value;
  }
  return spec;
}

/** Show only the fields that the chosen layout, rule and switches need. @param {HTMLFormElement} form */
export function showNeeded(form) {
  const layout = form.elements.namedItem(`${PREFIX}layout`)?.value;
  const rule = form.elements.namedItem(`${PREFIX}mask.rule`)?.value;
  const tiled = form.elements.namedItem(`${PREFIX}tiling`)?.checked;
  for (const field of form.querySelectorAll("[data-layouts]")) field.hidden = !field.dataset.layouts.split(" ").includes(layout);
  for (const field of form.querySelectorAll("[data-rules]")) field.hidden = !field.dataset.rules.split(" ").includes(rule);
  for (const field of form.querySelectorAll("[data-needs]")) field.hidden = !tiled;
}

/** Put errors beside their fields. @param {HTMLFormElement} form @param {{field: string, message: string}[]} fields @returns {string[]} messages without a place */
export function showErrors(form, fields) {
  const places = [...form.querySelectorAll("[data-error]")];
  for (const place of places) place.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  const unplaced = [];
  for (const { field, message } of fields) {
    const holders = places.filter(({ dataset }) => field === dataset.error || field.startsWith(`${dataset.error}.`));
    const place = holders.sort((a, b) => b.dataset.error.length - a.dataset.error.length)[0] ?? places.find(({ dataset }) => dataset.error.startsWith(`${field}.`));
    if (!place) {
      unplaced.push(message);
      continue;
    }
    place.textContent = message;
    const input = form.elements.namedItem(place.dataset.error);
    if (input instanceof HTMLElement) input.setAttribute("aria-invalid", "true");
    // An error must be seen, even if its field does not apply or the options are closed.
    place.closest(".field")?.removeAttribute("hidden");
    const options = place.closest("details");
    if (options) options.open = true;
  }
  return unplaced;
}

/** @param {string} path @param {any} body @returns {Promise<{ok: boolean, body: any}|null>} null without an answer */
export async function ask(path, body) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    return { ok: answer.ok, body: await answer.json() };
  } catch {
    return null;
  }
}

/** Call `refresh` a moment after the last of many inputs. @param {() => void} refresh */
export function debounced(refresh) {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 300);
  };
}

/** @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {string} text @param {string} className */
export function paragraph(text, className = "") {
  const element = document.createElement("p");
  element.textContent = text;
  element.className = className;
  return element;
}
