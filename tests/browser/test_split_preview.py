"""The split in the launch form: both sides are drawn, leakage is said, the recommendation is one click away."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.watching import REFUSED, no_reload
from tests.factories import register_folder, tiny_spec, write_pairs
from tests.processes import Segscope

pytestmark = pytest.mark.browser

TILES = 4


@pytest.fixture(scope="module")
def plates(live_server: Segscope, roots: Path) -> int:
    """Return the id of a dataset of six acquisitions with four tiles each."""
    folder = write_pairs(roots / "plates", items=6 * TILES)
    for number in range(6 * TILES):
        for kind in ("images", "masks"):
            file = folder / kind / f"bead-{number:02d}.png"
            file.rename(file.with_name(f"plate{number // TILES}_r0_c{number % TILES}.png"))
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        return int(register_folder(client, folder)["id"])


@pytest.fixture
def form(open_page: OpenPage, live_server: Segscope, plates: int) -> Page:
    page = open_page(base_url=live_server.url, allow=(REFUSED,))
    page.goto(f"/experiments/new?dataset={plates}")
    # Sixteen images a step are more than a fold of this dataset trains on.
    page.get_by_role("checkbox", name="Attention UNet", exact=True).uncheck()
    page.get_by_role("checkbox", name="Attention ResUNet").uncheck()
    page.locator('input[name="split.validation_fraction"]').fill("0.25")
    expect(page.locator("#preview")).to_contain_text("18 items train, 6 validate")
    return page


def test_the_recommended_split_is_taken_with_one_click(form: Page) -> None:
    preview = form.locator("#preview")
    expect(preview).to_contain_text("are on both sides")
    preview.get_by_text("Which", exact=True).click()
    expect(preview.locator(".split-shared li").first).to_have_text(
        re.compile(r"^plate\d: [1-3] train, [1-3] validate$")
    )
    expect(preview.locator(".split-advice")).to_contain_text("6 of 6 acquisitions hold several images")
    histograms = preview.get_by_role("img", name="Foreground of")
    expect(histograms).to_have_count(2)
    assert histograms.nth(0).locator("rect").count() == 12
    expect(histograms.nth(1)).to_have_attribute("aria-label", re.compile("^Foreground of validation: 6 items"))

    preview.get_by_role("button", name=re.compile("^Use Grouped")).click()

    expect(preview.locator(".split-advice")).to_contain_text("As recommended: Grouped")
    expect(preview).not_to_contain_text("are on both sides")
    assert "grouped" in form.locator("#field-split-strategy").input_value()
    expect(form.locator("#field-split-strategy-help")).to_contain_text("never on two sides")


def test_each_fold_is_drawn_and_the_test_set_is_not(form: Page) -> None:
    form.locator("#field-split-strategy").select_option("grouped")
    form.locator('input[name="split.folds"]').fill("2")
    form.locator('input[name="split.test_fraction"]').fill("0.3")
    preview = form.locator("#preview")
    expect(preview).to_contain_text("2 folds: 8 items train, 8 validate. 8 are held out to test")
    expect(preview.get_by_role("img", name="Foreground of fold")).to_have_count(2)


def test_lists_replace_the_shares(form: Page) -> None:
    expect(form.locator("#field-split-validation")).to_be_hidden()
    form.locator('input[name="split.test_fraction"]').fill("0.2")
    form.locator("#field-split-strategy").select_option("explicit")
    expect(form.locator('input[name="split.test_fraction"]')).to_be_hidden()
    error = form.locator("#field-split-validation-error")
    expect(error).to_contain_text("name the validation items")
    form.locator("#field-split-validation").fill("plate1_r0_c0\nnowhere")
    expect(error).to_contain_text("no 'nowhere'")
    form.locator("#field-split-validation").fill("plate1_r0_c0\nplate1_r0_c1")
    expect(error).to_be_empty()
    # The test share that was typed before is not sent.
    expect(form.locator("#preview")).to_contain_text("22 items train, 2 validate")
    form.locator("#field-split-strategy").select_option("random")
    expect(form.locator('input[name="split.test_fraction"]')).to_have_value("0.2")


def test_a_test_set_is_revealed_after_a_question(open_page: OpenPage, live_server: Segscope, plates: int) -> None:
    spec = tiny_spec(plates) | {"queue": "gpu", "split": {"strategy": "grouped", "folds": 2, "test_fraction": 0.2}}
    experiment = httpx.post(f"{live_server.url}/api/experiments", json=spec, timeout=20).raise_for_status().json()
    page = open_page(base_url=live_server.url)
    page.goto(f"/experiments/{experiment['id']}")
    expect(page.locator("[data-fold-scores=unet]")).to_contain_text("0 of 2")
    expect(page.locator("#test-set")).to_have_count(0)
    page.get_by_role("button", name="Reveal test set").click()
    expect(page.get_by_role("dialog")).to_contain_text("The moment is recorded")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#test-set")).to_have_count(0)
    page.get_by_role("button", name="Reveal test set").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Go ahead").click()
    expect(page.locator("#test-set img")).to_have_count(TILES)
    expect(page.get_by_role("button", name="Reveal test set")).to_have_count(0)


def test_scores_over_the_folds_follow_the_runs(page: Page, live_server: Segscope, plates: int) -> None:
    spec = tiny_spec(plates) | {"split": {"strategy": "grouped", "folds": 2}}
    experiment = httpx.post(f"{live_server.url}/api/experiments", json=spec, timeout=20).raise_for_status().json()
    page.goto(f"/experiments/{experiment['id']}")
    row = page.locator("[data-fold-scores=unet]")
    with no_reload(page):
        expect(row.locator("[data-field=folds]")).to_have_text("2 of 2", timeout=90_000)
        for run in experiment["runs"]:
            chip = page.locator(f"tr[data-run='{run['id']}'] [data-field=state]")
            expect(chip).to_have_text("Finished", timeout=90_000)
        live = row.locator("[data-field=best]").inner_text()
        assert re.fullmatch(r"0\.\d{3} ± 0\.\d{3}", live), live
    # The server, which reckons for itself, says the same.
    page.reload()
    expect(row.locator("[data-field=best]")).to_have_text(live)
