// The split before the launch: what both sides hold, what they share, and which split is recommended.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 288;
const HEIGHT = 34;

const percent = (value) => `${(100 * value).toFixed(1)}\u00a0%`;
const range = (values) => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? String(low) : `${low} to ${high}`;
};
const verb = (count, one, many) => (count === 1 ? one : many);

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Bars are shares of the side, so that sides of different size can be compared. */
function histogram(side, { top, width, label }) {
  const bar = width / side.histogram.length;
  const bars = side.histogram.map((count, bin) => {
    const height = count ? Math.max(1.5, (count / side.items / top) * HEIGHT) : 0;
    return svg("rect", { x: bin * bar + 0.75, y: HEIGHT - height, width: bar - 1.5, height, rx: 1 });
  });
  const mark = (side.foreground_mean / side.edge) * width;
  return svg(
    "svg",
    { viewBox: `0 -1 ${width} ${HEIGHT + 2}`, class: "split-histogram", role: "img", "aria-label": label, preserveAspectRatio: "none" },
    ...bars,
    svg("path", { class: "split-ground", d: `M0 ${HEIGHT}H${width}` }),
    svg("path", { class: "split-mean", d: `M${mark.toFixed(1)} -1V${HEIGHT}` }),
  );
}

function sideFigure(name, side, { top, kind, small = false }) {
  const items = `${side.items} ${verb(side.items, "item", "items")}`;
  const spread = `${percent(side.foreground_mean)} ± ${percent(side.foreground_std)}`;
  const caption = element("figcaption", "", element("span", "split-side", name), element("span", "muted", `${items}, ${small ? percent(side.foreground_mean) : spread}`));
  return element("figure", `split-figure ${kind}`, caption, histogram(side, { top, width: small ? WIDTH / 2 : WIDTH, label: `Foreground of ${name}: ${items}, ${spread}` }));
}

function histograms(split) {
  const edge = split.edges.at(-1);
  const folds = split.folds.map(({ training, validation }) => ({ training: { ...training, edge }, validation: { ...validation, edge } }));
  const sides = folds.flatMap(({ training, validation }) => [training, validation]);
  const top = Math.max(...sides.flatMap((side) => side.histogram.map((count) => count / side.items)));
  const figures = element("div", "split-figures");
  if (folds.length === 1) {
    figures.append(sideFigure("training", folds[0].training, { top, kind: "trains" }), sideFigure("validation", folds[0].validation, { top, kind: "validates" }));
  } else {
    figures.classList.add("folds");
    folds.forEach((fold, index) => figures.append(sideFigure(`fold ${index + 1}`, fold.validation, { top, kind: "validates", small: true })));
  }
  const axis = element("p", "split-axis muted", element("span", "", "0\u00a0%"), element("span", "", folds.length > 1 ? "foreground that validates; dashed: mean" : "foreground; dashed: mean"), element("span", "", percent(edge)));
  figures.append(axis);
  return figures;
}

function counts(split) {
  const { folds, test_items: test, unused_items: unused } = split;
  const train = range(folds.map((fold) => fold.training.items));
  const validate = range(folds.map((fold) => fold.validation.items));
  const parts = [folds.length > 1 ? `${folds.length} folds: ${train} items train, ${validate} validate.` : `${train} ${verb(folds[0].training.items, "item trains", "items train")}, ${validate} ${verb(folds[0].validation.items, "validates", "validate")}.`];
  if (test) parts.push(`${test} ${verb(test, "is", "are")} held out to test; which, is shown only when you ask.`);
  if (unused) parts.push(`${unused} ${verb(unused, "is", "are")} in no list.`);
  const groups = folds.length === 1 ? [folds[0].training.groups, folds[0].validation.groups] : null;
  if (groups) parts.push(`They come from ${groups[0]} and ${groups[1]} ${verb(groups[1], "acquisition", "acquisitions")}.`);
  return element("p", "", parts.join(" "));
}

function leakageNotes({ messages, groups, overlapping_tiles: tiles, near_duplicates: duplicates }) {
  if (!messages.length) return [];
  const note = element("div", "preview-note split-leakage", ...messages.map((message) => element("p", "", message)));
  note.setAttribute("role", "status");
  const lines = [
    ...groups.map((group) => `${group.name}: ${group.training} train, ${group.validation} validate`),
    ...tiles.map(([one, other]) => `${one} overlaps ${other}`),
    ...duplicates.map(([one, other]) => `${one} is like ${other}`),
  ];
  if (lines.length) {
    note.append(element("details", "", element("summary", "", "Which"), element("ul", "split-shared", ...lines.map((line) => element("li", "", line)))));
  }
  return [note];
}

function recommendationNote(recommendation, use) {
  const { label, folds, reason, chosen } = recommendation;
  const name = folds > 1 ? `${label}, ${folds} folds` : label;
  const note = element("p", "split-advice", element("strong", "", chosen ? `As recommended: ${name}.` : `Recommended: ${name}.`), ` ${reason}`);
  if (!chosen) {
    const button = element("button", "link-button", "Use it");
    button.type = "button";
    button.setAttribute("aria-label", `Use ${name}`);
    button.addEventListener("click", () => use(recommendation));
    note.append(" ", button);
  }
  return note;
}

/**
 * @param {any} split the preview's `split`
 * @param {{use: (recommendation: {strategy: string, folds: number}) => void}} actions
 * @returns {HTMLElement[]}
 */
export function splitPreview(split, { use }) {
  return [counts(split), histograms(split), ...leakageNotes(split.leakage), recommendationNote(split.recommendation, use)];
}
