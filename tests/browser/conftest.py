"""Chromium under watch: no error in the console, no request that leaves this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.watching import Watch
from tests.factories import tiny_spec
from tests.processes import Segscope, wait_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

OpenPage = Callable[..., Page]


# Not of the whole session: Playwright's event loop would be in the way of tests that run their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine, or skip where there is none."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def watches() -> Iterator[list[Watch]]:
    """Return the watches of this test; each is checked at its end."""
    watches: list[Watch] = []
    yield watches
    for watch in watches:
        watch.check()


@pytest.fixture
def open_page(browser: Browser, watches: list[Watch]) -> Iterator[OpenPage]:
    """Return a function that opens a page in a context of its own; `allow` names console errors to expect."""
    contexts = []

    def open_it(*, allow: tuple[str, ...] = (), **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        watch = Watch(context)
        for pattern in allow:
            watch.allow(pattern)
        watches.append(watch)
        return context.new_page()

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: OpenPage, live_server: Segscope) -> Page:
    """Return a page of a desktop, with the live server as its base."""
    return open_page(base_url=live_server.url)


@pytest.fixture(scope="session")
def finished_run(live_server: Segscope, beads: int) -> dict[str, Any]:
    """Return a run of three epochs that is finished."""
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        experiment = client.post("/api/experiments", json=tiny_spec(beads) | {"name": "A finished one"})
        run = experiment.raise_for_status().json()["runs"][0]["id"]

        def ended() -> dict[str, Any] | None:
            view: dict[str, Any] = client.get(f"/api/runs/{run}").raise_for_status().json()
            return view if view["ended_at"] else None

        view = wait_until(ended, what=f"the end of run {run}")
    assert view["state"] == "finished", view["message"]
    return view
