// Corrections that are prepared here and become a new version of the dataset when the person says so.

const UNCHANGED = { mask_threshold: null, invert_mask: false, shift_mask: [0, 0] };

const isUnchanged = (correction) => correction.mask_threshold === null && !correction.invert_mask && correction.shift_mask[0] === 0 && correction.shift_mask[1] === 0;

export class Edits extends EventTarget {
  /**
   * @param {number} datasetId
   * @param {{dropped: string[], corrected: Record<string, any>}} present what this version changes already
   */
  constructor(datasetId, present) {
    super();
    this.datasetId = datasetId;
    this.present = present;
    this.key = `segscope-edits-${datasetId}`;
    // Prepared changes outlive a reload of the tab: they may be an hour of looking.
    const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    this.dropped = new Set(kept?.dropped ?? []);
    this.corrected = new Map(Object.entries(kept?.corrected ?? {}));
    document.getElementById("edit-discard").addEventListener("click", () => this.discard());
    document.getElementById("edit-create").addEventListener("click", () => this.createVersion());
    this._show();
  }

  /** How an item will be read. @param {string} name */
  correction(name) {
    return this.corrected.get(name) ?? this.present.corrected[name] ?? UNCHANGED;
  }

  /** What is prepared for an item, in words; empty if nothing is. @param {string} name */
  describe(name) {
    if (this.dropped.has(name)) return "left out";
    const correction = this.corrected.get(name);
    if (!correction) return "";
    const words = [];
    if (correction.invert_mask) words.push("inverted");
    if (correction.shift_mask[0] || correction.shift_mask[1]) words.push(`shifted (${correction.shift_mask.join(", ")})`);
    if (correction.mask_threshold !== null) words.push(`cut at ${correction.mask_threshold}`);
    return words.join(", ") || "as in the file";
  }

  drop(names, { dropped = true } = {}) {
    for (const name of names) this.dropped[dropped ? "add" : "delete"](name);
    this._changed();
  }

  /** @param {string} name @param {Partial<typeof UNCHANGED>} change */
  correct(name, change) {
    this._set(name, { ...this.correction(name), ...change });
    this._changed();
  }

  /** Move masks by what was measured, on top of what they were moved by already. @param {Record<string, [number, number]>} shifts */
  shift(shifts) {
    for (const [name, [dy, dx]] of Object.entries(shifts)) {
      const [y, x] = this.present.corrected[name]?.shift_mask ?? [0, 0];
      this._set(name, { ...this.correction(name), shift_mask: [y + dy, x + dx] });
    }
    this._changed();
  }

  invert(names) {
    for (const name of names) {
      const before = this.present.corrected[name]?.invert_mask ?? false;
      this._set(name, { ...this.correction(name), invert_mask: !before });
    }
    this._changed();
  }

  _set(name, correction) {
    const before = this.present.corrected[name] ?? UNCHANGED;
    if (JSON.stringify(before) === JSON.stringify(correction)) this.corrected.delete(name);
    else this.corrected.set(name, correction);
  }

  discard() {
    this.dropped.clear();
    this.corrected.clear();
    this._changed();
  }

  /** All that the new version will change against the files. */
  cumulative() {
    const dropped = new Set([...this.present.dropped, ...this.dropped]);
    const corrected = { ...this.present.corrected, ...Object.fromEntries(this.corrected) };
    for (const [name, correction] of Object.entries(corrected)) if (dropped.has(name) || isUnchanged(correction)) delete corrected[name];
    return { dropped: [...dropped].sort(), corrected };
  }

  async createVersion() {
    const button = document.getElementById("edit-create");
    const error = document.getElementById("edit-error");
    button.disabled = true;
    const answer = await fetch(`/api/datasets/${this.datasetId}/versions`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ edits: this.cumulative() }) }).catch(() => null);
    const body = await answer?.json();
    if (answer?.ok) {
      sessionStorage.removeItem(this.key);
      location.assign(`/datasets/${body.id}`);
      return;
    }
    button.disabled = false;
    error.textContent = body?.error?.message ?? "The server did not answer. Your changes are kept; try again.";
  }

  _changed() {
    sessionStorage.setItem(this.key, JSON.stringify({ dropped: [...this.dropped], corrected: Object.fromEntries(this.corrected) }));
    this._show();
    this.dispatchEvent(new Event("change"));
  }

  _show() {
    const corrected = [...this.corrected.keys()].filter((name) => !this.dropped.has(name)).length;
    document.getElementById("edit-bar").hidden = !this.dropped.size && !corrected;
    const parts = [];
    if (this.dropped.size) parts.push(`${this.dropped.size} left out`);
    if (corrected) parts.push(`${corrected} corrected`);
    document.getElementById("edit-summary").textContent = `Changes for a new version: ${parts.join(", ")}.`;
    document.getElementById("edit-error").textContent = "";
  }
}
