"""Pairing files by name, never by order."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from app.datasets.items.source import ItemSource
from app.datasets.pairing.listing import PictureFile
from app.datasets.pairing.outcome import Problem, ProblemCode

_Side = dict[str, PictureFile]
_Keys = tuple[Callable[[str], str], Callable[[str], str]]


def pair_by_key(
    images: Iterable[PictureFile],
    masks: Iterable[PictureFile],
    *,
    problems: list[Problem],
    bare_image: Callable[[str], str | None] | None = None,
    bare_mask: Callable[[str], str | None] | None = None,
) -> list[ItemSource]:
    """Pair images and masks by their keys.

    The exact key wins; what remains is paired regardless of case and Unicode form, and what then remains without
    its usual suffix, where that is unambiguous.

    Parameters
    ----------
    images, masks : iterable of PictureFile
        The two sides.
    problems : list of Problem
        Receives a reason for every file that is in no pair.
    bare_image, bare_mask : callable, optional
        Return a key without its usual suffix, or None where it has none.

    Returns
    -------
    list of ItemSource
        Sorted by name, which is the image's key.
    """
    sides = (_by_key(images, problems), _by_key(masks, problems))
    repeated = {key for side in sides for key, files in side.items() if len(files) > 1}
    lone_images, lone_masks = ({key: side[key][0] for key in sorted(side.keys() - repeated)} for side in sides)
    pairs = [
        _source(key, lone_images.pop(key), lone_masks.pop(key))
        for key in sorted(lone_images.keys() & lone_masks.keys())
    ]
    passes: list[_Keys] = [(_fold, _fold)]
    if bare_image or bare_mask:
        passes.append((_folded_without(bare_image), _folded_without(bare_mask)))
    for keys in passes:
        pairs += _pair_alike(lone_images, lone_masks, keys=keys, problems=problems)
    problems += [_alone(file.path, ProblemCode.MISSING_MASK) for file in lone_images.values()]
    problems += [_alone(file.path, ProblemCode.MISSING_IMAGE) for file in lone_masks.values()]
    return sorted(pairs, key=lambda pair: pair.name)


def _by_key(files: Iterable[PictureFile], problems: list[Problem]) -> Mapping[str, list[PictureFile]]:
    by_key: dict[str, list[PictureFile]] = defaultdict(list)
    for file in files:
        by_key[file.key].append(file)
    for key, group in by_key.items():
        if len(group) > 1:
            names = " and ".join(f"'{file.path}'" for file in group)
            problems.append(_duplicate(key, f"received {names}, expected one of them"))
    return by_key


def _pair_alike(images: _Side, masks: _Side, *, keys: _Keys, problems: list[Problem]) -> list[ItemSource]:
    """Move what agrees under `keys` out of both sides; ambiguous files leave them as problems."""
    by_key: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, key_of in enumerate(keys):
        for key in (images, masks)[side]:
            by_key[key_of(key)][side].append(key)
    pairs: list[ItemSource] = []
    for image_keys, mask_keys in by_key.values():
        if not image_keys or not mask_keys:
            continue
        if len(image_keys) == 1 and len(mask_keys) == 1:
            pairs.append(_source(image_keys[0], images.pop(image_keys[0]), masks.pop(mask_keys[0])))
            continue
        received = ", ".join(f"'{key}'" for key in (*image_keys, *mask_keys))
        for key, files in [*((key, images) for key in image_keys), *((key, masks) for key in mask_keys)]:
            del files[key]
            problems.append(
                _duplicate(key, f"received {received}, expected names that differ in more than case and suffix")
            )
    return pairs


def _fold(key: str) -> str:
    return unicodedata.normalize("NFC", key).casefold()


def _folded_without(bare: Callable[[str], str | None] | None) -> Callable[[str], str]:
    return lambda key: _fold((bare(key) if bare else None) or key)


def _source(name: str, image: PictureFile, mask: PictureFile) -> ItemSource:
    return ItemSource(name=name, group="", image_path=image.path, mask_path=mask.path)


def _duplicate(key: str, detail: str) -> Problem:
    return Problem(key, ProblemCode.DUPLICATE_STEM, f"Invalid name '{key}': {detail}; rename or remove all but one.")


def _alone(path: str, code: ProblemCode) -> Problem:
    this, other = ("image", "mask") if code is ProblemCode.MISSING_MASK else ("mask", "image")
    return Problem(
        path,
        code,
        f"Invalid {this} '{path}': received no {other} with this name, expected one; "
        f"add the {other} or remove the {this}.",
    )
