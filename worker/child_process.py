"""A child process: started fresh, logged to a file, ended by signal, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What a child says by the way it ends."""

    DONE = 0
    FAILED = 1
    STOPPED_ON_REQUEST = 20
    LEASE_LOST = 21
    PARENT_DIED = 22


class ChildProcess:
    """A supervised child.

    The child's standard input is a pipe that nobody writes to: when this process dies, however it dies, the child
    reads end-of-file and ends itself.

    Parameters
    ----------
    module : str
        Module to run with a fresh interpreter. A fork would inherit TensorFlow's threads, or hang on them.
    arguments : sequence of str
    environment : mapping
        Added to this process's environment.
    log_path : Path
        Standard output and error are appended there.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_path: Path,
    ) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                # Ctrl-C in a terminal reaches the whole group: the supervisor alone decides when a child stops.
                start_new_session=True,
            )
        self._kill_at: float | None = None

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal that ended it), or None while it runs."""
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self.kill()
        return self._process.poll()

    def request_stop(self, *, grace_seconds: float) -> None:
        """Ask the child to stop; after `grace_seconds`, `poll` kills it. Later requests change nothing."""
        if self._kill_at is None and self._process.poll() is None:
            self._kill_at = time.monotonic() + grace_seconds
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the child and all that it started at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Make sure that nothing is left."""
        self.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def end_with_parent() -> None:
    """Watch standard input (in a child): when the parent is gone, end this process at once."""

    def watch() -> None:
        # The raw descriptor: a buffered reader would hold its lock while the interpreter shuts down.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os._exit(ExitCode.PARENT_DIED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
