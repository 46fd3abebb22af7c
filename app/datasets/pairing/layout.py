"""Where images and their masks lie in a folder: as a person says, or found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from app.datasets.files.names import TIFF_SUFFIXES, is_dropping, stem_of
from app.datasets.items.source import ItemSource
from app.datasets.pairing.contents import describe_tree, subfolders
from app.datasets.pairing.folders import locate_pair_folders, pair_folders
from app.datasets.pairing.groups import group_sources
from app.datasets.pairing.outcome import Pairing, Problem
from app.datasets.pairing.stacks import pair_stacks
from app.datasets.pairing.suffix_words import sounds_like_mask
from app.datasets.pairing.suffixes import pair_suffixes
from app.datasets.pairing.table import is_table, pair_table
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import FieldError, InvalidInputError

_PAIR: dict[Layout, Callable[..., list[ItemSource]]] = {
    Layout.FOLDERS: pair_folders,
    Layout.SUFFIXES: pair_suffixes,
    Layout.TABLE: pair_table,
    Layout.STACKS: pair_stacks,
}
_DEFAULT = ImportSpec()
_HERE = "."


def resolve_layout(root: Path, spec: ImportSpec) -> ImportSpec:
    """Replace the layout 'auto' by what a folder holds, and name the folders or files that it concerns.

    In this order: a table, folders or stacks that `spec` names; folders with usual names, up to two levels down;
    images and masks in one folder, told apart by suffixes; a CSV with the columns image and mask; two TIFF stacks of
    which one sounds like masks. The last three are looked for at the top, or in the folder that lies alone there.

    Parameters
    ----------
    root : Path
        The dataset's folder, from `confine`.
    spec : ImportSpec
        What the person chose.

    Returns
    -------
    ImportSpec
        Never with the layout 'auto'; the same again when it is given back.

    Raises
    ------
    InvalidInputError
        Nothing was found, or several pairs of folders; the message says what was found and what is expected.
    """
    root = root.resolve()
    try:
        if spec.layout is Layout.SUFFIXES:
            is_named = spec.images != _DEFAULT.images or (root / spec.images).is_dir()
            here = spec.images if is_named else _HERE
            return spec.model_copy(update={"images": here, "masks": here})
        return _found_out(root, spec) if spec.layout is Layout.AUTO else spec
    except OSError as error:
        message = (
            f"Invalid folder '{root}': received an error of the disk ({error.strerror}), expected a readable folder; "
            "check that it is there and its permissions."
        )
        raise InvalidInputError(message, fields=(FieldError("root", message),)) from error


def find_pairs(root: Path, spec: ImportSpec) -> Pairing:
    """Find the pairs of files in a folder and their groups, by names alone: no picture is opened.

    Parameters
    ----------
    root : Path
        The dataset's folder, from `confine`.
    spec : ImportSpec
        With any layout.

    Raises
    ------
    InvalidInputError
        As `resolve_layout` and the layouts' own functions.
    """
    root = root.resolve()
    spec = resolve_layout(root, spec)
    problems: list[Problem] = []
    sources = _PAIR[spec.layout](root, spec, problems=problems)
    sources = group_sources(sources, pattern=spec.group_pattern)
    return Pairing(tuple(sorted(sources, key=lambda source: source.name)), tuple(sorted(problems)))


def _found_out(root: Path, spec: ImportSpec) -> ImportSpec:
    if spec.table:
        return spec.model_copy(update={"layout": Layout.TABLE})
    if (spec.images, spec.masks) != (_DEFAULT.images, _DEFAULT.masks):
        are_stacks = all(PurePath(side).suffix.lower() in TIFF_SUFFIXES for side in (spec.images, spec.masks))
        return spec.model_copy(update={"layout": Layout.STACKS if are_stacks else Layout.FOLDERS})
    if (found := locate_pair_folders(root)) is not None:
        return spec.model_copy(update={"layout": Layout.FOLDERS, "images": found.images, "masks": found.masks})
    for folder in _lonely_folders(root):
        below = folder.relative_to(root)
        if (resolved := _in_one_folder(root, below, spec)) is not None:
            return resolved
    message = (
        f"Invalid folder: received {describe_tree(root)}, expected one of these: a folder 'images' beside a folder "
        "'masks'; images and masks in one folder, the masks named like 'cell_mask.png'; a CSV with the columns image "
        "and mask; two TIFF stacks, one named like 'labels.tif'. Rename what is there, or choose the layout and name "
        "the folders or files under 'More options'."
    )
    raise InvalidInputError(message, fields=(FieldError("import_spec.layout", message),))


def _lonely_folders(root: Path) -> list[Path]:
    """Return the root, and as long as a folder holds nothing but one folder, that one too."""
    folders = [root]
    for _ in range(2):
        inner = subfolders(folders[-1])
        if len(inner) != 1 or _files(folders[-1]):
            break
        folders.append(inner[0])
    return folders


def _in_one_folder(root: Path, below: Path, spec: ImportSpec) -> ImportSpec | None:
    here = below.as_posix()
    suffixes = spec.model_copy(update={"layout": Layout.SUFFIXES, "images": here, "masks": here})
    try:
        pair_suffixes(root, suffixes, problems=[])
    except InvalidInputError:
        pass
    else:
        return suffixes
    files = _files(root / below)
    tables = [file for file in files if file.suffix.lower() == ".csv" and is_table(file)]
    if len(tables) == 1:
        return spec.model_copy(update={"layout": Layout.TABLE, "table": (below / tables[0].name).as_posix()})
    stacks = [file for file in files if file.suffix.lower() in TIFF_SUFFIXES]
    masks = [file for file in stacks if sounds_like_mask(stem_of(file.name))]
    if len(stacks) == 2 and len(masks) == 1:
        images = next(file for file in stacks if file != masks[0])
        update = {"images": (below / images.name).as_posix(), "masks": (below / masks[0].name).as_posix()}
        return spec.model_copy(update={"layout": Layout.STACKS, **update})
    return None


def _files(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_file() and not is_dropping(child.name))
