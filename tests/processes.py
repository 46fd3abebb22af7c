"""Real processes for the tests: `segscope up` or `segscope web` on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import httpx

PROJECT_ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0

#: Fast heartbeats keep the tests short.
FAST = {"SEGSCOPE_HEARTBEAT_SECONDS": "0.5", "SEGSCOPE_LEASE_SECONDS": "3", "SEGSCOPE_CANCEL_GRACE_SECONDS": "10"}

_Value = TypeVar("_Value")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with `settings` as the only SEGSCOPE_ variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGSCOPE_")}
    return {**kept, **FAST, "CUDA_VISIBLE_DEVICES": "", **settings}


def wait_until(look: Callable[[], _Value | None], *, what: str, seconds: float = 60.0) -> _Value:
    """Return the first true value of `look`, or fail and say what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if value := look():
            return value
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


def run_segscope(arguments: Sequence[str], **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=PROJECT_ROOT,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Segscope:
    """A running `segscope` process; its output goes to `<data_dir>.log`."""

    def __init__(self, data_dir: Path, *, command: str = "up", settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self._command = command
        self._environment = clean_environment(
            SEGSCOPE_DATA_DIR=str(data_dir), SEGSCOPE_PORT=str(self.port), **(settings or {})
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it serves (`up`: until it says that it is ready)."""
        printed = len(self.log)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", self._command],
                cwd=PROJECT_ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._is_ready(printed), what=f"segscope {self._command}", seconds=START_SECONDS)
        except BaseException:
            self.kill()
            raise

    def _is_ready(self, printed: int) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log}"
        if self._command == "up":
            return "Segscope is ready" in self.log[printed:]
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
