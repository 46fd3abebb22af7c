"""Server-sent events of a real web process: nothing lost, nothing twice, and a reset when that cannot be promised."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.store.stream import STREAM_KEY, Announcer, connect, cursor_key
from tests.conftest import RedisProcess
from tests.processes import Segscope

RUN = 17


@dataclass(frozen=True)
class Event:
    name: str
    id: str | None
    data: Any


@contextmanager
def follow(server: Segscope, *, last_event_id: str | None = None, **query: Any) -> Iterator[Iterator[Event]]:
    """Open the stream; iterate over its events until it closes (or five seconds pass without a line)."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with (
        httpx.Client(base_url=server.url, timeout=5) as client,
        client.stream("GET", "/api/events", params={"run": RUN, **query}, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response)


def _events(response: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
            fields = {}


def take(events: Iterator[Event], count: int) -> list[Event]:
    """Return the next `count` events that are no pings."""
    taken: list[Event] = []
    while len(taken) < count:
        event = next(events)
        if event.name != "ping":
            taken.append(event)
    return taken


def announce(announcer: Announcer, *numbers: int, run_id: int = RUN) -> None:
    for number in numbers:
        announcer.announce("steps", {"n": number}, run_id=run_id, experiment_id=run_id + 100)


def test_pings_arrive_at_once_and_every_two_seconds(web_process: Segscope, announcer: Announcer) -> None:
    with follow(web_process, cursor=announcer.cursor()) as events:
        first = next(events)
        opened = time.monotonic()
        second = next(events)

    assert [first.name, second.name] == ["ping", "ping"]
    assert first.id is None, "a ping with an id would move the cursor past what was not sent"
    assert 1.5 < time.monotonic() - opened < 3.5
    assert second.data["time"] > first.data["time"]
    assert second.data["connected"] is True


def test_events_come_live_in_order_with_increasing_ids(web_process: Segscope, announcer: Announcer) -> None:
    with follow(web_process, cursor=announcer.cursor()) as events:
        next(events)
        announce(announcer, 1, 2, 3, 4, 5)
        received = take(events, 5)

    assert [event.data["n"] for event in received] == [1, 2, 3, 4, 5]
    ids = [cursor_key(event.id or "") for event in received]
    assert ids == sorted(set(ids))


def test_a_reconnect_gives_no_gap_and_no_duplicate(web_process: Segscope, announcer: Announcer) -> None:
    with follow(web_process, cursor=announcer.cursor()) as events:
        next(events)
        announce(announcer, 1, 2, 3)
        before = take(events, 2)
    announce(announcer, 4, 5)

    with follow(web_process, last_event_id=before[-1].id, cursor="0-0") as events:
        missed = take(events, 3)
        announce(announcer, 6, 7)
        live = take(events, 2)

    assert [event.data["n"] for event in [*before, *missed, *live]] == [1, 2, 3, 4, 5, 6, 7]


def test_a_snapshots_cursor_misses_nothing_that_follows_it(web_process: Segscope, announcer: Announcer) -> None:
    announce(announcer, 1)
    cursor = announcer.cursor()
    announce(announcer, 2)

    with follow(web_process, cursor=cursor) as events:
        assert [event.data["n"] for event in take(events, 1)] == [2]


def test_only_what_was_asked_for_is_sent(web_process: Segscope, announcer: Announcer) -> None:
    cursor = announcer.cursor()
    announce(announcer, 1, run_id=99)
    announcer.announce("workers", {})
    announcer.announce("run", {"n": 2}, run_id=99)
    announce(announcer, 3)

    with follow(web_process, cursor=cursor) as selected, follow(web_process, cursor=cursor, topic="all") as everything:
        assert [(event.name, event.data) for event in take(selected, 1)] == [("steps", {"n": 3})]
        assert [event.name for event in take(everything, 3)] == ["workers", "run", "steps"]


def test_experiments_select_the_events_of_their_runs(web_process: Segscope, announcer: Announcer) -> None:
    cursor = announcer.cursor()
    announce(announcer, 1, run_id=20)
    announce(announcer, 2, run_id=30)

    with follow(web_process, cursor=cursor, experiment=130) as events:
        assert [event.data["n"] for event in take(events, 1)] == [2]


@pytest.mark.parametrize("cursor", ["now", "1", "-1-0", "1-1-1", "9" * 20 + "-0"])
def test_an_invalid_cursor_is_refused(web_process: Segscope, cursor: str) -> None:
    by_query = httpx.get(f"{web_process.url}/api/events", params={"cursor": cursor})
    by_header = httpx.get(f"{web_process.url}/api/events", headers={"Last-Event-ID": cursor})

    for answer in (by_query, by_header):
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "invalid-input"
    assert [one["field"] for one in by_query.json()["error"]["fields"]] == ["cursor"]


def test_a_cursor_from_the_future_resets(web_process: Segscope) -> None:
    with follow(web_process, cursor="9000000000000-0") as events:
        received = take(events, 1)
        rest = [event.name for event in events]

    assert [(event.name, event.id) for event in received] == [("reset", None)]
    assert rest == [], "the page reloads its snapshot and opens a new stream"


def test_a_trimmed_cursor_resets(web_process: Segscope, announcer: Announcer, redis_url: str) -> None:
    announce(announcer, 1)
    stale = announcer.cursor()
    announce(announcer, 2, 3, 4)
    client = connect(redis_url)
    client.xtrim(STREAM_KEY, maxlen=2, approximate=False)
    client.close()

    with follow(web_process, cursor=stale) as events:
        assert [event.name for event in take(events, 1)] == ["reset"]
    with follow(web_process, cursor="0-0") as events:
        assert [event.name for event in take(events, 1)] == ["reset"]


def test_the_oldest_kept_cursor_does_not_reset(web_process: Segscope, announcer: Announcer, redis_url: str) -> None:
    announce(announcer, 1, 2, 3)
    client = connect(redis_url)
    client.xtrim(STREAM_KEY, maxlen=3, approximate=False)
    oldest = str(client.xinfo_stream(STREAM_KEY)["first-entry"][0])
    client.close()

    with follow(web_process, cursor=oldest) as events:
        assert [event.data["n"] for event in take(events, 2)] == [2, 3]


def test_a_redis_that_comes_back_resets_what_it_missed(
    redis_process: RedisProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = Segscope(
        tmp_path_factory.mktemp("web") / "data",
        command="web",
        settings={"SEGSCOPE_REDIS_URL": redis_process.url},
    )
    server.start()
    client = connect(redis_process.url)
    announcer = Announcer(client)
    try:
        announce(announcer, 1)
        with follow(server, cursor=announcer.cursor()) as events:
            next(events)
            redis_process.stop()
            announce(announcer, 2)
            assert any(event.data["connected"] is False for event in (next(events), next(events)))
            redis_process.start()
            announce(announcer, 3)
            received = take(events, 2)
    finally:
        client.close()
        server.kill()

    assert [event.name for event in received] == ["reset", "steps"]
    assert received[1].data == {"n": 3}
