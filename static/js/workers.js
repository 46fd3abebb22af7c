// Workers and queue: the server draws the page, this replaces it when something changes.

import { follow } from "./live.js";
import { localiseTimes } from "./page.js";
import { redrawer } from "./redraw.js";

async function refresh() {
  const answer = await fetch("/workers");
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("workers-page");
  document.getElementById("workers-page").replaceWith(fresh);
  localiseTimes(fresh);
}
const soon = redrawer(refresh);
follow({
  cursor: document.getElementById("workers-page").dataset.cursor,
  query: "topic=all",
  onReset: async () => {
    await refresh();
    return document.getElementById("workers-page").dataset.cursor;
  },
  handlers: { workers: soon, run: soon },
});
