"""A dataset page of 10,000 items, from the click to pictures: `python -m benchmarks.gallery [--items N] [--json]`.

The items are the demo's, repeated under other names with thumbnails of their own. A headless Chromium opens the page,
scrolls through the gallery, and sorts it; the memory of the web process is read before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics

import psutil
from playwright.sync_api import Page, sync_playwright

from app.store.database import Database
from app.store.item_queries import thumbnail_path
from app.store.schema import DatasetRow, ItemRow
from benchmarks.live_latency import CHROMIUM_ARGUMENTS
from benchmarks.running_system import RunningSystem, running_system

ITEMS = 10_000
REPETITIONS = 7
SCROLLED_SCREENS = 40
_FIRST_PICTURES = """() => new Promise((resolve) => {
  const look = () => {
    const pictures = [...document.querySelectorAll("#gallery .thumb img")].slice(0, 6);
    if (pictures.length && pictures.every((picture) => picture.complete)) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
_SORTED = """(key) => new Promise((resolve) => {
  const first = document.querySelector("#gallery > li").dataset.name;
  const started = performance.now();
  const sort = document.getElementById("gallery-sort");
  sort.value = key;
  sort.dispatchEvent(new Event("input"));
  const look = () => {
    if (document.querySelector("#gallery > li").dataset.name !== first) resolve(performance.now() - started);
    else requestAnimationFrame(look);
  };
  look();
})"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with running_system() as system:
        dataset_id = _repeat_demo(system, items=arguments.items)
        result = _measure(system, dataset_id)
    result["items"] = arguments.items
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name}: {value:,.0f}")


def _repeat_demo(system: RunningSystem, *, items: int) -> int:
    demo_id = system.wait_for_demo()
    database = Database(f"sqlite:///{system.data_dir / 'segscope.db'}")
    artifacts = system.data_dir / "artifacts"
    with database.write() as session:
        demo = session.get_one(DatasetRow, demo_id)
        own = {column.name for column in DatasetRow.__table__.columns} - {"id", "name", "lineage_id"}
        many = DatasetRow(name="Many items", **{name: getattr(demo, name) for name in own})
        session.add(many)
        session.flush()
        many.lineage_id = many.id
        copied = {column.key for column in ItemRow.__mapper__.column_attrs} - {"id", "dataset_id", "position", "name"}
        for position in range(items):
            item = demo.items[position % len(demo.items)]
            values = {name: getattr(item, name) for name in copied}
            session.add(ItemRow(dataset_id=many.id, position=position, name=f"{item.name}_{position:05d}", **values))
            for kind in ("image.jpg", "mask.png"):
                target = artifacts / thumbnail_path(many.id, position, kind)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(artifacts / thumbnail_path(demo_id, item.position, kind), target)
        many_id = many.id
    database.dispose()
    return many_id


def _measure(system: RunningSystem, dataset_id: int) -> dict[str, float]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    web = _web_process(system)
    paints: list[float] = []
    pictures: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        before = web.memory_info().rss / 1e6
        for _ in range(REPETITIONS):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{system.url}/datasets/{dataset_id}", wait_until="commit")
            pictures.append(page.evaluate(_FIRST_PICTURES))
            paints.append(page.evaluate(_PAINT) or pictures[-1])
            # The charts come last; the next page must not wait for this one's.
            page.wait_for_load_state("networkidle")
            page.close()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{system.url}/datasets/{dataset_id}")
        shown = _scroll(page)
        sort = _sort(page)
        browser.close()
    return {
        "first_contentful_paint_ms_median": statistics.median(paints),
        "first_contentful_paint_ms_max": max(paints),
        "first_pictures_ms_median": statistics.median(pictures),
        "first_pictures_ms_max": max(pictures),
        "sorted_anew_ms": sort,
        "items_after_scrolling": shown,
        "web_megabytes_before": before,
        "web_megabytes_after": web.memory_info().rss / 1e6,
    }


def _scroll(page: Page) -> int:
    for _ in range(SCROLLED_SCREENS):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(40)
    page.wait_for_timeout(500)
    return int(page.locator("#gallery > li").count())


def _sort(page: Page) -> float:
    return float(page.evaluate(_SORTED, "-foreground_fraction"))


def _web_process(system: RunningSystem) -> psutil.Process:
    return next(child for child in psutil.Process(system.process.pid).children() if "app.web" in child.cmdline())


if __name__ == "__main__":
    main()
