"""Pairs in two folders, one of images and one of masks; and finding the two by their usual names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.datasets.files.roots import confined_child
from app.datasets.items.source import ItemSource
from app.datasets.pairing.contents import describe_pictures, subfolders
from app.datasets.pairing.listing import PictureFile, list_pictures
from app.datasets.pairing.outcome import Problem, ProblemCode
from app.datasets.pairing.stems import pair_by_key
from app.datasets.pairing.suffix_words import without_image_word, without_mask_word, without_suffix
from app.domain.dataset_import import ImportSpec
from app.domain.errors import FieldError, InvalidInputError

IMAGE_FOLDER_NAMES = ("images", "image", "imgs", "img", "raw", "inputs", "input")
MASK_FOLDER_NAMES = (
    "masks", "mask", "labels", "label", "annotations", "annotation", "groundtruth", "ground_truth", "gt",
    "segmentations", "segmentation", "targets", "target",
)  # fmt: skip

_DEEPEST = 2
_FOLDERS_SHOWN = 12


class PairFolders(NamedTuple):
    """Paths relative to the dataset's root, with forward slashes."""

    images: str
    masks: str


def pair_folders(root: Path, spec: ImportSpec, *, problems: list[Problem]) -> list[ItemSource]:
    """Pair the files of two folders by name, as `pair_by_key` does.

    Parameters
    ----------
    root : Path
        The dataset's folder, links followed.
    spec : ImportSpec
        Its `images`, `masks`, `recursive` and suffixes are used.
    problems : list of Problem
        Receives a reason for every file that is in no pair.

    Raises
    ------
    InvalidInputError
        A folder is missing or both are the same, or no pair was found; the message says what was.
    """
    images_folder = confined_child(root, spec.images, field="import_spec.images")
    masks_folder = confined_child(root, spec.masks, field="import_spec.masks")
    if images_folder == masks_folder:
        message = (
            f"Invalid folders: received '{spec.images}' for images and masks alike, expected two; choose the layout "
            "'suffixes' for images and masks in one folder."
        )
        raise InvalidInputError(message, fields=(FieldError("import_spec.masks", message),))
    recursive = spec.recursive
    images = list_pictures(images_folder, root=root, recursive=recursive, field="import_spec.images", problems=problems)
    masks = list_pictures(masks_folder, root=root, recursive=recursive, field="import_spec.masks", problems=problems)
    if recursive:
        # One of them may lie inside the other.
        images, masks = (
            _outside(images, masks_folder, images_folder, root),
            _outside(masks, images_folder, masks_folder, root),
        )
    pairs = pair_by_key(
        _bare(images, spec.image_suffix, problems),
        _bare(masks, spec.mask_suffix, problems),
        problems=problems,
        bare_image=None if spec.image_suffix else without_image_word,
        bare_mask=None if spec.mask_suffix else without_mask_word,
    )
    if not pairs:
        message = (
            f"Invalid folders: received {describe_pictures(images_folder, images, root=root)} and "
            f"{describe_pictures(masks_folder, masks, root=root)}, expected at least one image and one mask with the "
            "same name before the file type; choose other folders, include nested ones, or rename the files."
        )
        raise InvalidInputError(message, fields=(FieldError("import_spec.images", message),))
    return pairs


def locate_pair_folders(root: Path) -> PairFolders | None:
    """Find one folder of images beside one of masks by their usual names, in `root` or up to two levels down.

    Raises
    ------
    InvalidInputError
        Several at the same depth; the message lists them.
    """
    level = [root]
    for _ in range(_DEEPEST + 1):
        found = [pair for folder in level if (pair := _pair_in(folder, root)) is not None]
        if len(found) > 1:
            names = "; ".join(f"'{pair.images}' and '{pair.masks}'" for pair in found[:_FOLDERS_SHOWN])
            message = (
                f"Invalid folder: received {len(found)} pairs of folders ({names}), expected one; register each as a "
                "dataset of its own, or name the folders of one."
            )
            raise InvalidInputError(message, fields=(FieldError("import_spec.images", message),))
        if found:
            return found[0]
        level = [child for folder in level for child in subfolders(folder)]
    return None


def _pair_in(folder: Path, root: Path) -> PairFolders | None:
    by_name = {child.name.casefold(): child for child in subfolders(folder)}
    images = next((by_name[name] for name in IMAGE_FOLDER_NAMES if name in by_name), None)
    masks = next((by_name[name] for name in MASK_FOLDER_NAMES if name in by_name), None)
    if images is None or masks is None:
        return None
    return PairFolders(images.relative_to(root).as_posix(), masks.relative_to(root).as_posix())


def _outside(files: list[PictureFile], other: Path, own: Path, root: Path) -> list[PictureFile]:
    if not other.is_relative_to(own):
        return files
    inside = other.relative_to(root).as_posix() + "/"
    return [file for file in files if not file.path.startswith(inside)]


def _bare(files: list[PictureFile], suffix: str, problems: list[Problem]) -> list[PictureFile]:
    if not suffix:
        return files
    kept: list[PictureFile] = []
    for file in files:
        key = without_suffix(file.key, suffix)
        if key is None:
            problems.append(without_the_suffix(file, f"one that ends in '{suffix}'"))
        else:
            kept.append(file._replace(key=key))
    return kept


def without_the_suffix(file: PictureFile, expected: str) -> Problem:
    """Return the problem of a file whose name lacks the suffix that was asked for."""
    return Problem(
        file.path,
        ProblemCode.UNSUPPORTED_FILE,
        f"Invalid file '{file.path}': received a name without the suffix, expected {expected} before the file type; "
        "rename the file or change the suffix.",
    )
