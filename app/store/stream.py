"""The live stream: announcements on one Redis Stream, written after the commit, read from a cursor."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

STREAM_KEY = "segscope:events"
STREAM_LENGTH = 50_000

#: Cursor of a page whose snapshot was made while Redis was away: anything announced later makes it reload.
UNKNOWN_CURSOR = "0-0"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event: the experiment and run it is about (if any), its name and its data as JSON text."""

    cursor: str
    event: str
    data: str
    run_id: int | None
    experiment_id: int | None


def cursor_key(cursor: str) -> tuple[int, int]:
    """Return a cursor as numbers that compare in stream order.

    Raises
    ------
    ValueError
        Not a stream position such as ``1700000000000-0``.
    """
    milliseconds, _, sequence = cursor.partition("-")
    return int(milliseconds), int(sequence or 0)


def connect(url: str) -> redis.Redis:
    """Return a client that gives up quickly: a page or a training never waits long for an announcement."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=1.0,
        socket_timeout=2.0,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),
    )


class Announcer:
    """Writes announcements. Failures are logged and remembered, never raised: the database has the truth.

    Parameters
    ----------
    client : Redis or None
        None where nobody listens, as in a training without a server.
    """

    def __init__(self, client: redis.Redis | None) -> None:
        self._client = client
        self._missed = False

    def announce(
        self,
        event: str,
        data: Mapping[str, Any],
        *,
        run_id: int | None = None,
        experiment_id: int | None = None,
    ) -> None:
        """Append one event to the stream.

        After events that could not be delivered, the next success is preceded by a `reset`, so that every
        page that follows loads a fresh snapshot from the database.
        """
        if self._client is None:
            return
        fields = {
            "event": event,
            "data": json.dumps(data, separators=(",", ":"), allow_nan=False),
            "run": "" if run_id is None else str(run_id),
            "experiment": "" if experiment_id is None else str(experiment_id),
        }
        try:
            if self._missed:
                self._append({"event": "reset", "data": "{}", "run": "", "experiment": ""})
                self._missed = False
            self._append(fields)
        except redis.RedisError as error:
            if not self._missed:
                logger.warning("announcement failed, pages will reload: %s", error)
            self._missed = True

    def _append(self, fields: dict[str, str]) -> None:
        if self._client is not None:
            self._client.xadd(STREAM_KEY, cast("Any", fields), maxlen=STREAM_LENGTH, approximate=True)

    def cursor(self) -> str:
        """Return the present end of the stream; read it *before* the snapshot that it belongs to."""
        if self._client is None:
            return UNKNOWN_CURSOR
        try:
            last = cast("list[tuple[str, dict[str, str]]]", self._client.xrevrange(STREAM_KEY, count=1))
        except redis.RedisError:
            return UNKNOWN_CURSOR
        return last[0][0] if last else UNKNOWN_CURSOR


def parse_entries(entries: Iterable[tuple[str, Mapping[str, str]]]) -> list[Announcement]:
    """Return stream entries as announcements; one that is none of ours must not silence every page."""
    announcements = []
    for entry_id, fields in entries:
        try:
            announcements.append(
                Announcement(
                    cursor=entry_id,
                    event=fields["event"],
                    data=fields["data"],
                    run_id=int(fields["run"]) if fields.get("run") else None,
                    experiment_id=int(fields["experiment"]) if fields.get("experiment") else None,
                )
            )
        except (KeyError, ValueError):
            logger.warning("ignored the entry %s of the live stream, which Segscope did not write", entry_id)
    return announcements
