"""A pair of stacks: one file with all images, one with all masks, page by page."""

from __future__ import annotations

from pathlib import Path

from app.datasets.files.names import TIFF_SUFFIXES, stem_of
from app.datasets.files.roots import confined_file
from app.datasets.items.source import ItemSource
from app.datasets.pairing.groups import infer_group
from app.datasets.pairing.outcome import Problem
from app.domain.dataset_import import ImportSpec
from app.domain.errors import FieldError, InvalidInputError


def pair_stacks(root: Path, spec: ImportSpec, *, problems: list[Problem]) -> list[ItemSource]:
    """Return the one pair of files that `images` and `masks` name; their pages are told apart later.

    Parameters
    ----------
    root : Path
        The dataset's folder, links followed.
    spec : ImportSpec
        Its `images` and `masks` are used.
    problems : list of Problem
        Stays as it is: the two files are named, others are not looked at.

    Raises
    ------
    InvalidInputError
        A file is missing, leaves the root or is no TIFF by name, or both are the same.
    """
    del problems
    paths: list[str] = []
    for side in ("images", "masks"):
        relative, field = getattr(spec, side), f"import_spec.{side}"
        path = confined_file(root, relative, field=field)
        if path.suffix.lower() not in TIFF_SUFFIXES:
            message = (
                f"Invalid stack '{relative}': received {path.suffix or 'no file type'}, expected .tif or .tiff; export "
                "the stack as a multi-page TIFF, or choose another layout."
            )
            raise InvalidInputError(message, fields=(FieldError(field, message),))
        paths.append(path.relative_to(root).as_posix())
    if paths[0] == paths[1]:
        message = f"Invalid stacks: received '{paths[0]}' for images and masks alike, expected two files; name both."
        raise InvalidInputError(message, fields=(FieldError("import_spec.masks", message),))
    name = stem_of(Path(paths[0]).name)
    return [ItemSource(name=name, group=infer_group(name), image_path=paths[0], mask_path=paths[1])]
