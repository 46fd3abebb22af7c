"""Killed at any moment, again and again, a training ends as if nobody had touched it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.worker.training.full_training import all_files
from tests.worker.training.killed_training import read_lines

pytestmark = pytest.mark.slow

#: Each process is killed after it has written this many more steps, and then a moment later (seconds): in the first
#: epoch, while a checkpoint is written and the next epoch trains, and in the middle of an epoch.
KILLS = ((2, 0.0), (4, 0.15), (5, 0.02), (1, 0.3))


def start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.worker.training.killed_training", str(folder)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def kill_after_steps(folder: Path, steps: int, moment: float) -> None:
    process = start(folder)
    committed = {epoch["step"] for epoch in read_lines(folder / "epochs.jsonl")}
    goal = max(committed, default=0) + steps
    deadline = time.monotonic() + 300
    while not any(line["step"] >= goal for line in read_lines(folder / "steps.jsonl")):
        assert process.poll() is None, (folder / "log.txt").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(moment)
    process.kill()
    process.wait()


def test_kill_9_leaves_no_trace(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    assert start(straight).wait() == 0, (straight / "log.txt").read_text()[-3000:]
    for steps, moment in KILLS:
        kill_after_steps(killed, steps, moment)
        assert not (killed / "notes.json").exists(), "the training was over before it was killed"
    assert start(killed).wait() == 0, (killed / "log.txt").read_text()[-3000:]

    for name in ("epochs.jsonl", "steps.jsonl"):
        assert read_lines(killed / name) == read_lines(straight / name)
    assert json.loads((killed / "notes.json").read_text()) == json.loads((straight / "notes.json").read_text())
    one, other = all_files(killed / "checkpoints"), all_files(straight / "checkpoints")
    assert one.keys() == other.keys()
    for name, arrays in one.items():
        for left, right in zip(arrays, other[name], strict=True):
            np.testing.assert_array_equal(left, right, err_msg=name)
