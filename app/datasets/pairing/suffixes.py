"""Pairs in one folder, where masks are named after their images with a suffix such as `_mask`."""

from __future__ import annotations

from pathlib import Path

from app.datasets.files.roots import confined_child
from app.datasets.items.source import ItemSource
from app.datasets.pairing.contents import describe_pictures
from app.datasets.pairing.folders import without_the_suffix
from app.datasets.pairing.listing import PictureFile, list_pictures
from app.datasets.pairing.outcome import Problem
from app.datasets.pairing.stems import pair_by_key
from app.datasets.pairing.suffix_words import without_image_word, without_mask_word, without_suffix
from app.domain.dataset_import import ImportSpec
from app.domain.errors import FieldError, InvalidInputError


def pair_suffixes(root: Path, spec: ImportSpec, *, problems: list[Problem]) -> list[ItemSource]:
    """Pair `a.png` with `a_mask.png` and the like in one folder.

    Parameters
    ----------
    root : Path
        The dataset's folder, links followed.
    spec : ImportSpec
        Its `images` (the folder), `recursive`, `image_suffix` and `mask_suffix` are used; without `mask_suffix` the
        usual ones tell masks apart, without `image_suffix` every other file is an image.
    problems : list of Problem
        Receives a reason for every file that is in no pair.

    Raises
    ------
    InvalidInputError
        The folder is missing, or no pair was found; the message says what was.
    """
    folder = confined_child(root, spec.images, field="import_spec.images")
    files = list_pictures(folder, root=root, recursive=spec.recursive, field="import_spec.images", problems=problems)
    images: list[PictureFile] = []
    masks: list[PictureFile] = []
    others: list[PictureFile] = []
    for file in files:
        mask_key = without_suffix(file.key, spec.mask_suffix) if spec.mask_suffix else without_mask_word(file.key)
        image_key = without_suffix(file.key, spec.image_suffix) if spec.image_suffix else file.key
        if mask_key is not None:
            masks.append(file._replace(key=mask_key))
        elif image_key is not None:
            images.append(file._replace(key=image_key))
        else:
            others.append(file)
    expected = f"'{spec.image_suffix}' or {_shown(spec)}"
    problems += [without_the_suffix(file, f"one that ends in {expected}") for file in others]
    pairs = pair_by_key(images, masks, problems=problems, bare_image=None if spec.image_suffix else without_image_word)
    if not pairs:
        message = (
            f"Invalid folder: received {describe_pictures(folder, files, root=root)}, {len(masks)} of them with "
            f"{_shown(spec)} at the end of the name, expected at least one mask that is named like its image plus "
            "that suffix; give the suffix of the masks or rename the files."
        )
        raise InvalidInputError(message, fields=(FieldError("import_spec.mask_suffix", message),))
    return pairs


def _shown(spec: ImportSpec) -> str:
    return f"'{spec.mask_suffix}'" if spec.mask_suffix else "a usual suffix of masks ('_mask', '_label', '-gt', …)"
