"""Fixtures that need a real server: Redis, PostgreSQL, Segscope itself."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from app.redis_server import RedisServer, prepare_redis_server
from app.store.database import Database
from app.store.migrations import upgrade
from tests.factories import register_folder, write_pairs
from tests.processes import Segscope, wait_until


class RedisProcess:
    """A Redis of the tests' own that can be taken away and brought back."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> None:
        self._process = subprocess.Popen(self._server.command, stdout=subprocess.DEVNULL)
        wait_until(self._server.is_ready, what="Redis", seconds=20)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def remove(self) -> None:
        self.stop()
        self._server.remove_socket()


@pytest.fixture
def redis_process(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a Redis that the test may stop and start."""
    process = RedisProcess(prepare_redis_server(tmp_path))
    process.start()
    yield process
    process.remove()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Redis that all tests share."""
    process = RedisProcess(prepare_redis_server(tmp_path_factory.mktemp("redis")))
    process.start()
    yield process.url
    process.remove()


# --- Databases --------------------------------------------------------------------------------------------------


class Postgresql:
    """A PostgreSQL server of the tests' own on a unix socket, run by a user that is not root."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user = user
        self._databases = 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        if self._user:
            command = ["runuser", "-u", self._user, "--", *command]
        result = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, f"{shlex.join(command)}:\n{result.stdout}{result.stderr}"

    def start(self) -> None:
        data, log = self._folder / "data", self._folder / "log"
        self._run("initdb", "-D", str(data), "-U", "segscope", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off -c max_connections=50"
        # Output goes to a file: a server that inherits a pipe would keep `subprocess.run` waiting.
        self._run("pg_ctl", "-D", str(data), "-l", str(log), "-o", options, "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def create_database(self) -> str:
        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(f"postgresql://segscope@/postgres?host={self._folder}", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://segscope@/{name}?host={self._folder}"


def _find_postgresql() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("pg_ctl")
    folders = [*reversed(installed), *([Path(on_path).parent] if on_path else [])]
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """Start a PostgreSQL server, or skip where there is none."""
    binaries = _find_postgresql()
    if binaries is None:
        pytest.skip("no PostgreSQL here: neither /usr/lib/postgresql/*/bin nor PATH has initdb")
    user = None
    folder = Path(tempfile.mkdtemp(prefix="segscope-pg-"))
    if os.geteuid() == 0:
        user = "postgres"
        try:
            shutil.chown(folder, user)
            pwd.getpwnam(user)
        except (LookupError, KeyError):
            shutil.rmtree(folder)
            pytest.skip("PostgreSQL refuses to run as root and there is no user 'postgres'")
    server = Postgresql(binaries, folder, user)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Return a database without tables, once for SQLite and once for PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'segscope.db'}"
    else:
        url = request.getfixturevalue("postgresql").create_database()
    database = Database(url)
    yield database
    database.dispose()


@pytest.fixture
def database(empty_database: Database) -> Database:
    """Return a migrated database, once for SQLite and once for PostgreSQL."""
    upgrade(empty_database)
    return empty_database


# --- Segscope itself --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segscope]:
    """Run `segscope up`; at the end Ctrl-C must end it with exit code 0.

    Its worker serves the `cpu` queue only, so that what waits for `gpu` waits for ever.
    """
    folder = tmp_path_factory.mktemp("live")
    roots = folder / "roots"
    roots.mkdir()
    server = Segscope(folder / "data", settings={"SEGSCOPE_WORKER_QUEUES": "cpu", "SEGSCOPE_DATASET_ROOTS": str(roots)})
    server.start()
    yield server
    assert server.stop() == 0, server.log


@pytest.fixture(scope="session")
def roots(live_server: Segscope) -> Path:
    """Return the folder below which the live server registers datasets."""
    return live_server.data_dir.parent / "roots"


@pytest.fixture
def api(live_server: Segscope) -> Iterator[httpx.Client]:
    """Return a client of the live server."""
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def beads(live_server: Segscope, roots: Path) -> int:
    """Return the id of a small dataset that is ready."""
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        view = register_folder(client, write_pairs(roots / "beads"))
    assert (view["state"], view["n_items"]) == ("ready", 12), view
    return int(view["id"])
