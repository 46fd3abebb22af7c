"""Every page: narrow screens, both themes, keyboard, words for charts, and names that hold markup."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.watching import NOT_FOUND, REFUSED, wait_for_epoch
from tests.factories import register_folder, tiny_spec, write_pairs
from tests.processes import Segscope

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>"
#: Nothing in it can be broken at a space.
LONG = "W" * 120

TEMPLATES = (
    "/runs",
    "/runs?text=nothing-is-called-so",
    "/runs/{run}",
    "/runs/{waiting}",
    "/experiments",
    "/experiments/new",
    "/experiments/new?from_run={run}",
    "/experiments/{experiment}",
    "/datasets",
    "/datasets/{dataset}",
    "/datasets/{hostile}",
    "/datasets/{long}",
    "/datasets/{failed}",
    "/models/summary?architecture=attention-unet&image.height=250",
    "/workers",
    "/login",
    "/docs",
    "/nothing-is-here",
)


@pytest.fixture(scope="module")
def places(live_server: Segscope, roots: Path, beads: int, finished_run: dict[str, Any]) -> dict[str, int]:
    """Return the ids that the addresses of pages need, with names and states that are hard to draw."""
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        hostile = register_folder(client, write_pairs(roots / "hostile", items=4), name=HOSTILE)
        long = register_folder(client, write_pairs(roots / "long", items=4), name=LONG)
        empty = write_pairs(roots / "empty", items=1)
        for picture in empty.glob("*/*.png"):
            picture.write_bytes(b"no picture")
        failed = register_folder(client, empty, name="Nothing to read in it")
        assert failed["state"] == "failed"
        waiting = tiny_spec(int(hostile["id"])) | {"queue": "gpu", "name": HOSTILE}
        hostile_experiment = client.post("/api/experiments", json=waiting).raise_for_status().json()
        waiting = tiny_spec(int(long["id"])) | {"queue": "gpu", "name": LONG}
        client.post("/api/experiments", json=waiting).raise_for_status()
    return {
        "run": int(finished_run["id"]),
        "experiment": int(hostile_experiment["id"]),
        "waiting": int(hostile_experiment["runs"][0]["id"]),
        "dataset": beads,
        "hostile": int(hostile["id"]),
        "long": int(long["id"]),
        "failed": int(failed["id"]),
    }


def _settle(page: Page, path: str) -> None:
    page.goto(path)
    # Live pages never become idle; their charts say that the page has drawn itself.
    if page.locator("#jaccard-chart, #overlay-chart").count():
        page.wait_for_function("document.querySelector('#jaccard-chart, #overlay-chart').data !== undefined")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_scrolls_sideways_on_a_phone(
    theme: str, places: dict[str, int], open_page: OpenPage, live_server: Segscope
) -> None:
    page = open_page(
        base_url=live_server.url, viewport={"width": 390, "height": 844}, color_scheme=theme, allow=(NOT_FOUND, REFUSED)
    )
    wide = {}
    for template in TEMPLATES:
        _settle(page, template.format(**places))
        if template == "/docs":
            page.locator(".opblock").first.wait_for()
        else:
            assert page.locator("html").get_attribute("data-theme") == theme
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            culprits = page.evaluate(
                """() => [...document.querySelectorAll("body *")].filter(
                    (element) => element.getBoundingClientRect().right > 391).slice(0, 4).map(
                    (element) => element.tagName + "#" + element.id + "." + element.className)"""
            )
            wide[template] = f"{width} px: {culprits}"
    assert not wide


def test_markup_in_names_is_shown_as_text(places: dict[str, int], open_page: OpenPage, live_server: Segscope) -> None:
    page = open_page(base_url=live_server.url)
    dialogs: list[str] = []

    def hear(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    for template in (
        "/datasets/{hostile}",
        "/datasets",
        "/runs",
        "/runs/{waiting}",
        "/experiments",
        "/experiments/{experiment}",
        "/experiments/new?from_run={waiting}",
        "/workers",
    ):
        _settle(page, template.format(**places))
        page.get_by_text(HOSTILE).first.wait_for(state="attached")
        assert page.locator("img[src='x'], img[onerror]").count() == 0, template
    # Also where the browser builds the page: rows that refresh, and the question before a removal.
    page.goto(f"/runs?text={HOSTILE.replace('=', '%3D')}")
    page.get_by_role("searchbox").press_sequentially(" ")
    expect(page.locator("#run-rows")).to_contain_text(HOSTILE)
    page.goto(f"/datasets/{places['hostile']}")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"of {HOSTILE} from Segscope?")
    assert page.locator("img[src='x'], img[onerror]").count() == 0
    page.get_by_role("button", name="Keep").click()
    assert dialogs == []


def _tab_stops(page: Page, presses: int) -> list[str]:
    stops = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        stop: dict[str, Any] = page.evaluate(
            """() => {
                const style = getComputedStyle(document.activeElement);
                const box = document.activeElement.getBoundingClientRect();
                return {
                    text: document.activeElement.textContent.trim().replace(/\\s+/g, " "),
                    ring: style.outlineStyle !== "none" || style.boxShadow !== "none",
                    onScreen: box.right > 0 && box.bottom > 0 && box.width > 0,
                };
            }"""
        )
        assert stop["ring"], f"{stop['text']!r} shows no focus"
        assert stop["onScreen"], f"{stop['text']!r} has the focus and cannot be seen"
        stops.append(stop["text"])
    return stops


def test_the_keyboard_reaches_content_navigation_and_the_primary_action(
    open_page: OpenPage, live_server: Segscope, places: dict[str, int]
) -> None:
    # The form's estimate is refused: the preset's batch is larger than the small dataset.
    page = open_page(base_url=live_server.url, allow=(REFUSED,))
    page.goto("/runs")
    stops = _tab_stops(page, 8)
    assert stops == [
        "Skip to content",
        "Segscope",
        "Runs",
        "Experiments",
        "Datasets",
        "Workers",
        "◐",
        "New experiment",
    ]
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/new")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Recommended"


def test_charts_and_samples_are_described_in_words(page: Page, places: dict[str, int]) -> None:
    _settle(page, f"/runs/{places['run']}")
    wait_for_epoch(page, 3)
    for name in ("jaccard-chart", "loss-chart"):
        chart = page.locator(f"#{name}")
        assert chart.get_attribute("role") == "img"
        assert "epoch 3" in (chart.get_attribute("aria-label") or "")
    canvases = page.locator("#sample-grid canvas")
    # The dataset has three validation items, fewer than the four that a run keeps at most.
    expect(canvases).to_have_count(3)
    for canvas in canvases.all():
        expect(canvas).to_have_attribute("aria-label", re.compile(r"Jaccard [0-9].*pixels found"))
        assert canvas.get_attribute("role") == "img"
    page.get_by_text("Table of epochs").click()
    rows = page.locator("#epoch-table tbody tr")
    expect(rows).to_have_count(3)
    assert [row.locator("td").first.text_content() for row in rows.all()] == ["1", "2", "3"]
    _settle(page, f"/experiments/{places['experiment']}")
    charts = page.locator(".chart")
    assert charts.count() == 3
    for chart in charts.all():
        assert chart.get_attribute("role") == "img"
        assert (chart.get_attribute("aria-label") or "").strip()


def test_the_theme_is_switched_and_remembered(page: Page, places: dict[str, int]) -> None:
    _settle(page, f"/runs/{places['run']}")
    assert page.locator("html").get_attribute("data-theme") == "light"
    grid = "document.getElementById('jaccard-chart').layout.xaxis.gridcolor"
    light = page.evaluate(grid)
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.wait_for_function(f"before => {grid} !== before", arg=light)
    page.goto("/datasets")
    assert page.locator("html").get_attribute("data-theme") == "dark"
