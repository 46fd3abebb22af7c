"""`segscope check`: every dataset check, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import JsonOption, one_line_errors
from app.cli.serving import become
from app.domain.check_order import CheckOrder
from app.domain.dataset_import import ImportSpec, Layout, MaskRule, MaskSpec
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitSpec


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of the images and masks.")],
    images: Annotated[str | None, typer.Option(help="Folder of the images in it; with --masks.")] = None,
    masks: Annotated[str | None, typer.Option(help="Folder of the masks in it; with --images.")] = None,
    mask_rule: Annotated[MaskRule, typer.Option(help="Which mask values are foreground.")] = MaskRule.AUTO,
    validation_fraction: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Share of the items that validate.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the splits.")] = 42,
    as_json: JsonOption = False,
) -> None:
    """Look for everything that is wrong with a folder of images and masks; nothing is written or changed.

    Without --images and --masks the layout is found out. Exit code 0 whatever is found, 2 if the folder cannot be read.
    """
    with one_line_errors(as_json=as_json):
        if not folder.is_dir():
            raise InvalidInputError(f"Invalid folder: {folder} is not there or no folder; name the dataset's folder.")
        if mask_rule is MaskRule.LABELS:
            raise InvalidInputError("Invalid mask rule: 'labels' needs labels, which the dataset's page offers.")
        named = images is not None or masks is not None
        spec = ImportSpec(
            layout=Layout.FOLDERS if named else Layout.AUTO,
            images=images or "images",
            masks=masks or "masks",
            mask=MaskSpec(rule=mask_rule),
        )
        order = CheckOrder(
            folder=folder.resolve(),
            import_spec=spec,
            split=SplitSpec(validation_fraction=validation_fraction, seed=seed),
            as_json=as_json,
        )
    become("app.cli.checking", order.model_dump_json())
