"""The ends of file names by which people tell a mask from its image."""

from __future__ import annotations

import re

_SEPARATOR = r"[_\-. ]+"
_MASK_WORDS = (
    "cp_masks", "masks", "mask", "labels", "label", "lbl", "gt", "groundtruth", "ground_truth", "ground-truth",
    "segmentations", "segmentation", "segmented", "seg", "annotations", "annotation", "annotated", "targets", "target",
    "binary", "bw", "truth",
)  # fmt: skip
_IMAGE_WORDS = ("images", "image", "img", "im", "raw", "inputs", "input")


def _ending(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"{_SEPARATOR}(?:{'|'.join(map(re.escape, words))})$", re.IGNORECASE)


_MASK_END, _IMAGE_END = _ending(_MASK_WORDS), _ending(_IMAGE_WORDS)
_MASK_ANYWHERE = re.compile(rf"(?:^|[^a-z])(?:{'|'.join(map(re.escape, _MASK_WORDS))})(?![a-z])", re.IGNORECASE)


def without_suffix(key: str, suffix: str) -> str | None:
    """Return `key` without `suffix` at its end, regardless of case; None where it does not end so or nothing is left.

    Examples
    --------
    >>> without_suffix("a_Mask", "_mask"), without_suffix("a", "_mask"), without_suffix("x/_mask", "_mask")
    ('a', None, None)
    """
    rest = key[: len(key) - len(suffix)]
    ends_so = key[len(rest) :].casefold() == suffix.casefold()
    return rest if ends_so and rest and not rest.endswith("/") else None


def without_mask_word(key: str) -> str | None:
    """Return `key` without one of the usual ends of mask names (`_mask`, `-gt`, …); None where it has none.

    Examples
    --------
    >>> without_mask_word("cell_1_mask"), without_mask_word("cell-GT"), without_mask_word("cellmask")
    ('cell_1', 'cell', None)
    """
    return _without(key, _MASK_END)


def without_image_word(key: str) -> str | None:
    """Return `key` without one of the usual ends of image names (`_img`, `-raw`, …); None where it has none."""
    return _without(key, _IMAGE_END)


def sounds_like_mask(name: str) -> bool:
    """Whether a name has a word for masks in it.

    Examples
    --------
    >>> sounds_like_mask("train-labels"), sounds_like_mask("train-volume"), sounds_like_mask("unmasked")
    (True, False, False)
    """
    return _MASK_ANYWHERE.search(name) is not None


def _without(key: str, ending: re.Pattern[str]) -> str | None:
    rest = ending.sub("", key)
    return rest if rest != key and rest and not rest.endswith("/") else None
