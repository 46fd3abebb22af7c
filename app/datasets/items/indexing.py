"""Registering a folder: every pair is read once, measured, hashed and given thumbnails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from app.datasets.files.reading import decode_image, decode_mask, load_bytes
from app.datasets.files.roots import confined_child
from app.datasets.files.unreadable import ImageTooLargeError, UnreadableImageError
from app.datasets.items.indexed import DatasetIndex, IndexedItem
from app.datasets.items.mask_census import MaskCensus
from app.datasets.items.mask_rules import ResolvedMaskRule, binarise
from app.datasets.items.measuring import foreground_fraction, fractional_share, image_statistics, mask_statistics
from app.datasets.items.summary import content_hash, intensity_range, summarise
from app.datasets.items.thumbnails import (
    image_thumbnail_name,
    mask_thumbnail_name,
    write_image_thumbnail,
    write_mask_thumbnail,
)
from app.datasets.pairing.groups import infer_group
from app.datasets.pairing.stems import Pair, Problem, ProblemCode, find_pairs
from app.domain.dataset_import import MaskRule
from app.domain.errors import InvalidInputError

_PROBLEMS_SHOWN = 3


class _Rejected(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Draft:
    """An item whose foreground was measured with the rule known at the time."""

    item: IndexedItem
    pair: Pair
    rule: ResolvedMaskRule


def index_folder(
    root: Path,
    *,
    images_dir: str,
    masks_dir: str,
    mask_rule: MaskRule,
    max_pixels: int,
    thumbnails_dir: Path,
    on_progress: Callable[[int, int], None],
) -> DatasetIndex:
    """Read every pair of a folder, one at a time.

    A file that cannot be used becomes a problem and leaves the others alone. Masks are read again only if a
    later mask changed the rule for them.

    Parameters
    ----------
    root : Path
        The dataset's folder, from `confine`.
    images_dir, masks_dir : str
        Its subfolders.
    mask_rule : MaskRule
        Which mask values are foreground.
    max_pixels : int
        Limit of one file.
    thumbnails_dir : Path
        Created if missing; receives `<position>-image.jpg` and `<position>-mask.png`.
    on_progress : callable
        Called with (pairs done, pairs in all), first with 0. What it raises ends the registration.

    Raises
    ------
    InvalidInputError
        A folder is missing or leaves the root, there is no pair, or none can be read.
    """
    root = root.resolve()
    pairing = find_pairs(
        confined_child(root, images_dir, field="images_dir"),
        confined_child(root, masks_dir, field="masks_dir"),
        root=root,
    )
    thumbnails_dir.mkdir(parents=True, exist_ok=True)
    problems = list(pairing.problems)
    census = MaskCensus(mask_rule)
    drafts: list[_Draft] = []
    on_progress(0, len(pairing.pairs))
    for done, pair in enumerate(pairing.pairs, start=1):
        try:
            drafts.append(
                _read_pair(
                    pair,
                    root=root,
                    position=len(drafts),
                    census=census,
                    max_pixels=max_pixels,
                    thumbnails_dir=thumbnails_dir,
                )
            )
        except _Rejected as rejected:
            problems.append(rejected.problem)
        on_progress(done, len(pairing.pairs))
    items: list[IndexedItem] = []
    for draft in drafts:
        try:
            settled = _settle(draft, census=census, max_pixels=max_pixels, thumbnails_dir=thumbnails_dir)
        except _Rejected as rejected:
            problems.append(rejected.problem)
        else:
            items.append(_renumber(settled, len(items), thumbnails_dir=thumbnails_dir))
    if not items:
        reasons = " ".join(problem.message for problem in problems[:_PROBLEMS_SHOWN])
        raise InvalidInputError(
            f"Invalid dataset: received {len(pairing.pairs)} pairs of which none can be used, "
            f"expected at least one. {reasons}"
        )
    rule = census.rule()
    low, high = intensity_range(items)
    return DatasetIndex(
        items=tuple(items),
        problems=tuple(sorted(problems)),
        content_hash=content_hash(items, mask_threshold=rule.threshold),
        mask_threshold=rule.threshold,
        mask_rule_text=rule.text,
        intensity_low=low,
        intensity_high=high,
        summary=summarise(items, problems),
    )


def _read_pair(
    pair: Pair, *, root: Path, position: int, census: MaskCensus, max_pixels: int, thumbnails_dir: Path
) -> _Draft:
    image, image_data = _read(pair.image, decode_image, ProblemCode.UNREADABLE_IMAGE, max_pixels=max_pixels)
    mask, mask_data = _read(pair.mask, decode_mask, ProblemCode.UNREADABLE_MASK, max_pixels=max_pixels)
    if image.shape[:2] != mask.shape:
        raise _Rejected(_size_mismatch(pair, image=image, mask=mask))
    dtype = str(mask.dtype)
    statistics = image_statistics(image) | mask_statistics(mask)
    census.add(dtype, statistics["mask_max"])
    rule = census.rule_of(dtype)
    write_image_thumbnail(image, thumbnails_dir / image_thumbnail_name(position))
    write_mask_thumbnail(binarise(mask, rule.threshold), thumbnails_dir / mask_thumbnail_name(position))
    item = IndexedItem(
        position=position,
        name=pair.name,
        group=infer_group(pair.name),
        image_path=pair.image.relative_to(root).as_posix(),
        mask_path=pair.mask.relative_to(root).as_posix(),
        image_sha256=hashlib.sha256(image_data).hexdigest(),
        mask_sha256=hashlib.sha256(mask_data).hexdigest(),
        height=image.shape[0],
        width=image.shape[1],
        channels=1 if image.ndim == 2 else image.shape[2],
        image_dtype=str(image.dtype),
        mask_dtype=dtype,
        foreground_fraction=foreground_fraction(mask, rule),
        fractional_share=fractional_share(mask, rule),
        statistics=statistics,
        bytes=len(image_data) + len(mask_data),
    )
    return _Draft(item, pair, rule)


def _settle(draft: _Draft, *, census: MaskCensus, max_pixels: int, thumbnails_dir: Path) -> IndexedItem:
    item, rule = draft.item, census.rule()
    maximum = item.statistics["mask_max"]
    if not census.fits(item.mask_dtype, maximum):
        raise _Rejected(
            Problem(
                draft.pair.mask.name,
                ProblemCode.MASK_TYPE_MISMATCH,
                f"Invalid mask '{draft.pair.mask.name}': received {item.mask_dtype} values up to "
                f"{maximum:g}, "
                f"expected masks like the others ({rule.text}) Export all masks with the same type "
                "and values.",
            )
        )
    is_same = (rule.threshold, rule.full_scale) == (draft.rule.threshold, draft.rule.full_scale)
    if is_same or maximum <= 0:
        return item
    mask, data = _read(draft.pair.mask, decode_mask, ProblemCode.UNREADABLE_MASK, max_pixels=max_pixels)
    if hashlib.sha256(data).hexdigest() != item.mask_sha256:
        name = draft.pair.mask.name
        raise _Rejected(
            Problem(
                name,
                ProblemCode.UNREADABLE_MASK,
                f"Invalid mask '{name}': received a file that changed while it was read, expected one at "
                "rest; register the dataset again.",
            )
        )
    write_mask_thumbnail(binarise(mask, rule.threshold), thumbnails_dir / mask_thumbnail_name(item.position))
    return replace(
        item,
        foreground_fraction=foreground_fraction(mask, rule),
        fractional_share=fractional_share(mask, rule),
    )


def _renumber(item: IndexedItem, position: int, *, thumbnails_dir: Path) -> IndexedItem:
    if position == item.position:
        return item
    # Positions only move down, in order: the target is always free or already given up.
    for file_name in (image_thumbnail_name, mask_thumbnail_name):
        (thumbnails_dir / file_name(item.position)).replace(thumbnails_dir / file_name(position))
    return replace(item, position=position)


def _read(
    path: Path, decode: Callable[..., NDArray[Any]], code: ProblemCode, *, max_pixels: int
) -> tuple[NDArray[Any], bytes]:
    try:
        data = load_bytes(path, max_pixels=max_pixels)
        return decode(data, name=path.name, max_pixels=max_pixels), data
    except ImageTooLargeError as error:
        raise _Rejected(Problem(path.name, ProblemCode.TOO_LARGE, error.message)) from error
    except UnreadableImageError as error:
        raise _Rejected(Problem(path.name, code, error.message)) from error


def _size_mismatch(pair: Pair, *, image: NDArray[Any], mask: NDArray[Any]) -> Problem:
    return Problem(
        pair.name,
        ProblemCode.SIZE_MISMATCH,
        f"Invalid pair '{pair.name}': received an image of {image.shape[1]}×{image.shape[0]} pixels "
        "with a mask "
        f"of {mask.shape[1]}×{mask.shape[0]}, expected the same size; export the mask at the image's size.",
    )
