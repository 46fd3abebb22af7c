"""`segscope up`, `web` and `worker`: the processes."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.cli.output import one_line_errors
from app.settings import Settings, load_settings
from app.supervision import run_all

HostOption = Annotated[str | None, typer.Option(help="Address to serve on (SEGSCOPE_HOST).")]
PortOption = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to serve on (SEGSCOPE_PORT).")]
DataDirOption = Annotated[Path | None, typer.Option(help="Folder of the database and all files (SEGSCOPE_DATA_DIR).")]


def _settings(*, host: str | None = None, port: int | None = None, data_dir: Path | None = None) -> Settings:
    for name, value in (("HOST", host), ("PORT", port), ("DATA_DIR", data_dir)):
        if value is not None:
            os.environ[f"SEGSCOPE_{name}"] = str(value)
    return load_settings()


def become(module: str, *arguments: str) -> NoReturn:
    """Replace this process by `python -m module arguments`."""
    # A fresh process image: this one has imported what only other commands need.
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - our own interpreter and module


def up(host: HostOption = None, port: PortOption = None, data_dir: DataDirOption = None) -> None:
    """Run everything on this machine: Redis, web and one worker, until Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")

    def announce(url: str) -> None:
        typer.echo(f"\n  Segscope is ready: {url}\n  Stop it with Ctrl-C; trainings continue at the next start.\n")
        sys.stdout.flush()

    with one_line_errors():
        run_all(_settings(host=host, port=port, data_dir=data_dir), on_ready=announce)


def web(host: HostOption = None, port: PortOption = None, data_dir: DataDirOption = None) -> None:
    """Run only the web process; needs SEGSCOPE_REDIS_URL."""
    with one_line_errors():
        _settings(host=host, port=port, data_dir=data_dir)
    become("app.web")


def worker(
    queues: Annotated[str | None, typer.Option(help="Queues to serve: gpu, cpu or both, comma-separated.")] = None,
    slots: Annotated[int | None, typer.Option(min=1, max=64, help="Trainings at the same time.")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run only a worker; needs SEGSCOPE_REDIS_URL and the same data folder and database as the web process."""
    with one_line_errors():
        if queues is not None:
            os.environ["SEGSCOPE_WORKER_QUEUES"] = queues
        if slots is not None:
            os.environ["SEGSCOPE_WORKER_SLOTS"] = str(slots)
        _settings(data_dir=data_dir)
    become("worker")
