// How the items' numbers are distributed: one histogram each, coloured by what may explain it.

import { toNumber } from "./format.js";

const SHOWN = ["foreground_fraction", "object_count", "object_area_median", "image_mean", "contrast", "sharpness"];
const MOST_CLASSES = 6;
const BINS = 24;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const HUES = ["accent", "attention-unet", "attention-resunet", "unet", "false", "baseline"];

/** The classes that items are coloured by: the most frequent ones, and the rest together. */
function classesOf(columns, key) {
  if (!key) return new Map([["all items", columns.group.map((_, index) => index)]]);
  const members = new Map();
  columns[key].forEach((value, index) => members.set(value, [...(members.get(value) ?? []), index]));
  const bySize = [...members].sort((a, b) => b[1].length - a[1].length);
  if (bySize.length <= MOST_CLASSES) return new Map(bySize);
  const rest = bySize.slice(MOST_CLASSES - 1);
  return new Map([...bySize.slice(0, MOST_CLASSES - 1), [`${rest.length} others`, rest.flatMap(([, indices]) => indices)]]);
}

function quantile(sorted, share) {
  const position = (sorted.length - 1) * share;
  const low = Math.floor(position);
  return sorted[low] + (sorted[Math.ceil(position)] - sorted[low]) * (position - low);
}

const text = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

function drawOne(element, { values, classes, title }) {
  const finite = values.filter((value) => Number.isFinite(value));
  if (!finite.length) return [];
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const size = (high - low || 1) / BINS;
  const rows = [];
  const traces = [...classes].map(([label, indices], number) => {
    const own = indices.map((index) => values[index]).filter((value) => Number.isFinite(value));
    const sorted = [...own].sort((a, b) => a - b);
    if (sorted.length) rows.push([title, label, own.length, text(sorted[0]), text(quantile(sorted, 0.5)), text(sorted.at(-1))]);
    return { type: "histogram", x: own, name: label, xbins: { start: low, end: high + size / 1000, size }, marker: { color: colour(HUES[number % HUES.length]) }, hovertemplate: `%{y} items at %{x}<extra>${label}</extra>` };
  });
  const axis = { gridcolor: colour("line"), zeroline: false, tickfont: { size: 11 }, automargin: true };
  window.Plotly.react(
    element,
    traces,
    {
      barmode: "stack", bargap: 0.06, margin: { l: 34, r: 8, t: 26, b: 26 }, height: 168, showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "inherit", color: colour("ink-soft"), size: 11.5 },
      title: { text: title, x: 0, xanchor: "left", y: 0.98, yanchor: "top", font: { size: 12.5, color: colour("ink") } },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("ink") } },
      xaxis: axis, yaxis: { ...axis, dtick: undefined, rangemode: "tozero" },
    },
    { displayModeBar: false, responsive: true, showSendToCloud: false },
  );
  element.setAttribute("aria-label", `${title}: ${text(low)} to ${text(high)}, median ${text(quantile([...finite].sort((a, b) => a - b), 0.5))}, ${finite.length} items.`);
  return rows;
}

function showTable(rows) {
  const table = document.createElement("table");
  const body = table.createTBody();
  const head = table.createTHead().insertRow();
  for (const title of ["Number", "Class", "Items", "Least", "Median", "Most"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    head.append(cell);
  }
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) line.insertCell().textContent = value;
  }
  document.getElementById("distribution-table").replaceChildren(table);
}

/** Load Plotly when it is needed: on this page it comes last. @param {string} address */
function loadPlotly(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}

/** @param {number} datasetId */
export async function drawDistributions(datasetId) {
  const grid = document.getElementById("distributions");
  await loadPlotly(grid.dataset.plotly);
  const labels = JSON.parse(grid.dataset.labels);
  const choice = document.getElementById("distribution-colour");
  const answer = await fetch(`/api/datasets/${datasetId}/statistics`);
  if (!answer.ok) return;
  const { columns } = await answer.json();
  const numbers = Object.fromEntries(SHOWN.map((key) => [key, (columns[key] ?? []).map((value) => toNumber(value) ?? NaN)]));
  const query = new URLSearchParams(location.search);
  if (["family", "group"].includes(query.get("colour"))) choice.value = query.get("colour");
  const charts = new Map(SHOWN.map((key) => {
    const element = document.createElement("div");
    element.className = "distribution";
    element.setAttribute("role", "img");
    grid.append(element);
    return [key, element];
  }));
  const legend = document.createElement("p");
  legend.className = "legend";
  grid.after(legend);
  const draw = () => {
    const classes = classesOf(columns, choice.value);
    // A number that was measured of no item has no chart: its place goes to the others before they are drawn.
    for (const [key, element] of charts) element.hidden = !numbers[key].some((value) => Number.isFinite(value));
    showTable([...charts].flatMap(([key, element]) => drawOne(element, { values: numbers[key], classes, title: labels[key] })));
    legend.replaceChildren(
      ...(choice.value ? [...classes.keys()] : []).map((label, number) => {
        const entry = document.createElement("span");
        const swatch = document.createElement("span");
        swatch.className = "swatch";
        swatch.style.background = colour(HUES[number % HUES.length]);
        entry.append(swatch, label);
        return entry;
      }),
    );
  };
  choice.addEventListener("change", () => {
    const url = new URL(location.href);
    if (choice.value) url.searchParams.set("colour", choice.value);
    else url.searchParams.delete("colour");
    history.replaceState(null, "", url);
    draw();
  });
  window.addEventListener("segscope:theme", draw);
  draw();
}
