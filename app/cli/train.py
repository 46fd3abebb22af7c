"""`segscope train` and `reproduce`: trainings without a server, into the same store."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app.cli.output import JsonOption, one_line_errors
from app.cli.serving import DataDirOption, become
from app.domain.configuration import Architecture, ExperimentSpec
from app.domain.dataset_import import ImportSpec
from app.domain.errors import InvalidInputError
from app.domain.headless_order import HeadlessOrder
from app.domain.presets import DEFAULT_PRESET, PRESETS, REPORT_MODELS


def train(
    dataset: Annotated[
        str, typer.Option(help="Folder of images and masks, or the number of a registered dataset.")
    ] = "",
    model: Annotated[str, typer.Option(help="Models, comma-separated: unet, attention-unet, attention-resunet.")] = "",
    preset: Annotated[str, typer.Option(help=f"Settings to start from: {', '.join(PRESETS)}.")] = DEFAULT_PRESET,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting as in the form, such as training.epochs=30; for all models or one, "
            "models.unet.learning_rate=1e-3. May be repeated.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the experiment.")] = "",
    images: Annotated[str, typer.Option(help="Folder of the images, in the dataset's folder.")] = "images",
    masks: Annotated[str, typer.Option(help="Folder of the masks, in the dataset's folder.")] = "masks",
    acknowledge: Annotated[
        str, typer.Option(help="Codes of fatal findings of the data that you accept, comma-separated.")
    ] = "",
    resume: Annotated[int | None, typer.Option(min=1, help="Go on with an interrupted experiment.")] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train without a server, into the same store; the result opens in the pages.

    Ctrl-C, or the SIGTERM of a batch scheduler, keeps every finished epoch; --resume goes on from there.
    """
    with one_line_errors(as_json=as_json):
        if (not dataset) == (resume is None):
            raise InvalidInputError("Name a dataset to train on with --dataset, or an experiment with --resume.")
        if resume is not None:
            order = HeadlessOrder(resume=resume, as_json=as_json)
        else:
            spec = _specification(preset, models=model, settings=settings or (), name=name, acknowledge=acknowledge)
            number = int(dataset) if dataset.isdecimal() else None
            order = HeadlessOrder(
                dataset_id=number,
                folder=None if number is not None else Path(dataset),
                import_spec=ImportSpec(images=images, masks=masks),
                spec=spec,
                as_json=as_json,
            )
    _start(order, data_dir)


def reproduce(
    run: Annotated[int, typer.Argument(min=1, help="Number of the run.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a run again with the same configuration and split, and compare the histories number by number.

    Exit code 0 if they are identical to the bit, which takes the same machine and the setting training.deterministic.
    """
    _start(HeadlessOrder(reproduce=run, as_json=as_json), data_dir)


def _start(order: HeadlessOrder, data_dir: Path | None) -> None:
    if data_dir is not None:
        os.environ["SEGSCOPE_DATA_DIR"] = str(data_dir)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    become("worker.headless", order.model_dump_json())


def _specification(preset: str, *, models: str, settings: Sequence[str], name: str, acknowledge: str) -> dict[str, Any]:
    if preset not in PRESETS:
        raise InvalidInputError(f"Invalid preset: received {preset!r}, expected one of {', '.join(PRESETS)}.")
    payload = PRESETS[preset].make(1).model_dump(mode="json")
    known = {model.architecture.value: model.model_dump(mode="json") for model in REPORT_MODELS}
    known |= {entry["architecture"]: entry for entry in payload["models"]}
    chosen = [part.strip() for part in models.split(",") if part.strip()] or [
        entry["architecture"] for entry in payload["models"]
    ]
    unknown = [part for part in chosen if part not in known]
    if unknown:
        raise InvalidInputError(f"Invalid model: received {', '.join(unknown)}, expected {', '.join(Architecture)}.")
    payload["models"] = [known[architecture] for architecture in chosen]
    payload["name"] = name or payload["name"]
    payload["acknowledged_findings"] = [part.strip() for part in acknowledge.split(",") if part.strip()]
    for setting in settings:
        _set(payload, setting)
    try:
        validated = ExperimentSpec.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(f"Invalid setting {place}: received {first['input']!r}. {first['msg']}.") from error
    return validated.model_dump(mode="json", exclude={"dataset_id"})


def _set(payload: dict[str, Any], setting: str) -> None:
    path, separator, text = setting.partition("=")
    if not separator:
        raise InvalidInputError(f"Invalid --set: received {setting!r}, expected key=value as in training.epochs=30.")
    value = _value(text)
    *parents, last = path.strip().split(".")
    if parents[:1] == ["models"]:
        targets = [entry for entry in payload["models"] if parents[1:] in ([], [entry["architecture"]])]
    else:
        target = payload
        for part in parents:
            target = target.get(part) if isinstance(target, dict) else None  # type: ignore[assignment]
        targets = [target]
    for entry in targets:
        if not isinstance(entry, dict) or last not in entry:
            raise InvalidInputError(f"Invalid --set: received the key {path!r}, which is no setting.")
        entry[last] = value
    if not targets:
        raise InvalidInputError(f"Invalid --set: received {path!r}, but that model is not trained.")


def _value(text: str) -> Any:
    # Numbers, true, false, null and lists are JSON; a word such as `adam` is itself.
    try:
        return json.loads(text)
    except ValueError:
        return text
