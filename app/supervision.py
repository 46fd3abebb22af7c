"""Runs all of Segscope on one machine: Redis, web and worker as supervised processes."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from app.domain.errors import SettingsError
from app.redis_server import answers, prepare_redis_server
from app.settings import Settings
from app.web.ports import check_port_free
from app.web.security import check_exposure, is_loopback

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_READY_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 30.0
_STABLE_SECONDS = 60.0


class ManagedProcess:
    """A process that is started again when it ends by itself, after pauses that double up to half a minute."""

    def __init__(self, name: str, command: Sequence[str], *, environment: dict[str, str], grace_seconds: float) -> None:
        self.name = name
        self._command = list(command)
        self._environment = environment
        self._grace_seconds = grace_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause_seconds = 1.0

    @property
    def pid(self) -> int | None:
        """Process number, or None between two starts."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches only the supervisor."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._started_at = time.monotonic()

    def look(self) -> None:
        """Start the process again if it has ended and its pause is over."""
        now = time.monotonic()
        if self._process is not None and (code := self._process.poll()) is not None:
            if now - self._started_at > _STABLE_SECONDS:
                self._pause_seconds = 1.0
            logger.error(
                "%s ended unexpectedly (exit code %s); it is started again in %.0f s",
                self.name,
                code,
                self._pause_seconds,
            )
            self._process = None
            self._start_at = now + self._pause_seconds
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
        if self._process is None and now >= self._start_at:
            self.start()

    def stop(self) -> None:
        """Ask the process to end and wait; end it by force after its grace time."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(self._grace_seconds)
            except subprocess.TimeoutExpired:
                logger.warning("%s did not stop in %.0f s and is killed", self.name, self._grace_seconds)
                self._process.kill()
                self._process.wait()
        self._process = None


def run_all(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """Start everything, keep it running until SIGINT or SIGTERM, stop it in order.

    Parameters
    ----------
    on_ready : callable
        Called once with the address when the first page is served.

    Raises
    ------
    SettingsError
        One line about what makes a start impossible.
    """
    check_exposure(settings)
    data_dir = settings.resolved_data_dir
    _check_writable(data_dir)
    with _sole_owner(data_dir), _stop_signals() as stop:
        check_port_free(settings.host, settings.port)
        environment = {"SEGSCOPE_DATA_DIR": str(data_dir), "SEGSCOPE_PORT": str(settings.port)}
        environment["SEGSCOPE_HOST"] = settings.host
        processes: list[ManagedProcess] = []
        server = None
        try:
            if settings.redis_url:
                if not answers(settings.redis_url):
                    raise SettingsError(
                        f"No Redis answers at SEGSCOPE_REDIS_URL={settings.redis_url!r}; start it, correct the URL, "
                        "or unset it to use the built-in one."
                    )
                environment["SEGSCOPE_REDIS_URL"] = settings.redis_url
            else:
                server = prepare_redis_server(data_dir)
                environment["SEGSCOPE_REDIS_URL"] = server.url
                processes.append(ManagedProcess("redis", server.command, environment={}, grace_seconds=5))
                processes[0].start()
                _wait_for("redis", server.is_ready, processes, stop)
                server.publish_address()
            web = ManagedProcess(
                "web",
                [sys.executable, "-m", "app.web"],
                # Request threads would each keep a heap of their own.
                environment={**environment, "MALLOC_ARENA_MAX": "2"},
                grace_seconds=8,
            )
            worker = ManagedProcess(
                "worker",
                [sys.executable, "-m", "worker"],
                environment=environment,
                grace_seconds=settings.cancel_grace_seconds + 15,
            )
            processes.extend([web, worker])
            web.start()
            # The web process migrates the database; the worker would wait for the same lock.
            _wait_for("web", lambda: _serves(settings), processes, stop)
            worker.start()
            if not stop.is_set():
                on_ready(address(settings))
            while not stop.wait(_LOOK_SECONDS):
                for process in processes:
                    process.look()
        finally:
            # The worker first: it hands running trainings back while the database and Redis are still there.
            for process in reversed(processes):
                process.stop()
            if server is not None:
                server.remove_socket()


def address(settings: Settings) -> str:
    """Return the address that a person opens."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        probe = data_dir / f".write-test-{os.getpid()}"
        probe.write_bytes(b"ok")
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"The data folder {data_dir} cannot be written ({error.strerror or error}); "
            "choose another with SEGSCOPE_DATA_DIR or mend its permissions."
        ) from error


@contextmanager
def _sole_owner(data_dir: Path) -> Iterator[None]:
    with (data_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"Another 'segscope up' already uses the data folder {data_dir}; stop it, "
                "or choose another folder with SEGSCOPE_DATA_DIR."
            ) from error
        yield


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stop = threading.Event()

    def request(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait_for(name: str, is_ready: Callable[[], bool], processes: list[ManagedProcess], stop: threading.Event) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready():
        if stop.wait(0.05):
            return
        if time.monotonic() > deadline:
            raise SettingsError(
                f"The {name} process did not answer within {_READY_SECONDS:.0f} s; its output is above."
            )
        for process in processes:
            if process.pid is not None:
                process.look()


def _serves(settings: Settings) -> bool:
    host = address(settings) if is_loopback(settings.host) else f"http://127.0.0.1:{settings.port}"
    try:
        with urllib.request.urlopen(f"{host}/healthz", timeout=1.0) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False
