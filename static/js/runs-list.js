// The list of runs refreshes its rows when something changes, and filters while one types.

import { follow } from "./live.js";
import { localiseTimes } from "./page.js";
import { redrawer } from "./redraw.js";

const rows = document.getElementById("run-rows");
const form = document.getElementById("run-filters");

async function refresh() {
  const answer = await fetch(`/runs?${new URLSearchParams(new FormData(form))}`, { headers: { "x-segscope-fragment": "rows" } });
  if (!answer.ok) return;
  const focused = document.activeElement?.closest("tr")?.dataset.run;
  rows.innerHTML = await answer.text();
  localiseTimes(rows);
  if (focused) rows.querySelector(`tr[data-run="${focused}"] a`)?.focus();
}

const soon = redrawer(refresh);
let typing = 0;
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", `/runs?${query}`);
    refresh();
  }, 150);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  refresh();
});
follow({
  cursor: document.getElementById("runs-table").dataset.cursor,
  query: "topic=all",
  onReset: async () => {
    location.reload();
    return "0-0";
  },
  handlers: { run: soon },
});
