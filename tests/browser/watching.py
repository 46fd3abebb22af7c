"""A page under watch, and what the tests read from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

#: An answer of a wrong form, or of an address that does not exist, is an error to the browser's console.
REFUSED = r"Failed to load resource: the server responded with a status of 422"
NOT_FOUND = r"Failed to load resource: the server responded with a status of 404"
#: What the console says while the server is away.
SERVER_AWAY = r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)"

LOCAL_SCHEMES = {"data", "blob", "about"}

_READ_CURVES = """id => Object.fromEntries((document.getElementById(id).data ?? []).map(
    (trace) => [trace.name, { x: Array.from(trace.x), y: Array.from(trace.y) }]))"""

# Reads Plotly's data at every drawing, since a tiny training draws faster than a test can ask.
_COLLECT = """id => {
    window.segscopeLengths = [];
    window.addEventListener("segscope:drawn", () => {
        const lengths = {};
        for (const trace of document.getElementById(id).data ?? []) lengths[trace.name] = trace.x.length;
        window.segscopeLengths.push(lengths);
    });
}"""


class Watch:
    """Collects what must never happen in the pages of a context."""

    def __init__(self, context: BrowserContext) -> None:
        self.problems: list[str] = []
        self._allowed: list[str] = []
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.problems.append(f"page error: {error.error}"))
        context.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _see(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.hostname != "127.0.0.1" and address.scheme not in LOCAL_SCHEMES:
            self.problems.append(f"request to {request.url}")

    def allow(self, pattern: str) -> None:
        """Expect console errors that match `pattern`."""
        self._allowed.append(pattern)

    def check(self) -> None:
        unexpected = [text for text in self.problems if not any(re.search(pattern, text) for pattern in self._allowed)]
        assert not unexpected, "\n".join(unexpected)


def curves(page: Page, chart: str = "jaccard-chart") -> dict[str, dict[str, list[Any]]]:
    """Return Plotly's traces by name, as they are drawn now."""
    traces: dict[str, dict[str, list[Any]]] = page.evaluate(_READ_CURVES, chart)
    return traces


def collect_lengths(page: Page, chart: str = "jaccard-chart") -> None:
    """Begin to note how many points each trace has at every drawing; a reload forgets them."""
    page.evaluate(_COLLECT, chart)


def collected_lengths(page: Page, trace: str) -> list[int]:
    """Return the lengths of one trace that were noted, without repetitions; None if the page was reloaded."""
    noted: list[dict[str, int]] | None = page.evaluate("window.segscopeLengths ?? null")
    assert noted is not None, "the page was reloaded"
    lengths = [entry.get(trace, 0) for entry in noted]
    return [length for index, length in enumerate(lengths) if index == 0 or length != lengths[index - 1]]


def wait_for_epoch(page: Page, epoch: int, *, chart: str = "jaccard-chart", seconds: float = 60) -> None:
    """Wait until the validation curve has `epoch` points."""
    page.wait_for_function(
        """([id, wanted]) => (document.getElementById(id)?.data ?? []).some(
            (trace) => trace.name.endsWith("validation") && trace.x.length >= wanted)""",
        arg=[chart, epoch],
        timeout=1000 * seconds,
    )


def wait_for_state(page: Page, state: str, *, seconds: float = 60) -> None:
    """Wait until the page of a run says that it is in `state`."""
    page.locator("h1 [data-field=state]", has_text=re.compile(f"^{state}$")).wait_for(timeout=1000 * seconds)


def assert_complete(page: Page, snapshot: dict[str, Any]) -> None:
    """Check that the drawn curves hold each epoch and step of the snapshot once; the page may know later ones."""
    run = snapshot["run"]
    epochs = snapshot["epochs"]["columns"]
    steps = snapshot["steps"]["columns"]
    assert epochs["epoch"] == list(range(1, run["epoch"] + 1))
    page.wait_for_function(
        """([step, epoch]) => {
            const last = (name) => document.getElementById("jaccard-chart").data?.find(
                (trace) => trace.name === name)?.x.at(-1) ?? 0;
            return last("training step") >= step - 1e-9 && last("validation") >= epoch;
        }""",
        arg=[steps["step"][-1] / run["steps_per_epoch"], run["epoch"]],
    )
    drawn = curves(page)
    for name, column in (("training", "jaccard"), ("validation", "val_jaccard")):
        assert drawn[name]["x"] == list(range(1, len(drawn[name]["x"]) + 1)), "an epoch is missing or drawn twice"
        assert drawn[name]["y"][: run["epoch"]] == epochs[column]
    numbers = [round(x * run["steps_per_epoch"]) for x in drawn["training step"]["x"]]
    assert all(earlier < later for earlier, later in pairwise(numbers)), "a step is drawn twice"
    # A page that is loaded late gets a decimated past; what is announced to it afterwards is whole.
    if len(steps["step"]) == snapshot["steps_total"]:
        assert numbers == list(range(1, len(numbers) + 1)), "a step is missing"
        # Steps are stored in single precision and announced in double.
        assert drawn["training step"]["y"][: len(steps["step"])] == pytest.approx(steps["jaccard"], rel=1e-6)


def set_slider(slider: Locator, value: int) -> None:
    """Set a slider as a person's hand would: the value, then the event."""
    slider.fill(str(value))


def drag_slider(page: Page, slider: Locator, share: float) -> None:
    """Drag the thumb of a slider from where it is to `share` of its length."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    low, high, value = (float(slider.evaluate(f"element => element.{name}")) for name in ("min", "max", "value"))
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * (value - low) / (high - low), middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, middle, steps=8)
    page.mouse.up()


@contextmanager
def no_reload(page: Page) -> Iterator[None]:
    """Fail if the page was reloaded meanwhile."""
    page.evaluate("window.segscopeSame = true")
    yield
    assert page.evaluate("window.segscopeSame === true"), "the page was reloaded"
