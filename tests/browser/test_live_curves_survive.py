"""Reloading, a killed server and a lost minute: each point is drawn once, and none is missing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.watching import (
    SERVER_AWAY,
    assert_complete,
    collect_lengths,
    collected_lengths,
    curves,
    no_reload,
    wait_for_epoch,
    wait_for_state,
)
from tests.factories import tiny_spec
from tests.processes import Segscope, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: More than any machine trains in the time of these tests.
MANY_EPOCHS = 5000

LongRun = Callable[[], int]


def _ended(api: httpx.Client, run: int) -> bool:
    return bool(api.get(f"/api/runs/{run}").raise_for_status().json()["ended_at"])


def _launch(api: httpx.Client, dataset: int) -> int:
    body = tiny_spec(dataset, epochs=MANY_EPOCHS)
    # One step an epoch: the past of a page is decimated only after 600 of them.
    body["models"][0]["batch_size"] = 9
    answer = api.post("/api/experiments", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["runs"][0]["id"])


@pytest.fixture(scope="module")
def long_runs(live_server: Segscope, beads: int) -> Iterator[LongRun]:
    """Return a function that returns a run that trains; the tests share it until one of them ends it."""
    runs: list[int] = []
    with httpx.Client(base_url=live_server.url, timeout=20) as client:

        def running() -> int:
            if not runs or _ended(client, runs[-1]):
                runs.append(_launch(client, beads))
            return runs[-1]

        yield running
        for run in runs:
            client.post(f"/api/runs/{run}/cancel")
            wait_until(functools.partial(_ended, client, run), what=f"the end of run {run}")


@pytest.fixture
def run(long_runs: LongRun) -> int:
    """Return the id of a run that waits or trains and does not end by itself."""
    return long_runs()


def _snapshot(api: httpx.Client, run: int) -> dict[str, Any]:
    snapshot: dict[str, Any] = api.get(f"/api/runs/{run}/snapshot").raise_for_status().json()
    return snapshot


def test_reloading_neither_loses_nor_repeats_a_point(api: httpx.Client, page: Page, run: int) -> None:
    page.goto(f"/runs/{run}")
    wait_for_epoch(page, 1)
    drawn = 1
    for _ in range(4):
        page.reload()
        wait_for_epoch(page, drawn + 2)
        validation = curves(page)["validation"]["x"]
        assert validation == list(range(1, len(validation) + 1))
        drawn = len(validation)
    assert_complete(page, _snapshot(api, run))


def _web_process(server: Segscope) -> psutil.Process | None:
    """Return the process that listens on the server's port."""
    assert server.process is not None
    for child in psutil.Process(server.process.pid).children():
        with suppress(psutil.Error):
            ports = {entry.laddr.port for entry in child.net_connections("tcp") if entry.status == psutil.CONN_LISTEN}
            if server.port in ports:
                return child
    return None


def test_the_page_catches_up_after_the_server_was_killed(
    api: httpx.Client, live_server: Segscope, open_page: OpenPage, run: int
) -> None:
    page = open_page(base_url=live_server.url, allow=(SERVER_AWAY,))
    page.goto(f"/runs/{run}")
    wait_for_epoch(page, 1)
    indicator = page.locator("#connection-text")
    expect(indicator).to_have_text("Live")
    with no_reload(page):
        collect_lengths(page)
        web = _web_process(live_server)
        assert web is not None
        web.kill()
        expect(indicator).to_contain_text("Reconnecting")
        assert page.locator("#connection").get_attribute("data-state") == "stale"
        known = len(curves(page)["validation"]["x"])
        fresh = wait_until(lambda: _web_process(live_server), what="the supervisor to start the web process again")
        assert fresh.pid != web.pid
        expect(indicator).to_have_text("Live", timeout=30_000)
        wait_for_epoch(page, known + 2)
        snapshot = _snapshot(api, run)
        lengths = collected_lengths(page, "validation")
    assert lengths == sorted(lengths)
    assert_complete(page, snapshot)


def test_a_page_that_was_hidden_catches_up(api: httpx.Client, page: Page, run: int) -> None:
    """A laptop that slept, or another tab in front: the connection is closed, and the server kept training."""
    page.goto(f"/runs/{run}")
    wait_for_epoch(page, 1)
    with no_reload(page):
        # A hidden tab closes its connection and opens it from its cursor when it is looked at again.
        page.evaluate(
            """() => {
                window.segscopeHidden = true;
                Object.defineProperty(document, "hidden", { get: () => window.segscopeHidden, configurable: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        before = len(curves(page)["validation"]["x"])
        epoch = api.get(f"/api/runs/{run}").json()["epoch"]
        wait_until(lambda: api.get(f"/api/runs/{run}").json()["epoch"] >= epoch + 3, what="three more epochs")
        assert len(curves(page)["validation"]["x"]) <= before + 1, "a hidden page should not listen"
        page.evaluate("() => { window.segscopeHidden = false; document.dispatchEvent(new Event('visibilitychange')); }")
        wait_for_epoch(page, epoch + 3)
        snapshot = _snapshot(api, run)
    assert_complete(page, snapshot)


def test_a_run_is_cancelled_after_a_question(api: httpx.Client, page: Page, run: int) -> None:
    page.goto(f"/runs/{run}")
    wait_for_epoch(page, 1)
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    cancel.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Cancel run {run}?")
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog).to_have_count(0)
    assert not api.get(f"/api/runs/{run}").json()["cancel_requested"]
    cancel.click()
    dialog.get_by_role("button", name="Go ahead").click()
    wait_for_state(page, "Stopped")
    expect(cancel).to_be_hidden()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    assert api.get(f"/api/runs/{run}").json()["state"] == "stopped"
    assert_complete(page, api.get(f"/api/runs/{run}/snapshot").json())
