"""What makes a start impossible is said in one line, with exit code 2."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import httpx
import pytest

from tests.processes import Segscope, run_segscope


def refuses(arguments: list[str], *, says: list[str], **settings: str) -> None:
    result = run_segscope(arguments, **settings)

    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    for text in says:
        assert text in lines[0]


def test_a_second_up_on_the_same_folder(live_server: Segscope, api: httpx.Client) -> None:
    folder = str(live_server.data_dir)

    refuses(["up", "--port", "1024"], says=["Another 'segscope up'", folder], SEGSCOPE_DATA_DIR=folder)

    assert api.get("/healthz").status_code == 200


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refuses(["up"], says=[f"Port {port}", "in use"], SEGSCOPE_DATA_DIR=str(tmp_path), SEGSCOPE_PORT=port)


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()

    refuses(["up"], says=[str(file), "cannot be written"], SEGSCOPE_DATA_DIR=str(file))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    refuses(["up"], says=[str(tmp_path), "cannot be written"], SEGSCOPE_DATA_DIR=str(tmp_path))


def test_a_redis_that_does_not_answer(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/no.sock"

    refuses(["up"], says=[url], SEGSCOPE_DATA_DIR=str(tmp_path / "data"), SEGSCOPE_REDIS_URL=url)


def test_a_setting_that_is_wrong(tmp_path: Path) -> None:
    refuses(
        ["up"],
        says=["SEGSCOPE_PORT='eighty'"],
        SEGSCOPE_DATA_DIR=str(tmp_path),
        SEGSCOPE_PORT="eighty",
    )


@pytest.mark.parametrize("command", ["web", "worker"])
def test_a_process_alone_needs_a_redis(command: str, tmp_path: Path) -> None:
    if command == "web":
        refuses([command], says=["SEGSCOPE_REDIS_URL"], SEGSCOPE_DATA_DIR=str(tmp_path))
    else:
        result = run_segscope([command], SEGSCOPE_DATA_DIR=str(tmp_path))
        assert result.returncode == 2
        assert "SEGSCOPE_REDIS_URL" in result.stderr
