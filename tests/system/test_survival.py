"""Processes that die in the middle: nothing is lost, nothing trains twice, and the run says the truth."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.store.database import Database
from app.store.queries import get_run
from tests.factories import register_folder, write_pairs
from tests.processes import Segscope, wait_until
from tests.system.trainings import (
    MANY_EPOCHS,
    check_history,
    check_steps,
    launch,
    read_run,
    wait_for_epoch,
    wait_for_state,
)

pytestmark = pytest.mark.slow


def live_worker(api: httpx.Client, *, other_than: int | None = None) -> dict[str, Any] | None:
    workers = api.get("/api/workers").json()["workers"]
    return next((one for one in workers if one["state"] == "live" and one["pid"] != other_than), None)


def training_child(worker_pid: int) -> psutil.Process:
    [child] = [
        process
        for process in psutil.Process(worker_pid).children(recursive=True)
        if "worker.training_process" in process.cmdline()
    ]
    return child


def announced(api: httpx.Client, run_id: int, *, after: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a run that the live stream has after a cursor."""
    events: list[tuple[str, dict[str, Any]]] = []
    name, pings = "", 0
    with api.stream("GET", "/api/events", params={"run": run_id, "cursor": after}) as response:
        for line in response.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
                pings += name == "ping"
            if key == "data" and name != "ping":
                events.append((name, json.loads(value)))
            if pings == 2:
                break
    return events


def test_a_killed_worker_loses_the_run_and_it_resumes(api: httpx.Client, beads: int) -> None:
    [run_id] = launch(api, beads, epochs=MANY_EPOCHS)
    before = wait_for_epoch(api, run_id, 3)
    worker = live_worker(api)
    assert worker is not None
    assert before["worker_id"] == worker["id"]
    child = training_child(worker["pid"])
    cursor = api.get(f"/api/runs/{run_id}/snapshot").json()["cursor"]

    os.kill(worker["pid"], signal.SIGKILL)

    wait_until(lambda: not child.is_running() or None, what="the orphan to end itself", seconds=10)
    run = wait_for_state(api, run_id, "finished")
    assert (run["attempt"], run["epoch"]) == (2, MANY_EPOCHS)
    assert run["worker_id"] != worker["id"]
    check_steps(check_history(api, run_id, epochs=MANY_EPOCHS), epochs=MANY_EPOCHS)
    events = announced(api, run_id, after=cursor)
    states = [(data["run"]["state"], data["run"]["message"]) for name, data in events if name == "run"]
    [lost] = {message for state, message in states if state == "lost"}
    assert "resumes from epoch" in lost
    [rewound] = [data for name, data in events if name == "rewind"]
    assert rewound["epoch"] >= 3
    epochs = [data["epoch"] for name, data in events if name == "epoch"]
    assert epochs == list(range(epochs[0], MANY_EPOCHS + 1)), "each epoch is announced once"


def test_a_killed_training_fails_with_a_reason(api: httpx.Client, beads: int) -> None:
    [run_id] = launch(api, beads, epochs=5000)
    wait_for_epoch(api, run_id, 2)
    worker = live_worker(api)
    assert worker is not None

    training_child(worker["pid"]).kill()
    run = wait_for_state(api, run_id, "failed", seconds=20)

    assert run["stop_reason"] == "killed"
    assert "out of memory" in run["message"]
    assert "retry" in run["message"]
    check_history(api, run_id, epochs=run["epoch"])


def test_a_killed_web_process_comes_back_while_the_training_goes_on(
    api: httpx.Client, live_server: Segscope, beads: int
) -> None:
    [run_id] = launch(api, beads, epochs=MANY_EPOCHS)
    wait_for_epoch(api, run_id, 1)
    assert live_server.process is not None
    [web] = [
        process
        for process in psutil.Process(live_server.process.pid).children()
        if process.cmdline()[-1:] == ["app.web"] or process.cmdline()[-2:] == ["app", "web"]
    ]

    web.kill()

    def is_back() -> bool:
        try:
            return api.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(lambda: not is_back() or None, what="the web process to die", seconds=5)
    wait_until(is_back, what="the web process to come back", seconds=20)
    assert read_run(api, run_id)["attempt"] == 1
    run = wait_for_state(api, run_id, "finished")
    assert run["attempt"] == 1, "the training did not notice"
    check_steps(check_history(api, run_id, epochs=MANY_EPOCHS), epochs=MANY_EPOCHS)


def test_a_restart_of_everything_hands_back_and_resumes(tmp_path: Path) -> None:
    server = Segscope(tmp_path / "data")
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=20) as api:
            dataset = register_folder(api, write_pairs(tmp_path / "data" / "beads"))
            [run_id] = launch(api, dataset["id"], epochs=MANY_EPOCHS)
            wait_for_epoch(api, run_id, 2)
            assert server.process is not None
            family = psutil.Process(server.process.pid).children(recursive=True)

            assert server.stop() == 0, server.log

            assert not [process for process in family if process.is_running()], "Ctrl-C leaves nothing behind"
        run = _stored_run(server, run_id)
        assert (run["state"], run["stop_reason"], run["worker_id"]) == ("queued", "worker-shutdown", None)
        assert run["epoch"] >= 2

        server.start()
        with httpx.Client(base_url=server.url, timeout=20) as api:
            finished = wait_for_state(api, run_id, "finished")
            assert finished["attempt"] == 2
            check_steps(check_history(api, run_id, epochs=MANY_EPOCHS), epochs=MANY_EPOCHS)
        assert server.stop() == 0, server.log
    finally:
        server.kill()


def _stored_run(server: Segscope, run_id: int) -> dict[str, Any]:
    database = Database(f"sqlite:///{server.data_dir / 'segscope.db'}")
    try:
        return get_run(database, run_id).model_dump()
    finally:
        database.dispose()
