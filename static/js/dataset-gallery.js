// The gallery: items are loaded page by page as they come near the screen; sort and filters live in the address.

const PAGE_ITEMS = 120;
const INITIAL = { text: "", finding: "", sort: "name" };

/** The names that findings have in the page, by code. */
export function findingTitles() {
  return new Map([...document.querySelectorAll(".health-item")].map((row) => [row.dataset.code, row.querySelector("strong").textContent]));
}

/** A thumbnail with the mask laid over it as a CSS mask: the colour stays the style sheet's. */
export function thumbnail(item) {
  const frame = document.createElement("span");
  frame.className = "thumb";
  const image = document.createElement("img");
  image.src = item.thumbnail_url;
  image.alt = "";
  image.loading = "lazy";
  image.width = item.width;
  image.height = item.height;
  const mask = document.createElement("span");
  mask.className = "thumb-mask";
  mask.style.visibility = "visible";
  mask.style.maskImage = `url("${item.mask_thumbnail_url}")`;
  frame.append(image, mask);
  return frame;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export class Gallery {
  /**
   * @param {number} datasetId
   * @param {import("./dataset-edits.js").Edits} edits
   * @param {(item: any) => void} onOpen
   */
  constructor(datasetId, edits, onOpen) {
    this.datasetId = datasetId;
    this.edits = edits;
    this.onOpen = onOpen;
    this.list = document.getElementById("gallery");
    this.count = document.getElementById("gallery-count");
    this.titles = findingTitles();
    this.controls = {
      text: document.getElementById("gallery-text"),
      finding: document.getElementById("gallery-finding"),
      sort: document.getElementById("gallery-sort"),
    };
    this.masks = document.getElementById("overlay-toggle");
    this.items = [];
    this.total = Infinity;
    this.question = 0;
    this._restore();
    for (const control of Object.values(this.controls)) control.addEventListener("input", () => this.reload());
    this.masks.addEventListener("change", () => this._remember());
    edits.addEventListener("change", () => this._mark());
    this.ready = this._first().then(() => Promise.all([...this.list.querySelectorAll("img")].slice(0, 8).map((image) => image.decode().catch(() => null))));
    // Loads ahead of the screen, so that scrolling meets pictures.
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.loadMore(), { rootMargin: "900px" }).observe(document.getElementById("gallery-end"));
  }

  _restore() {
    const query = new URLSearchParams(location.search);
    for (const [name, control] of Object.entries(this.controls)) {
      const value = query.get(name);
      if (value !== null && (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value))) control.value = value;
    }
    this.masks.checked = query.get("masks") !== "off";
    this.list.classList.toggle("plain", !this.masks.checked);
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
    this.list.classList.toggle("plain", !this.masks.checked);
  }

  /** Show only what one finding names. @param {string} code */
  showFinding(code) {
    this.controls.finding.value = code;
    this.controls.text.value = "";
    this.reload();
    document.getElementById("items").scrollIntoView({ behavior: "smooth" });
  }

  /** Start over with the present filters. */
  async reload() {
    this._remember();
    this.question += 1;
    this.loading = false;
    this.items = [];
    this.total = Infinity;
    await this.loadMore({ replace: true });
  }

  /** The first items come with the page, unless the address asks for others. */
  _first() {
    const filtered = Object.entries(this.controls).some(([name, control]) => control.value !== INITIAL[name]);
    if (filtered) return this.loadMore();
    this._append(JSON.parse(document.getElementById("first-items").textContent), { replace: true });
    return Promise.resolve();
  }

  async loadMore({ replace = false } = {}) {
    if (this.loading || this.items.length >= this.total) return;
    this.loading = true;
    const question = this.question;
    const query = new URLSearchParams({ offset: this.items.length, limit: PAGE_ITEMS });
    for (const [name, control] of Object.entries(this.controls)) if (control.value) query.set(name, control.value);
    const answer = await fetch(`/api/datasets/${this.datasetId}/items?${query}`);
    if (question !== this.question) return;
    this.loading = false;
    const page = await answer.json();
    if (!answer.ok) {
      this.count.textContent = page.error.message;
      return;
    }
    this._append(page, { replace });
  }

  _append(page, { replace }) {
    this.total = page.total;
    const first = this.items.length;
    this.items.push(...page.items);
    const rows = page.items.map((item, index) => this._row(item, first + index));
    if (replace) this.list.replaceChildren(...rows);
    else this.list.append(...rows);
    const all = Number(document.getElementById("items").dataset.total);
    this.count.textContent = page.total === all ? `${all} items` : `${page.total} of ${all} items`;
    if (!page.total) this.count.textContent = "No item matches. Change the filters.";
    this._mark();
  }

  _row(item, index) {
    const row = document.createElement("li");
    row.dataset.name = item.name;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "gallery-item";
    button.setAttribute("aria-label", `${item.name}, foreground ${percent(item.foreground_fraction)}${item.findings.length ? `, ${item.findings.length} findings` : ""}`);
    button.title = item.name;
    button.addEventListener("click", () => this.onOpen(this.items[index]));
    const name = document.createElement("span");
    name.className = "thumb-name";
    name.textContent = item.name;
    const facts = document.createElement("span");
    facts.className = "muted thumb-facts";
    facts.textContent = this._fact(item);
    button.append(thumbnail(item), name, facts);
    if (item.findings.length) {
      const flag = document.createElement("span");
      flag.className = "thumb-flag";
      flag.title = item.findings.map((code) => this.titles.get(code) ?? code).join(", ");
      flag.textContent = item.findings.length;
      button.append(flag);
    }
    row.append(button);
    return row;
  }

  _fact(item) {
    const key = this.controls.sort.value.replace("-", "");
    const value = item.statistics[key];
    if (["name", "group", "foreground_fraction"].includes(key) || value === undefined || value === null) return percent(item.foreground_fraction);
    return `${Number(value).toLocaleString("en", { maximumSignificantDigits: 3 })}`;
  }

  _mark() {
    for (const row of this.list.children) {
      const words = this.edits.describe(row.dataset.name);
      row.classList.toggle("edited", Boolean(words));
      row.dataset.edit = words;
    }
  }
}
