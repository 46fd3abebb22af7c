"""Launches, watches and checks tiny trainings over the API."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import httpx

from app.domain.history import HISTORY_COLUMNS
from tests.factories import tiny_spec

ENDED = {"finished", "stopped", "failed"}

#: Long enough that a test can interfere in the middle: two to five epochs a second.
MANY_EPOCHS = 15


def launch(api: httpx.Client, dataset_id: int, **choices: Any) -> list[int]:
    """Launch an experiment and return its runs."""
    answer = api.post("/api/experiments", json=tiny_spec(dataset_id, **choices))
    assert answer.status_code == 201, answer.text
    return [run["id"] for run in answer.json()["runs"]]


def read_run(api: httpx.Client, run_id: int) -> dict[str, Any]:
    """Return a run; a web process that is away for a moment is waited for."""
    deadline = time.monotonic() + 30
    while True:
        try:
            view: dict[str, Any] = api.get(f"/api/runs/{run_id}").raise_for_status().json()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the web process does not come back"
            time.sleep(0.2)
        else:
            return view


def wait_for_epoch(api: httpx.Client, run_id: int, epoch: int, *, seconds: float = 60) -> dict[str, Any]:
    """Wait until an epoch is stored while the run still trains."""
    deadline = time.monotonic() + seconds
    while (run := read_run(api, run_id))["epoch"] < epoch:
        assert run["state"] not in ENDED, run
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    assert run["state"] == "running", run
    return run


def wait_for_state(api: httpx.Client, run_id: int, *states: str, seconds: float = 90) -> dict[str, Any]:
    """Wait until a run is in one of `states`; an end that is none of them fails at once."""
    deadline = time.monotonic() + seconds
    while (run := read_run(api, run_id))["state"] not in states:
        assert run["state"] not in ENDED, run
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    return run


def check_history(api: httpx.Client, run_id: int, *, epochs: int) -> dict[str, Any]:
    """Check that `history.csv` and the snapshot have each epoch and each step exactly once; return the snapshot."""
    text = api.get(f"/api/runs/{run_id}/history.csv").raise_for_status().text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == HISTORY_COLUMNS
    assert [int(row["epoch"]) for row in rows] == list(range(epochs)), "Keras counts from 0"
    snapshot: dict[str, Any] = api.get(f"/api/runs/{run_id}/snapshot").raise_for_status().json()
    table = snapshot["epochs"]["columns"]
    assert table["epoch"] == list(range(1, epochs + 1))
    for name in HISTORY_COLUMNS[1:]:
        assert [float(row[name]) for row in rows] == [float(value) for value in table[name]], name
    per_epoch = snapshot["run"]["steps_per_epoch"]
    assert table["step"] == [per_epoch * (number + 1) for number in range(epochs)]
    return snapshot


def check_steps(snapshot: dict[str, Any], *, epochs: int) -> None:
    """Check that there is each step once, without a gap."""
    total = epochs * snapshot["run"]["steps_per_epoch"]
    assert snapshot["steps_total"] == total
    assert snapshot["run"]["step"] == total
    assert snapshot["steps"]["columns"]["step"] == list(range(1, total + 1))


def run_folder(data_dir: Path, run_id: int) -> Path:
    return data_dir / "artifacts" / "runs" / str(run_id)
