"""`segscope diagnose`: what any training history says, without a server."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import EXIT_FAILURE, JsonOption, one_line_errors
from app.diagnosis.diagnose import Diagnosis
from app.diagnosis.diagnose import diagnose as diagnose_history
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.importing import MOST_BYTES, decode_history, parse_history
from app.diagnosis.state import HistoryState
from app.domain.errors import InvalidInputError
from app.domain.findings import Finding, Severity

_IMAGE_SIZE = re.compile(r"^(\d+)(?:[x×](\d+))?$")
_MOST_SIDE = 100_000

#: Text is no wider than can be read well.
_MOST_COLUMNS = 110

_BY_SEVERITY = tuple(reversed(Severity))


def diagnose(
    histories: Annotated[list[str], typer.Argument(metavar="HISTORY.csv…", help="CSV files, one line an epoch.")],
    image_size: Annotated[
        str | None, typer.Option(metavar="SIDE|HxW", help="Validation images, such as 256 or 256x512 (height first).")
    ] = None,
    training_items: Annotated[int | None, typer.Option(min=1, help="Number of training images.")] = None,
    validation_items: Annotated[int | None, typer.Option(min=1, help="Number of validation images.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images a step.")] = None,
    steps_per_epoch: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps an epoch (else training items / batch size).")
    ] = None,
    momentum: Annotated[
        float | None, typer.Option(min=0, max=1, help="Momentum of the batch normalisations (Keras: 0.99).")
    ] = None,
    running: Annotated[
        bool, typer.Option("--running", help="The trainings go on: a slow start may still pass.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say how Keras training histories stand, what went wrong, and what their numbers prove.

    With --json one object a line for each file. Exit code 0 if at least one file could be read, whatever it says.
    """
    with one_line_errors(as_json=as_json):
        height, width = _size(image_size)
        if momentum == 1:
            raise InvalidInputError("Invalid momentum: received 1, expected less; moving statistics would never move.")
        facts = TrainingFacts(
            image_height=height,
            image_width=width,
            validation_items=validation_items,
            training_items=training_items,
            batch_size=batch_size,
            given_steps_per_epoch=steps_per_epoch,
            batchnorm_momentum=momentum,
        )
    readable = 0
    for index, name in enumerate(histories):
        try:
            diagnosis = diagnose_history(_read(name), facts=facts, ended=not running)
        except InvalidInputError as error:
            result = {"file": name, "state": HistoryState.UNREADABLE.value, "error": error.message}
            text = f"{name}: {HistoryState.UNREADABLE}\n  {error.message}"
        else:
            readable += 1
            result = _as_json(name, diagnosis)
            text = "\n".join(_as_text(name, diagnosis))
        if as_json:
            typer.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
        else:
            typer.echo(text if index == 0 else f"\n{text}")
    if not readable:
        typer.echo(f"segscope: none of the {len(histories)} files could be read as a history.", err=True)
        raise typer.Exit(EXIT_FAILURE)


def _size(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    match = _IMAGE_SIZE.match(text.strip().lower())
    sides = [] if match is None else [int(side) for side in match.groups() if side is not None]
    if not sides or not all(1 <= side <= _MOST_SIDE for side in sides):
        raise InvalidInputError(
            f"Invalid image size: received {text!r}, expected one side of square images (256) or height x width "
            "(256x512)."
        )
    return sides[0], sides[-1]


def _read(name: str) -> HistoryTable:
    path = Path(name)
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise InvalidInputError(
                f"Invalid history: received {path.stat().st_size / 1e6:.0f} MB, expected a CSV file with one line "
                "an epoch."
            )
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidInputError(
            f"Invalid history: received {name!r}, which cannot be read ({reason}), expected a CSV file. Check the path."
        ) from None
    return parse_history(decode_history(data))


def _as_json(name: str, diagnosis: Diagnosis) -> dict[str, Any]:
    return {"file": name, **diagnosis.model_dump(mode="json")}


# === Text ===


def _as_text(name: str, diagnosis: Diagnosis) -> Iterator[str]:
    yield f"{name}: {diagnosis.state.value}"
    yield from _wrapped(diagnosis.summary, indent=2)
    if diagnosis.findings:
        yield "  Findings"
    # What is still wrong comes first, the worst of it on top.
    for finding in sorted(diagnosis.findings, key=lambda one: (not one.is_open, _BY_SEVERITY.index(one.severity))):
        yield f"    {finding.severity.value:8} {_span(finding):18} {finding.title} ({finding.code.value})"
        yield from _wrapped(finding.message, indent=13)
    if diagnosis.forensics:
        yield "  What the numbers show"
    for argument, statement in diagnosis.forensics.items():
        yield f"    {argument.value.replace('_', ' ')} ({statement.certainty.value})"
        yield from _wrapped(statement.claim, indent=6)
        yield from _wrapped(f"Arithmetic: {statement.arithmetic}", indent=6)
        yield from _wrapped(f"Uncertainty: {statement.uncertainty}", indent=6)
        if statement.alternatives:
            yield from _wrapped(f"Or else: {' '.join(statement.alternatives)}", indent=6)


def _span(finding: Finding) -> str:
    if finding.is_open:
        return f"since epoch {finding.epoch}"
    if finding.epoch == finding.until_epoch:
        return f"epoch {finding.epoch}"
    return f"epochs {finding.epoch} to {finding.until_epoch}"


def _wrapped(text: str, *, indent: int) -> list[str]:
    columns = min(shutil.get_terminal_size((_MOST_COLUMNS, 24)).columns, _MOST_COLUMNS)
    prefix = " " * indent
    return textwrap.wrap(
        text,
        width=max(columns, indent + 40),
        initial_indent=prefix,
        subsequent_indent=prefix,
        break_long_words=False,
        break_on_hyphens=False,
    )
