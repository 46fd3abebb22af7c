// The page of one dataset: progress while it is read, then the gallery.

import { follow } from "./live.js";

const article = document.getElementById("dataset");
const id = Number(article.dataset.dataset);

if (["queued", "indexing"].includes(article.dataset.state)) {
  const reload = async () => {
    location.reload();
    return "0-0";
  };
  follow({
    cursor: article.dataset.cursor,
    query: "topic=all",
    onReset: reload,
    handlers: {
      dataset: ({ dataset }) => {
        if (dataset.id !== id) return;
        if (!["queued", "indexing"].includes(dataset.state)) reload();
        document.getElementById("index-progress").value = dataset.progress;
        document.getElementById("index-text").textContent = dataset.state === "queued" ? "Waiting for a worker." : `Every image and mask is opened once: ${Math.round(100 * dataset.progress)} %.`;
      },
    },
  });
}

const gallery = document.getElementById("gallery");
if (gallery) {
  // Masks are laid over as CSS masks once they are near the screen: the colour stays the style sheet's.
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      target.style.visibility = "visible";
      target.style.maskImage = `url("${target.dataset.mask}")`;
      near.unobserve(target);
    }
  }, { rootMargin: "300px" });
  gallery.querySelectorAll(".thumb-mask").forEach((element) => near.observe(element));

  const toggle = document.getElementById("overlay-toggle");
  const sort = document.getElementById("gallery-sort");
  const query = new URLSearchParams(location.search);
  toggle.checked = query.get("masks") !== "off";
  if (query.has("sort")) sort.value = query.get("sort") === "foreground" ? "foreground" : "name";
  const apply = () => {
    gallery.classList.toggle("plain", !toggle.checked);
    const items = [...gallery.children];
    items.sort(sort.value === "foreground" ? (a, b) => Number(b.dataset.foreground) - Number(a.dataset.foreground) : (a, b) => (a.dataset.name < b.dataset.name ? -1 : 1));
    gallery.replaceChildren(...items);
  };
  const remember = () => {
    const url = new URL(location.href);
    url.searchParams.set("masks", toggle.checked ? "on" : "off");
    url.searchParams.set("sort", sort.value);
    history.replaceState(null, "", url);
    apply();
  };
  toggle.addEventListener("change", remember);
  sort.addEventListener("change", remember);
  apply();
}
