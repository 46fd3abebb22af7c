"""How every command ends: its exit code, one line for an error, JSON where it was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.domain.errors import InvalidInputError, SegscopeError, SettingsError

EXIT_FAILURE = 1
EXIT_USAGE = 2

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@contextmanager
def one_line_errors(*, as_json: bool = False) -> Iterator[None]:
    """End the command with one line on standard error, and with the error as JSON if `as_json`."""
    try:
        yield
    except SegscopeError as error:
        if as_json:
            typer.echo(json.dumps({"error": {"code": error.code, "message": error.message}}))
        typer.echo(f"segscope: {error.message}", err=True)
        usage = isinstance(error, SettingsError | InvalidInputError)
        raise typer.Exit(EXIT_USAGE if usage else EXIT_FAILURE) from error
