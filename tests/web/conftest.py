"""A web process without a worker, whose live stream the tests write themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.store.stream import Announcer, connect
from tests.processes import Segscope


@pytest.fixture(scope="session")
def web_process(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Segscope]:
    """Run `segscope web` alone, on the Redis that the tests share."""
    server = Segscope(
        tmp_path_factory.mktemp("web") / "data", command="web", settings={"SEGSCOPE_REDIS_URL": redis_url}
    )
    server.start()
    yield server
    server.kill()


@pytest.fixture
def announcer(redis_url: str) -> Iterator[Announcer]:
    """Return an announcer on the stream that `web_process` reads."""
    client = connect(redis_url)
    yield Announcer(client)
    client.close()
