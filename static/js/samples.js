// The four validation samples: image, mask and prediction are composed here, so sliders need no request.

import { jaccard as formatJaccard } from "./format.js";

/** @param {string} url @returns {Promise<ImageData>} */
async function loadPixels(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  // Colour management must not touch probabilities.
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

function rgb(name) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const hex = parseInt(probe.fillStyle.slice(1), 16);
  return [hex >> 16, (hex >> 8) & 255, hex & 255];
}

export class SamplePanel {
  /** @param {HTMLElement} element @param {any[]} items @param {any[]} samples */
  constructor(element, items, samples) {
    this.grid = element.querySelector("#sample-grid");
    this.controls = element.querySelector("#sample-controls");
    this.caption = element.querySelector("#samples-epoch");
    this.cache = new Map();
    this.sliders = Object.fromEntries(["epoch", "threshold", "opacity"].map((name) => [name, element.querySelector(`#${name}-slider`)]));
    this.outputs = Object.fromEntries(["epoch", "threshold", "opacity"].map((name) => [name, element.querySelector(`#${name}-value`)]));
    const query = new URLSearchParams(location.search);
    if (query.has("threshold")) this.sliders.threshold.value = String(Math.round(Number(query.get("threshold")) * 256));
    this.following = !query.has("epoch");
    this.wantedEpoch = Number(query.get("epoch")) || 0;
    this.sliders.epoch.addEventListener("input", () => {
      this.following = Number(this.sliders.epoch.value) === this.epochs.length;
      this.show();
      this.remember();
    });
    for (const name of ["threshold", "opacity"]) {
      this.sliders[name].addEventListener("input", () => {
        this.compose();
        this.remember();
      });
    }
    window.addEventListener("segscope:theme", () => this.compose());
    this.load(items, samples);
  }

  load(items, samples) {
    this.items = items;
    /** @type {Map<number, Map<number, any>>} epoch → item → sample */
    this.samples = new Map();
    for (const sample of samples) this.add(sample);
    this.refresh();
  }

  add(sample) {
    if (!this.samples.has(sample.epoch)) this.samples.set(sample.epoch, new Map());
    this.samples.get(sample.epoch).set(sample.item_id, sample);
  }

  rewind(epoch) {
    for (const known of [...this.samples.keys()]) if (known > epoch) this.samples.delete(known);
    this.refresh();
  }

  get epochs() {
    return [...this.samples.keys()].sort((a, b) => a - b);
  }

  get epoch() {
    return this.epochs[Number(this.sliders.epoch.value) - 1];
  }

  refresh() {
    const { epochs } = this;
    if (!epochs.length || !this.items.length) return;
    this.controls.hidden = false;
    this.sliders.epoch.max = String(epochs.length);
    if (this.following) this.sliders.epoch.value = String(epochs.length);
    else if (this.wantedEpoch) {
      this.sliders.epoch.value = String(Math.max(1, epochs.indexOf(this.wantedEpoch) + 1));
      this.wantedEpoch = 0;
    }
    if (this.grid.children.length !== this.items.length || !this.figures) this.build();
    this.show();
  }

  build() {
    this.figures = this.items.map((item) => {
      const figure = document.createElement("figure");
      figure.className = "sample";
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      const caption = document.createElement("figcaption");
      const name = document.createElement("span");
      name.textContent = name.title = item.name;
      const score = document.createElement("b");
      caption.append(name, score);
      figure.append(canvas, caption);
      return { item, figure, canvas, score };
    });
    this.grid.replaceChildren(...this.figures.map(({ figure }) => figure));
  }

  pixels(url) {
    if (!this.cache.has(url)) {
      const loading = loadPixels(url);
      loading.catch(() => this.cache.delete(url));
      this.cache.set(url, loading);
      if (this.cache.size > 400) this.cache.delete(this.cache.keys().next().value);
    }
    return this.cache.get(url);
  }

  async show() {
    const { epoch } = this;
    const wanted = this.samples.get(epoch);
    if (!wanted) return;
    const loaded = await Promise.all(
      this.figures.map(async (entry) => {
        const sample = wanted.get(entry.item.item_id);
        if (!sample) return null;
        return { ...entry, image: await this.pixels(entry.item.image_url), mask: await this.pixels(entry.item.mask_url), probability: await this.pixels(sample.url) };
      }),
    );
    // The slider may have moved on while the pictures came.
    if (epoch !== this.epoch) return;
    this.loaded = loaded.filter(Boolean);
    this.shownEpoch = epoch;
    this.compose();
  }

  compose() {
    const threshold = Number(this.sliders.threshold.value);
    const opacity = Number(this.sliders.opacity.value) / 100;
    this.outputs.threshold.textContent = (threshold / 256).toFixed(2);
    this.outputs.opacity.textContent = `${Math.round(100 * opacity)} %`;
    this.outputs.epoch.textContent = String(this.shownEpoch ?? "");
    this.caption.textContent = this.shownEpoch ? `epoch ${this.shownEpoch}${this.following ? ", following" : ""}` : "";
    const colours = { tp: rgb("found"), fp: rgb("false"), fn: rgb("missed") };
    for (const entry of this.loaded ?? []) composeOne(entry, { threshold, opacity, colours });
  }

  /** Put epoch and threshold into the address, so that the view can be shared. */
  remember() {
    const url = new URL(location.href);
    if (this.following) url.searchParams.delete("epoch");
    else url.searchParams.set("epoch", String(this.epoch));
    url.searchParams.set("threshold", String(Number(this.sliders.threshold.value) / 256));
    history.replaceState(null, "", url);
  }
}

function composeOne({ canvas, score, item, image, mask, probability }, { threshold, opacity, colours }) {
  const { width, height } = image;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const out = new ImageData(new Uint8ClampedArray(image.data), width, height);
  let tp = 0;
  let fp = 0;
  let fn = 0;
  for (let index = 0; index < out.data.length; index += 4) {
    const actual = mask.data[index] > 127;
    const predicted = probability.data[index] >= threshold;
    if (!actual && !predicted) continue;
    const colour = actual ? (predicted ? colours.tp : colours.fn) : colours.fp;
    if (actual && predicted) tp += 1;
    else if (actual) fn += 1;
    else fp += 1;
    for (let channel = 0; channel < 3; channel += 1) {
      out.data[index + channel] += (colour[channel] - out.data[index + channel]) * opacity;
    }
  }
  canvas.getContext("2d").putImageData(out, 0, 0);
  const union = tp + fp + fn;
  const value = union ? tp / union : 1;
  score.textContent = formatJaccard(value);
  canvas.setAttribute("aria-label", `${item.name}: Jaccard ${formatJaccard(value)}; ${tp} pixels found, ${fp} false, ${fn} missed.`);
}
