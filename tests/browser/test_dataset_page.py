"""The page of a dataset: look, find what is wrong, correct it, and get a new version without touching a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from scipy import ndimage

from tests.factories import register_folder
from tests.processes import Segscope

pytestmark = pytest.mark.browser

ITEMS = 20
SIDE = 128
SHIFT = (6, -4)
SHIFTED = {f"scene-{number:02d}" for number in range(0, ITEMS, 5)}
EMPTY = "scene-07"


@pytest.fixture(scope="module")
def flawed(live_server: Segscope, roots: Path) -> dict[str, Any]:
    """Return a dataset of bright blobs in which four masks are shifted and one is empty."""
    random = np.random.default_rng(5)
    root = roots / "flawed"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(ITEMS):
        name = f"scene-{number:02d}"
        mask = ndimage.gaussian_filter(random.random((SIDE, SIDE)), 5) > 0.512
        image = 60 + 110 * ndimage.gaussian_filter(mask.astype(float), 1) + random.normal(0, 6, (SIDE, SIDE))
        if name in SHIFTED:
            mask = np.roll(mask, SHIFT, (0, 1))
        if name == EMPTY:
            mask[:] = False
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(root / "images" / f"{name}.png")
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(root / "masks" / f"{name}.png")
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        view = register_folder(client, root)
    assert (view["state"], view["n_items"]) == ("ready", ITEMS), view
    return view


def gallery_names(page: Page) -> list[str]:
    return [
        str(name) for name in page.locator("#gallery > li").evaluate_all("rows => rows.map(row => row.dataset.name)")
    ]


def finding(page: Page, code: str) -> Any:
    return page.locator(f".health-item[data-code={code}]")


def test_a_shifted_mask_is_found_and_shifted_back_in_a_new_version(page: Page, flawed: dict[str, Any]) -> None:
    page.goto(f"/datasets/{flawed['id']}")
    shifted = [name for name in SHIFTED if name != EMPTY]
    rows = page.locator(".health-item[data-code^=mask-shifted]")
    expect(rows.first).to_be_visible()

    for index in range(rows.count()):
        row = rows.nth(index)
        if row.locator("details").get_attribute("open") is None:
            row.locator("summary").click()
        row.get_by_role("button", name="Shift").click()
    expect(page.locator("#edit-summary")).to_contain_text(f"{len(shifted)} corrected")
    page.get_by_role("button", name="Create version 2").click()
    page.wait_for_url("**/datasets/*")
    expect(page.locator(".versions li").first).to_contain_text("Version 2", timeout=60_000)
    expect(page.locator(".versions li").first).to_contain_text("mask shifted by (-6, 4) px")

    expect(page.locator(".health-list")).to_be_attached(timeout=60_000)
    expect(page.locator(".health-item[data-code^=mask-shifted]")).to_have_count(0)
    page.goto(f"/datasets/{flawed['id']}")
    expect(page.locator(".notice")).to_contain_text("version 2")


def test_findings_filter_the_gallery_and_the_address_remembers(page: Page, flawed: dict[str, Any]) -> None:
    page.goto(f"/datasets/{flawed['id']}")
    empty = finding(page, "mask-empty")
    if empty.locator("details").get_attribute("open") is None:
        empty.locator("summary").click()
    empty.get_by_role("button", name="Show it in the gallery").click()
    expect(page.locator("#gallery > li")).to_have_count(1)
    assert gallery_names(page) == [EMPTY]

    page.reload()
    expect(page.locator("#gallery > li")).to_have_count(1)
    page.select_option("#gallery-finding", "")
    expect(page.locator("#gallery > li")).to_have_count(ITEMS)


def test_the_gallery_sorts_by_what_was_measured(page: Page, flawed: dict[str, Any]) -> None:
    page.goto(f"/datasets/{flawed['id']}?sort=foreground_fraction")
    expect(page.locator("#gallery > li").first).to_have_attribute("data-name", EMPTY)


def test_training_stands_beside_validation(page: Page, flawed: dict[str, Any]) -> None:
    page.goto(f"/datasets/{flawed['id']}?side=both")
    panes = page.locator(".gallery-pane")
    expect(panes.nth(0).locator("li")).to_have_count(ITEMS - 2)
    expect(panes.nth(1).locator("li")).to_have_count(2)


def test_an_item_is_corrected_by_keyboard_and_survives_a_reload(page: Page, flawed: dict[str, Any]) -> None:
    page.goto(f"/datasets/{flawed['id']}")
    page.locator("#gallery > li button").first.press("Enter")
    dialog = page.locator("#item-dialog")
    expect(dialog).to_be_visible()
    for key in ("Alt+ArrowDown", "Alt+ArrowDown", "Alt+ArrowLeft"):
        page.keyboard.press(key)
    assert [field.input_value() for field in dialog.locator("[data-shift]").all()] == ["2", "-1"]
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("#item-title")).to_have_text("scene-01")
    dialog.locator("[data-do=drop]").check()
    page.keyboard.press("Escape")

    page.reload()
    expect(page.locator("#edit-summary")).to_contain_text("1 left out, 1 corrected")
    expect(page.locator("#gallery > li").nth(0)).to_have_attribute("data-edit", "shifted (2, -1)")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#edit-bar")).to_be_hidden()


def test_charts_say_in_words_what_they_show(page: Page, flawed: dict[str, Any]) -> None:
    page.goto(f"/datasets/{flawed['id']}")
    expect(page.locator("#distribution-table")).to_contain_text("Foreground")
    chart = page.locator(".distribution").first
    expect(chart).to_have_attribute("aria-label", re.compile(r"^Foreground: 0 to .*, 20 items\.$"))
