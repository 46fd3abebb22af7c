// The gallery: one column, or training beside validation; sort, filters and sides live in the address.

import { GalleryPane } from "./gallery-pane.js";

const INITIAL = { text: "", finding: "", sort: "name", side: "", strategy: "random" };

/** The names that findings have in the page, by code. */
export function findingTitles() {
  return new Map([...document.querySelectorAll(".health-item")].map((row) => [row.dataset.code, row.querySelector("strong").textContent]));
}

export class Gallery {
  /**
   * @param {number} datasetId
   * @param {import("./dataset-edits.js").Edits} edits
   * @param {(item: any, pane: GalleryPane) => void} onOpen
   */
  constructor(datasetId, edits, onOpen) {
    this.onOpen = onOpen;
    this.controls = Object.fromEntries(Object.keys(INITIAL).map((name) => [name, document.getElementById(`gallery-${name}`)]));
    this.masks = document.getElementById("overlay-toggle");
    this.section = document.getElementById("items");
    const shared = { datasetId, edits, onOpen, titles: findingTitles(), total: Number(this.section.dataset.total) };
    [this.left, this.right] = [...document.querySelectorAll(".gallery-pane")].map((root) => new GalleryPane(root, shared));
    this._restore();
    for (const control of Object.values(this.controls)) control.addEventListener("input", () => this.show());
    this.masks.addEventListener("change", () => this._remember());
    const unfiltered = Object.entries(this.controls).every(([name, control]) => control.value === INITIAL[name]);
    // The first items come with the page, unless the address asks for others.
    this.ready = this.show(unfiltered ? JSON.parse(document.getElementById("first-items").textContent) : undefined);
  }

  _restore() {
    const query = new URLSearchParams(location.search);
    for (const [name, control] of Object.entries(this.controls)) {
      const value = query.get(name);
      if (value !== null && (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value))) control.value = value;
    }
    this.masks.checked = query.get("masks") !== "off";
  }

  _remember() {
    const url = new URL(location.href);
    for (const [name, control] of Object.entries(this.controls)) {
      if (control.value === INITIAL[name]) url.searchParams.delete(name);
      else url.searchParams.set(name, control.value);
    }
    if (this.masks.checked) url.searchParams.delete("masks");
    else url.searchParams.set("masks", "off");
    history.replaceState(null, "", url);
    this.section.classList.toggle("plain", !this.masks.checked);
  }

  /** Show only what one finding names. @param {string} code */
  showFinding(code) {
    this.controls.finding.value = code;
    this.controls.text.value = "";
    this.show();
    this.section.scrollIntoView({ behavior: "smooth" });
  }

  /** Show what the controls ask for. @param {any} [first] */
  async show(first) {
    this._remember();
    const { side, strategy, ...rest } = Object.fromEntries(Object.entries(this.controls).map(([name, control]) => [name, control.value]));
    const filters = Object.fromEntries(Object.entries(rest).filter(([, value]) => value));
    const both = side === "both";
    this.controls.strategy.hidden = !side;
    this.section.classList.toggle("side-by-side", both);
    for (const heading of this.section.querySelectorAll(".gallery-pane h3")) heading.hidden = !both;
    this.right.root.hidden = !both;
    const of = (name) => ({ ...filters, ...(name ? { side: name, strategy } : {}) });
    const showing = [this.left.show(of(both ? "training" : side), first)];
    if (both) showing.push(this.right.show(of("validation")));
    await Promise.all(showing);
  }
}
