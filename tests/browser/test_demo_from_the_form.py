"""The main job on a fresh server: from the empty list over the form to curves that move and samples."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from app.web.pages.rendering import format_jaccard
from tests.browser.conftest import OpenPage
from tests.browser.watching import (
    assert_complete,
    collect_lengths,
    collected_lengths,
    curves,
    drag_slider,
    no_reload,
    set_slider,
    wait_for_epoch,
    wait_for_state,
)
from tests.processes import Segscope

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EPOCHS = 3


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Segscope]:
    """Run `segscope up` without any dataset or run."""
    server = Segscope(tmp_path / "data")
    server.start()
    yield server
    assert server.stop() == 0, server.log


def _pixels(client: httpx.Client, url: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(client.get(url).raise_for_status().content)) as picture:
        return np.asarray(picture.convert("L"))


def _expected_scores(client: httpx.Client, snapshot: dict[str, Any], *, epoch: int, threshold: int) -> dict[str, str]:
    """Return what each sample's caption should say, from the stored PNGs."""
    scores = {}
    for item in snapshot["sample_items"]:
        sample = next(
            sample for sample in snapshot["samples"] if (sample["item_id"], sample["epoch"]) == (item["item_id"], epoch)
        )
        predicted = _pixels(client, sample["url"]) >= threshold
        actual = _pixels(client, item["mask_url"]) > 127
        assert predicted.shape == actual.shape == (64, 64)
        union = int((predicted | actual).sum())
        scores[item["name"]] = format_jaccard(int((predicted & actual).sum()) / union if union else 1.0)
    return scores


def _shown_scores(page: Page) -> dict[str, str]:
    captions: list[tuple[str, str]] = page.locator("#sample-grid figcaption").evaluate_all(
        "all => all.map((caption) => [...caption.children].map((child) => child.textContent))"
    )
    return dict(captions)


def _fill_form(page: Page) -> None:
    page.get_by_role("link", name="Train on it").click()
    for label, value in {
        "Image height": "64",
        "Image width": "64",
        "Base filters": "4",
        "Batch-norm momentum": "0.5",
        "Epochs": str(EPOCHS),
    }.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("checkbox", name="Attention ResUNet").uncheck()
    expect(page.locator("#preview")).to_contain_text("65 items train, 8 validate")


def test_the_demo_is_launched_from_the_form_and_its_curves_move(fresh_server: Segscope, open_page: OpenPage) -> None:
    page = open_page(base_url=fresh_server.url)
    page.goto("/runs")
    expect(page.get_by_role("heading", name="No training yet")).to_be_visible()
    page.get_by_role("link", name="Register a dataset").click()
    page.get_by_role("button", name="Generate the demo").click()
    page.wait_for_url("**/datasets/*")
    expect(page.get_by_role("link", name="Train on it")).to_be_visible(timeout=60_000)
    expect(page.locator(".gallery-count").first).to_have_text("73 items")

    _fill_form(page)
    page.get_by_role("button", name="Launch").click()
    page.wait_for_url("**/experiments/*")
    rows = page.locator(".summary-table tbody tr")
    expect(rows).to_have_count(2)
    # The experiment's page moves with its first run.
    with no_reload(page):
        wait_for_epoch(page, 1, chart="overlay-chart")
    # The second run's page is opened while it waits or has just begun, so nothing of it is missed.
    with httpx.Client(base_url=fresh_server.url, timeout=20) as client:
        rows.nth(1).get_by_role("link").click()
        page.wait_for_url("**/runs/*")
        run = int(page.url.rsplit("/", 1)[1])
        collect_lengths(page)
        assert not curves(page).get("validation", {"x": []})["x"]
        with no_reload(page):
            wait_for_state(page, "Finished")
            wait_for_epoch(page, EPOCHS)
        _check_curves(page, client, run)
        _check_samples(page, client, run)


def _check_curves(page: Page, client: httpx.Client, run: int) -> None:
    snapshot = client.get(f"/api/runs/{run}/snapshot").json()
    assert_complete(page, snapshot)
    lengths = collected_lengths(page, "validation")
    assert lengths == sorted(lengths)
    assert len(lengths) >= EPOCHS, f"the curve jumped: {lengths}"
    assert len(collected_lengths(page, "training step")) >= EPOCHS
    history = list(csv.DictReader(io.StringIO(client.get(f"/api/runs/{run}/history.csv").text)))
    drawn = curves(page)
    assert len(history) == len(drawn["validation"]["x"]) == len(drawn["training"]["x"]) == EPOCHS
    assert [float(row["val_jaccard"]) for row in history] == pytest.approx(drawn["validation"]["y"], rel=1e-6)
    loss = curves(page, "loss-chart")
    assert [float(row["val_loss"]) for row in history] == pytest.approx(loss["validation"]["y"], rel=1e-6)
    expect(page.locator("#fact-epoch")).to_have_text(f"{EPOCHS} of {EPOCHS}")
    expect(page.locator("#connection-text")).to_have_text("Live")


def _check_samples(page: Page, client: httpx.Client, run: int) -> None:
    snapshot = client.get(f"/api/runs/{run}/snapshot").json()
    canvases = page.locator("#sample-grid canvas")
    expect(canvases).to_have_count(4)
    expect(page.locator("#samples-epoch")).to_have_text(f"epoch {EPOCHS}, following")
    assert _shown_scores(page) == _expected_scores(client, snapshot, epoch=EPOCHS, threshold=128)

    slider = page.locator("#threshold-slider")
    seen = []
    for share in (0.2, 0.45, 0.7):
        drag_slider(page, slider, share)
        threshold = int(slider.input_value())
        assert abs(threshold / 256 - share) < 0.05
        expect(page.locator("#threshold-value")).to_have_text(f"{threshold / 256:.2f}")
        assert f"threshold={threshold / 256:g}" in page.url or f"threshold={threshold / 256}" in page.url
        expected = _expected_scores(client, snapshot, epoch=EPOCHS, threshold=threshold)
        assert _shown_scores(page) == expected
        seen.append(tuple(expected.values()))
    for threshold in range(0, 257, 32):
        set_slider(slider, threshold)
        expected = _expected_scores(client, snapshot, epoch=EPOCHS, threshold=threshold)
        assert _shown_scores(page) == expected
        seen.append(tuple(expected.values()))
    assert len(set(seen)) >= 3, "the scores do not depend on the threshold"

    set_slider(slider, 100)
    before = canvases.first.evaluate("canvas => canvas.toDataURL()")
    set_slider(page.locator("#epoch-slider"), 1)
    expect(page.locator("#samples-epoch")).to_have_text("epoch 1")
    expected = _expected_scores(client, snapshot, epoch=1, threshold=100)
    assert _shown_scores(page) == expected
    assert re.search(r"[?&]epoch=1(&|$)", page.url)
    assert "threshold=0.390625" in page.url

    page.reload()
    expect(page.locator("#samples-epoch")).to_have_text("epoch 1")
    expect(page.locator("#threshold-value")).to_have_text("0.39")
    assert page.locator("#threshold-slider").input_value() == "100"
    assert page.locator("#epoch-slider").input_value() == "1"
    assert _shown_scores(page) == expected
    # Back to the newest epoch: it is followed again, and the address says nothing of an epoch.
    set_slider(page.locator("#epoch-slider"), EPOCHS)
    expect(page.locator("#samples-epoch")).to_have_text(f"epoch {EPOCHS}, following")
    assert "epoch=" not in page.url
    assert canvases.first.evaluate("canvas => canvas.toDataURL()") == before
