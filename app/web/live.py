"""The live stream to browsers: one Redis reader per process, fanned out to every open page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import redis
import redis.asyncio
from fastapi.sse import ServerSentEvent

from app.store.stream import STREAM_KEY, UNKNOWN_CURSOR, Announcement, cursor_key, parse_entries

logger = logging.getLogger(__name__)

# redis-py gives up on a socket after 5 s, so a blocking read must be shorter.
_BLOCK_MILLISECONDS = 4000
_PING_SECONDS = 2.0
_LIFE_SECONDS = 15 * 60
_QUEUE_LENGTH = 2000
_BACKLOG_LENGTH = 2000

Wanted = Callable[[Announcement], bool]
_RESET = Announcement(cursor="", event="reset", data="{}", run_id=None, experiment_id=None)


@dataclass(eq=False, slots=True)
class _Subscriber:
    wanted: Wanted
    queue: asyncio.Queue[Announcement] = field(default_factory=lambda: asyncio.Queue(maxsize=_QUEUE_LENGTH))
    overflowed: bool = False

    def offer(self, announcement: Announcement) -> None:
        if announcement.event != "reset" and not self.wanted(announcement):
            return
        try:
            self.queue.put_nowait(announcement)
        except asyncio.QueueFull:
            self.overflowed = True


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Which positions the stream still has; `is_whole` while nothing was trimmed away.

    Redis' `max-deleted-entry-id` does not help: trimming leaves it alone.
    """

    start: str
    end: str
    is_whole: bool

    def is_gap(self, cursor: str) -> bool:
        """Whether something after `cursor` may be missing: its entry is gone, or was never here."""
        if cursor == UNKNOWN_CURSOR and self.is_whole:
            return False
        return not cursor_key(self.start) <= cursor_key(cursor) <= cursor_key(self.end)


class LiveHub:
    """Reads the stream once and hands each announcement to the pages that want it."""

    def __init__(self, redis_url: str) -> None:
        self._client = redis.asyncio.Redis.from_url(redis_url, decode_responses=True)
        self._subscribers: set[_Subscriber] = set()
        self._position = UNKNOWN_CURSOR
        self._connected = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._read_forever())

    async def stop(self) -> None:
        """Stop reading and close the connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._client.aclose()

    async def _read_forever(self) -> None:
        while True:
            try:
                if not self._connected:
                    await self._catch_up()
                entries = await self._client.xread({STREAM_KEY: self._position}, count=500, block=_BLOCK_MILLISECONDS)
                for announcement in _parse_read(entries):
                    self._position = announcement.cursor
                    for subscriber in self._subscribers:
                        subscriber.offer(announcement)
            except redis.RedisError as error:
                if self._connected:
                    logger.warning("live stream interrupted: %s", error)
                self._connected = False
                await asyncio.sleep(0.5)

    async def _catch_up(self) -> None:
        bounds = await self._bounds()
        if self._position == UNKNOWN_CURSOR and not self._subscribers:
            self._position = bounds.end
        elif bounds.is_gap(self._position):
            self._position = bounds.end
            for subscriber in self._subscribers:
                subscriber.offer(_RESET)
        self._connected = True

    async def _bounds(self) -> _Bounds:
        try:
            info = await self._client.xinfo_stream(STREAM_KEY)
        except redis.ResponseError:
            return _Bounds(UNKNOWN_CURSOR, UNKNOWN_CURSOR, is_whole=True)
        first = info.get("first-entry")
        return _Bounds(
            start=str(first[0]) if first else UNKNOWN_CURSOR,
            end=str(info["last-generated-id"]),
            is_whole=info.get("entries-added") == info["length"],
        )

    async def follow(self, cursor: str, wanted: Wanted) -> AsyncIterator[ServerSentEvent]:
        """Yield what was announced after `cursor`, then what is announced from now on.

        The stream ends by itself after a quarter of an hour; the browser reconnects from where it was.
        """
        subscriber = _Subscriber(wanted)
        self._subscribers.add(subscriber)
        try:
            last = cursor_key(cursor)
            backlog = await self._backlog(cursor)
            yield self._ping()
            if backlog is None:
                yield _event(_RESET)
                return
            for announcement in backlog:
                last = cursor_key(announcement.cursor)
                if announcement.event == "reset" or wanted(announcement):
                    yield _event(announcement)
            end_of_life = time.monotonic() + _LIFE_SECONDS
            next_ping = time.monotonic() + _PING_SECONDS
            while time.monotonic() < end_of_life:
                if subscriber.overflowed:
                    yield _event(_RESET)
                    return
                try:
                    announcement = await asyncio.wait_for(
                        subscriber.queue.get(), timeout=max(0.0, next_ping - time.monotonic())
                    )
                except TimeoutError:
                    yield self._ping()
                    next_ping = time.monotonic() + _PING_SECONDS
                    continue
                if announcement is _RESET:
                    yield _event(announcement)
                elif cursor_key(announcement.cursor) > last:
                    last = cursor_key(announcement.cursor)
                    yield _event(announcement)
        finally:
            self._subscribers.discard(subscriber)

    async def _backlog(self, cursor: str) -> list[Announcement] | None:
        """Return what was announced after `cursor`, or None when that cannot be told any more."""
        try:
            if (await self._bounds()).is_gap(cursor):
                return None
            entries = await self._client.xrange(STREAM_KEY, min=f"({cursor}", count=_BACKLOG_LENGTH + 1)
        except redis.RedisError:
            # Redis is away: nothing can be announced now, and its return resets what was missed.
            return []
        pairs = cast("list[tuple[str, dict[str, str]]]", entries or [])
        if len(pairs) > _BACKLOG_LENGTH:
            return None
        return parse_entries(pairs)

    def _ping(self) -> ServerSentEvent:
        # A ping without an id: the position of the reader may be ahead of what this page was sent.
        return ServerSentEvent(event="ping", data={"time": time.time(), "connected": self._connected})


def _parse_read(entries: Any) -> list[Announcement]:
    # RESP3 answers with a mapping of stream to batches, RESP2 with a list of pairs.
    if not entries:
        return []
    streams = entries.values() if isinstance(entries, dict) else (batch for _, batch in entries)
    announcements: list[Announcement] = []
    for batch in streams:
        pairs = batch[0] if batch and isinstance(batch[0], list) else batch
        announcements.extend(parse_entries(pairs))
    return announcements


def _event(announcement: Announcement) -> ServerSentEvent:
    return ServerSentEvent(
        event=announcement.event,
        id=announcement.cursor or None,
        raw_data=announcement.data,
    )
