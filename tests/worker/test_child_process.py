"""A child that is asked to stop, then made to, and that never outlives its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.processes import PROJECT_ROOT, wait_until
from worker.child_process import ChildProcess, ExitCode

STUBBORN = """
import signal, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
from worker.child_process import end_with_parent
end_with_parent()
print("ready", flush=True)
if "quick" not in sys.argv:
    time.sleep(60)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a module for the child."""
    (tmp_path / "a_child.py").write_text(STUBBORN)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{PROJECT_ROOT}")
    return "a_child"


def start(module: str, tmp_path: Path, *arguments: str) -> ChildProcess:
    log = tmp_path / "logs" / "log.txt"
    child = ChildProcess(module, arguments, environment={}, log_path=log)
    wait_until(lambda: "ready" in log.read_text(), what="the child", seconds=20)
    return child


def test_its_output_and_exit_code_are_kept(module: str, tmp_path: Path) -> None:
    child = start(module, tmp_path, "quick")

    assert wait_until(lambda: child.poll() is not None, what="the end", seconds=10)
    assert child.poll() == ExitCode.DONE
    child.close()


def test_it_stops_when_asked(module: str, tmp_path: Path) -> None:
    child = start(module, tmp_path)

    child.request_stop(grace_seconds=30)

    wait_until(lambda: child.poll() is not None, what="the end", seconds=10)
    assert child.poll() == -signal.SIGTERM
    child.close()


def test_it_is_killed_after_the_grace_time(module: str, tmp_path: Path) -> None:
    child = start(module, tmp_path, "stubborn")
    asked = time.monotonic()

    child.request_stop(grace_seconds=0.5)
    child.request_stop(grace_seconds=60)

    wait_until(lambda: child.poll() is not None, what="the end", seconds=10)
    assert child.poll() == -signal.SIGKILL
    assert time.monotonic() - asked >= 0.5
    child.close()


def test_close_leaves_nothing(module: str, tmp_path: Path) -> None:
    child = start(module, tmp_path, "stubborn")

    child.close()

    assert not psutil.pid_exists(child.pid)


def test_it_ends_when_its_parent_is_killed(module: str, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    code = (
        "import time; from pathlib import Path; from worker.child_process import ChildProcess\n"
        f"child = ChildProcess({module!r}, ['stubborn'], environment={{}}, log_path=Path({str(log)!r}))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        wait_until(lambda: "ready" in log.read_text(), what="the child", seconds=20)
        parent.kill()

    wait_until(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the orphan's end", seconds=10
    )
