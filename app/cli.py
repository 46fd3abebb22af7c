"""The command line `segscope`."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app import __version__
from app.datasets.demo import write_demo_dataset
from app.domain.errors import InvalidInputError, SegscopeError, SettingsError
from app.settings import Settings, load_settings
from app.supervision import run_all

EXIT_FAILURE = 1
EXIT_USAGE = 2

cli = typer.Typer(
    name="segscope",
    help="Launch, watch and diagnose image-segmentation trainings from a browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

HostOption = Annotated[str | None, typer.Option(help="Address to serve on (SEGSCOPE_HOST).")]
PortOption = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to serve on (SEGSCOPE_PORT).")]
DataDirOption = Annotated[Path | None, typer.Option(help="Folder of the database and all files (SEGSCOPE_DATA_DIR).")]


def main() -> None:
    """Run the command line."""
    cli()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segscope {__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Launch, watch and diagnose image-segmentation trainings from a browser.

    Exit codes: 0 success, 1 the command failed, 2 wrong usage or a setting that makes a start impossible.
    """


@contextmanager
def _one_line_errors(*, as_json: bool = False) -> Iterator[None]:
    try:
        yield
    except SegscopeError as error:
        if as_json:
            typer.echo(json.dumps({"error": {"code": error.code, "message": error.message}}))
        typer.echo(f"segscope: {error.message}", err=True)
        usage = isinstance(error, SettingsError | InvalidInputError)
        raise typer.Exit(EXIT_USAGE if usage else EXIT_FAILURE) from error


def _settings(*, host: str | None = None, port: int | None = None, data_dir: Path | None = None) -> Settings:
    for name, value in (("HOST", host), ("PORT", port), ("DATA_DIR", data_dir)):
        if value is not None:
            os.environ[f"SEGSCOPE_{name}"] = str(value)
    return load_settings()


def _become(module: str) -> NoReturn:
    # A fresh process image: this one has imported what only other commands need.
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 - our own interpreter and module


@cli.command()
def up(host: HostOption = None, port: PortOption = None, data_dir: DataDirOption = None) -> None:
    """Run everything on this machine: Redis, web and one worker, until Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")

    def announce(url: str) -> None:
        typer.echo(f"\n  Segscope is ready: {url}\n  Stop it with Ctrl-C; trainings continue at the next start.\n")
        sys.stdout.flush()

    with _one_line_errors():
        run_all(_settings(host=host, port=port, data_dir=data_dir), on_ready=announce)


@cli.command()
def web(host: HostOption = None, port: PortOption = None, data_dir: DataDirOption = None) -> None:
    """Run only the web process; needs SEGSCOPE_REDIS_URL."""
    with _one_line_errors():
        _settings(host=host, port=port, data_dir=data_dir)
    _become("app.web")


@cli.command()
def worker(
    queues: Annotated[str | None, typer.Option(help="Queues to serve: gpu, cpu or both, comma-separated.")] = None,
    slots: Annotated[int | None, typer.Option(min=1, max=64, help="Trainings at the same time.")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run only a worker; needs SEGSCOPE_REDIS_URL and the same data folder and database as the web process."""
    with _one_line_errors():
        if queues is not None:
            os.environ["SEGSCOPE_WORKER_QUEUES"] = queues
        if slots is not None:
            os.environ["SEGSCOPE_WORKER_SLOTS"] = str(slots)
        _settings(data_dir=data_dir)
    _become("worker")


@cli.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to write; must not exist or be empty.")] = Path(
        "microbeads-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the generator.")] = 20251008,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write the generated demo dataset: 73 microbead images with masks, from 11 acquisitions."""
    with _one_line_errors(as_json=as_json):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidInputError(f"Invalid folder: {folder} exists and is not empty; choose a new one.")
        summary = write_demo_dataset(folder.resolve(), seed=seed)
        if as_json:
            typer.echo(json.dumps(asdict(summary)))
        else:
            typer.echo(
                f"{summary.items} images with masks in {folder}: {summary.beads_min} to {summary.beads_max} beads an "
                f"image, foreground {summary.foreground_mean:.1%} ± {summary.foreground_std:.1%}, "
                f"{summary.acquisitions} acquisitions."
            )
