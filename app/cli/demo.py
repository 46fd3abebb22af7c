"""`segscope demo`: the generated dataset, without a server."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import JsonOption, one_line_errors
from app.datasets.demo.writing import write_demo_dataset
from app.domain.errors import InvalidInputError


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to write; must not exist or be empty.")] = Path(
        "microbeads-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the generator.")] = 20251008,
    as_json: JsonOption = False,
) -> None:
    """Write the generated demo dataset: 73 microbead images with masks, from 11 acquisitions."""
    with one_line_errors(as_json=as_json):
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
