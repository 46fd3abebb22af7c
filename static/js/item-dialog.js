// One item, large: the mask can be moved and inverted over its image before that becomes a correction.

import { findingTitles } from "./dataset-gallery.js";

const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en", { maximumSignificantDigits: 4 }));

export class ItemDialog {
  /** @param {HTMLDialogElement} dialog @param {import("./dataset-edits.js").Edits} edits */
  constructor(dialog, edits) {
    this.dialog = dialog;
    this.edits = edits;
    this.labels = JSON.parse(document.getElementById("distributions").dataset.labels);
    this.titles = findingTitles();
    dialog.addEventListener("keydown", (event) => this._onKey(event));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  /** @param {any} item @param {import("./gallery-pane.js").GalleryPane} [pane] whose other items the arrow keys go through */
  open(item, pane) {
    this.item = item;
    this.pane = pane;
    const dialog = this.dialog;
    dialog.innerHTML = `
      <div class="item-view"><div class="item-picture"><img class="item-image" alt=""><span class="item-mask"></span></div></div>
      <div class="item-side">
        <div class="panel-head"><h2 id="item-title"></h2><button type="button" class="icon-button" data-do="close" aria-label="Close">✕</button></div>
        <p class="muted item-group"></p>
        <ul class="item-findings"></ul>
        <dl class="facts"></dl>
        <fieldset class="item-correction"><legend>Correction</legend>
          <div class="nudge"><label>Down <input type="number" data-shift="0" step="1"></label><label>Right <input type="number" data-shift="1" step="1"></label></div>
          <label class="switch"><input type="checkbox" data-do="invert"> invert the mask</label>
          <label class="switch"><input type="checkbox" data-do="drop"> leave the item out</label>
          <p class="field-help">Alt and the arrow keys move the mask; arrow keys alone go to the next item.</p>
        </fieldset>
        <label class="controls">Opacity <input type="range" min="0" max="1" step="0.05" value="0.5" data-do="opacity"></label>
        <div class="button-row"><button type="button" class="button" data-do="previous">← Previous</button><button type="button" class="button" data-do="next">Next →</button></div>
      </div>`;
    const find = (selector) => dialog.querySelector(selector);
    find("#item-title").textContent = item.name;
    find(".item-group").textContent = `${item.group} · ${item.width}×${item.height} · ${item.image_dtype}, mask ${item.mask_dtype}`;
    const image = find(".item-image");
    image.src = item.thumbnail_url;
    image.alt = `Image ${item.name}`;
    this.mask = find(".item-mask");
    find(".item-picture").style.aspectRatio = `${item.width} / ${item.height}`;
    find(".item-findings").replaceChildren(
      ...item.findings.map((code) => {
        const row = document.createElement("li");
        row.textContent = this.titles.get(code) ?? code;
        return row;
      }),
    );
    const facts = Object.entries(this.labels).map(([key, label]) => [label, { foreground_fraction: item.foreground_fraction, fractional_share: item.fractional_share }[key] ?? item.statistics[key]]);
    find(".facts").replaceChildren(
      ...facts.filter(([, value]) => value !== undefined && value !== null).map(([label, value]) => {
        const row = document.createElement("div");
        const term = document.createElement("dt");
        const description = document.createElement("dd");
        term.textContent = label;
        description.textContent = number(value);
        row.append(term, description);
        return row;
      }),
    );
    this._bind();
    this._show();
    if (!dialog.open) dialog.showModal();
    find("[data-do=next]").focus();
  }

  _bind() {
    const { dialog, edits, item } = this;
    for (const input of dialog.querySelectorAll("[data-shift]")) {
      input.addEventListener("input", () => {
        const shift = [...edits.correction(item.name).shift_mask];
        shift[Number(input.dataset.shift)] = Math.round(Number(input.value) || 0);
        edits.correct(item.name, { shift_mask: shift });
        this._show();
      });
    }
    const act = (name, kind, handler) => dialog.querySelector(`[data-do=${name}]`).addEventListener(kind, handler);
    act("invert", "change", (event) => {
      edits.correct(item.name, { invert_mask: event.target.checked });
      this._show();
    });
    act("drop", "change", (event) => edits.drop([item.name], { dropped: event.target.checked }));
    act("opacity", "input", (event) => this.mask.style.setProperty("opacity", event.target.value));
    act("previous", "click", () => this._step(-1));
    act("next", "click", () => this._step(1));
    act("close", "click", () => dialog.close());
  }

  _show() {
    const { item, edits, dialog } = this;
    const correction = edits.correction(item.name);
    const before = edits.present.corrected[item.name] ?? { shift_mask: [0, 0], invert_mask: false };
    dialog.querySelectorAll("[data-shift]").forEach((input, axis) => {
      if (document.activeElement !== input) input.value = correction.shift_mask[axis];
    });
    dialog.querySelector("[data-do=invert]").checked = correction.invert_mask;
    dialog.querySelector("[data-do=drop]").checked = edits.dropped.has(item.name);
    // The thumbnail holds this version's correction already: only the difference is shown on top.
    const move = (axis, size) => (100 * (correction.shift_mask[axis] - before.shift_mask[axis])) / size;
    this.mask.style.translate = `${move(1, item.width)}% ${move(0, item.height)}%`;
    const url = `url("${item.mask_thumbnail_url}")`;
    // A white layer that excludes the mask leaves its complement.
    this.mask.style.maskImage = correction.invert_mask === before.invert_mask ? url : `${url}, linear-gradient(#fff, #fff)`;
  }

  _onKey(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step || event.target.matches("input[type=number], input[type=range]")) return;
    event.preventDefault();
    if (event.altKey) {
      const [y, x] = this.edits.correction(this.item.name).shift_mask;
      this.edits.correct(this.item.name, { shift_mask: [y + step[0], x + step[1]] });
      this._show();
    } else if (step[1]) this._step(step[1]);
  }

  _step(by) {
    const items = this.pane?.items ?? [this.item];
    const index = items.findIndex((item) => item.name === this.item.name);
    const next = items[(index + by + items.length) % items.length];
    if (next) this.open(next, this.pane);
  }
}
