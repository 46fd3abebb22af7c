"""The real system for a benchmark: `segscope up` on a free port with a data folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_READY_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """Where the system answers, what it keeps, and how long it took to serve the first page."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    seconds_to_page: float

    def request(self, path: str, payload: object | None = None) -> Any:
        """Ask the JSON API; a payload makes it a POST."""
        body = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(self.url + path, data=body, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def wait_for_demo(self) -> int:
        """Register the demo dataset and wait until it is ready; return its number."""
        dataset = self.request("/api/datasets/demo", {})
        while dataset["state"] != "ready":
            if dataset["state"] == "failed":
                raise RuntimeError(dataset["message"])
            time.sleep(0.2)
            dataset = self.request(f"/api/datasets/{dataset['id']}")
        return int(dataset["id"])


@contextmanager
def running_system(*, data_dir: Path | None = None) -> Iterator[RunningSystem]:
    """Start everything and stop it again."""
    with tempfile.TemporaryDirectory(prefix="segscope-bench-") as temporary, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        folder = data_dir or Path(temporary)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "up", "--port", str(port), "--data-dir", str(folder)],
            env={**os.environ, "SEGSCOPE_REDIS_URL": ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for_page(f"{url}/runs", process)
            yield RunningSystem(url, folder, process, time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _wait_for_page(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"no page at {url}")
