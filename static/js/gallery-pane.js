// One column of the gallery: items are loaded page by page as they come near the screen.

const PAGE_ITEMS = 120;

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

export class GalleryPane {
  /**
   * @param {HTMLElement} root holds the list, the count and the end mark
   * @param {{datasetId: number, total: number, edits: import("./dataset-edits.js").Edits, titles: Map<string, string>, onOpen: (item: any, pane: GalleryPane) => void}} gallery
   */
  constructor(root, gallery) {
    Object.assign(this, gallery);
    this.root = root;
    this.list = root.querySelector(".gallery");
    this.count = root.querySelector(".gallery-count");
    this.query = {};
    this.items = [];
    this.matching = Infinity;
    this.question = 0;
    this.edits.addEventListener("change", () => this._mark());
    // Loads ahead of the screen, so that scrolling meets pictures.
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.question && this.loadMore(), { rootMargin: "900px" }).observe(root.querySelector(".gallery-end"));
  }

  /** Start over. @param {Record<string, string>} query @param {any} [first] the first items, where they are known already */
  async show(query, first) {
    this.query = query;
    this.question += 1;
    this.loading = false;
    this.items = [];
    this.matching = Infinity;
    if (first) this._append(first, { replace: true });
    else await this.loadMore({ replace: true });
    await Promise.all([...this.list.querySelectorAll("img")].slice(0, 8).map((image) => image.decode().catch(() => null)));
  }

  async loadMore({ replace = false } = {}) {
    if (this.loading || this.items.length >= this.matching) return;
    this.loading = true;
    const question = this.question;
    const query = new URLSearchParams({ ...this.query, offset: this.items.length, limit: PAGE_ITEMS });
    const answer = await fetch(`/api/datasets/${this.datasetId}/items?${query}`).catch(() => null);
    if (question !== this.question) return;
    this.loading = false;
    const page = await answer?.json();
    if (!answer?.ok) {
      this.matching = this.items.length;
      if (replace) this.list.replaceChildren();
      this.count.textContent = page?.error?.message ?? "The server did not answer. Reload the page.";
      return;
    }
    this._append(page, { replace });
  }

  _append(page, { replace }) {
    this.matching = page.total;
    const first = this.items.length;
    this.items.push(...page.items);
    const rows = page.items.map((item, index) => this._row(item, first + index));
    if (replace) this.list.replaceChildren(...rows);
    else this.list.append(...rows);
    const some = page.total === this.total ? `${this.total} items` : `${page.total} of ${this.total} items`;
    this.count.textContent = page.total ? some : "No item matches. Change the filters.";
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
    button.addEventListener("click", () => this.onOpen(this.items[index], this));
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

  /** The number that the gallery is sorted by, or the foreground. */
  _fact(item) {
    const key = (this.query.sort ?? "").replace("-", "");
    const value = item.statistics[key];
    if (key === "foreground_fraction" || value === undefined || value === null) return percent(item.foreground_fraction);
    return Number(value).toLocaleString("en", { maximumSignificantDigits: 3 });
  }

  _mark() {
    for (const row of this.list.children) {
      const words = this.edits.describe(row.dataset.name);
      row.classList.toggle("edited", Boolean(words));
      row.dataset.edit = words;
    }
  }
}
