"""The command line `segscope`: one module for each group of commands, put together here."""

from __future__ import annotations

from typing import Annotated

import typer

from app import __version__
from app.cli.check import check
from app.cli.demo import demo
from app.cli.diagnose import diagnose
from app.cli.serving import up, web, worker
from app.cli.train import reproduce, train

cli = typer.Typer(
    name="segscope",
    help="Launch, watch and diagnose image-segmentation trainings from a browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (up, web, worker, demo, check, train, reproduce, diagnose):
    cli.command()(command)


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
