"""The live stream as server-sent events; `docs/architecture.md` lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.store.stream import Announcement
from app.web.live import LiveHub

router = APIRouter(prefix="/api/events", tags=["live"])

_CURSOR_PATTERN = r"^\d{1,19}-\d{1,19}$"
# A page of a run or an experiment wants all of its steps; lists do without them.
_LIST_EVENTS = {"run", "dataset", "workers"}


@router.get("", response_class=EventSourceResponse)
async def follow_events(
    request: Request,
    cursor: Annotated[str, Query(pattern=_CURSOR_PATTERN)] = "0-0",
    run: Annotated[list[int] | None, Query()] = None,
    experiment: Annotated[list[int] | None, Query()] = None,
    topic: Annotated[str, Query(pattern="^(all|selected)$")] = "selected",
    last_event_id: Annotated[str | None, Header(pattern=_CURSOR_PATTERN)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Follow what happens after `cursor` (after `Last-Event-ID`, when the browser reconnects).

    `run` and `experiment` select whose steps and epochs are wanted; `topic=all` adds the changes of state of
    every run, dataset and worker.
    """
    runs, experiments = frozenset(run or ()), frozenset(experiment or ())

    def wanted(announcement: Announcement) -> bool:
        selected = announcement.run_id in runs or announcement.experiment_id in experiments
        return selected or (topic == "all" and announcement.event in _LIST_EVENTS)

    hub = cast("LiveHub", request.app.state.live_hub)
    async for event in hub.follow(last_event_id or cursor, wanted):
        yield event
