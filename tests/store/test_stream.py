"""Announcements: in order, from a cursor, and a reset after any that could not be delivered."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import redis

from app.store.stream import STREAM_KEY, UNKNOWN_CURSOR, Announcement, Announcer, connect, cursor_key, parse_entries
from tests.conftest import RedisProcess


@pytest.fixture
def client(redis_process: RedisProcess) -> Iterator[redis.Redis]:
    """Return a client of a Redis of this test's own."""
    client = connect(redis_process.url)
    yield client
    client.close()


def read(client: redis.Redis, *, after: str = "0-0") -> list[Announcement]:
    entries: list[tuple[str, dict[str, str]]] = client.xrange(STREAM_KEY, min=f"({after}")  # type: ignore[assignment]
    return parse_entries(entries)


def test_announcements_follow_the_cursor_in_order(client: redis.Redis) -> None:
    announcer = Announcer(client)
    assert announcer.cursor() == UNKNOWN_CURSOR
    announcer.announce("run", {"run": 1}, run_id=1, experiment_id=2)
    cursor = announcer.cursor()

    announcer.announce("workers", {})
    announcer.announce("dataset", {"name": "π < 4"})

    later = read(client, after=cursor)
    assert [(one.event, one.data, one.run_id) for one in later] == [
        ("workers", "{}", None),
        ("dataset", '{"name":"\\u03c0 < 4"}', None),
    ]
    [first] = [one for one in read(client) if one.cursor == cursor]
    assert (first.event, first.run_id, first.experiment_id) == ("run", 1, 2)
    assert cursor_key(later[-1].cursor) == cursor_key(announcer.cursor())


def test_missed_announcements_are_followed_by_a_reset(
    client: redis.Redis, redis_process: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    announcer = Announcer(client)
    announcer.announce("run", {"n": 1})
    cursor = announcer.cursor()
    redis_process.stop()

    with caplog.at_level(logging.WARNING):
        announcer.announce("run", {"n": 2})
        announcer.announce("run", {"n": 3})
    assert announcer.cursor() == UNKNOWN_CURSOR
    assert [record.message.partition(":")[0] for record in caplog.records].count(
        "announcement failed, pages will reload"
    ) == 1
    redis_process.start()
    announcer.announce("run", {"n": 4})
    announcer.announce("run", {"n": 5})

    assert [(one.event, one.data) for one in read(client, after=cursor)] == [
        ("reset", "{}"),
        ("run", '{"n":4}'),
        ("run", '{"n":5}'),
    ]


def test_the_stream_survives_a_restart_of_its_server(client: redis.Redis, redis_process: RedisProcess) -> None:
    announcer = Announcer(client)
    announcer.announce("run", {"n": 1})
    cursor = announcer.cursor()

    redis_process.stop()
    redis_process.start()

    assert announcer.cursor() == cursor


@pytest.mark.parametrize("cursor", ["", "now", "1-x"])
def test_a_cursor_that_is_none(cursor: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        cursor_key(cursor)


def test_a_foreign_entry_is_ignored_and_its_neighbours_are_not() -> None:
    ours = {"event": "run", "data": "{}", "run": "7", "experiment": "3"}
    entries = [("1-0", ours), ("2-0", {"hello": "world"}), ("3-0", {**ours, "run": "seven"}), ("4-0", ours)]

    assert [announcement.cursor for announcement in parse_entries(entries)] == ["1-0", "4-0"]
