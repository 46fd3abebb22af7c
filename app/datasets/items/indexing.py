"""Registering a dataset: every pair is read once, measured, hashed and given thumbnails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets.checks.measuring import PairIdentity, measure_pair
from app.datasets.checks.shown_numbers import shown_numbers
from app.datasets.files.picture_files import FileFacts, PictureFiles
from app.datasets.items.indexed import DatasetIndex, IndexedItem
from app.datasets.items.loading import LoadedPair, UnusablePairError, corrected_mask, load_pair
from app.datasets.items.mask_census import MaskCensus
from app.datasets.items.mask_rules import ResolvedMaskRule
from app.datasets.items.mask_values import MaskValues
from app.datasets.items.measuring import foreground_fraction, image_statistics, mask_statistics
from app.datasets.items.source import ItemSource
from app.datasets.items.summary import content_hash, intensity_range, summarise
from app.datasets.items.thumbnails import ThumbnailDrafts
from app.datasets.items.tiling import count_tiles, tile_sources
from app.datasets.pairing.groups import name_family
from app.datasets.pairing.layout import find_pairs
from app.datasets.pairing.outcome import Pairing, Problem, ProblemCode
from app.datasets.pairing.pages import expand_pages
from app.domain.corrections import DatasetEdits
from app.domain.dataset_import import ImportSpec
from app.domain.errors import InvalidInputError

MOST_ITEMS = 200_000

_PROBLEMS_SHOWN = 3


@dataclass(slots=True)
class _Draft:
    """A pair whose items were measured with the rule known at the time.

    `is_bound` says that the set's rule decides about at least one of them; `items` has each with the number of its
    thumbnails' draft.
    """

    pair: ItemSource
    sources: list[ItemSource]
    is_bound: bool
    rule: ResolvedMaskRule
    dtype: str
    maximum: float
    files: tuple[FileFacts, FileFacts]
    items: list[tuple[IndexedItem, int]]


@dataclass(slots=True)
class _Reading:
    """What a registration has at hand while it goes through the pairs.

    `names` are those of all items that the files have, also where the edits leave them out; `cut` counts them.
    """

    spec: ImportSpec
    edits: DatasetEdits
    files: PictureFiles
    census: MaskCensus
    thumbnails: ThumbnailDrafts
    values: MaskValues = field(default_factory=MaskValues)
    names: set[str] = field(default_factory=set)
    cut: int = 0


def index_dataset(
    root: Path,
    spec: ImportSpec,
    edits: DatasetEdits,
    *,
    max_pixels: int,
    thumbnails_dir: Path,
    on_progress: Callable[[int, int], None],
) -> DatasetIndex:
    """Read every pair that an import specification finds, one at a time.

    A file that cannot be used becomes a problem and leaves the others alone. A pair is read again only if a later
    mask changed the rule for it.

    Parameters
    ----------
    root : Path
        The dataset's folder, from `confine`.
    spec : ImportSpec
        Where the pairs are, what is foreground, how pictures are cut.
    edits : DatasetEdits
        Items to leave out and to correct. Masks that are left out or have a threshold of their own have no say in
        the set's rule.
    max_pixels : int
        Limit of one picture.
    thumbnails_dir : Path
        Its parents are created; at the end it holds `<position>-image.jpg` and `<position>-mask.png` and nothing else.
    on_progress : callable
        Called with (pairs done, pairs in all), first with 0. What it raises ends the registration.

    Raises
    ------
    InvalidInputError
        There is no pair, none can be read, or tiles or edits leave none or too many.
    """
    with PictureFiles(root, max_pixels=max_pixels) as files, ThumbnailDrafts(thumbnails_dir) as thumbnails:
        pairing = expand_pages(find_pairs(root, spec), files=files)
        reading = _Reading(spec, edits, files, MaskCensus(spec.mask), thumbnails)
        problems = list(pairing.problems)
        drafts = _read_pairs(pairing, reading, problems=problems, on_progress=on_progress)
        for draft in drafts:
            try:
                _settle(draft, reading)
            except UnusablePairError as error:
                problems.append(error.problem)
                draft.items.clear()
        found = sorted((entry for draft in drafts for entry in draft.items), key=lambda entry: entry[0].name)
        if not found:
            raise _nothing_usable(pairing, problems, reading)
        items = tuple(replace(item, position=position) for position, (item, _) in enumerate(found))
        problems += _edits_without_item(reading)
        thumbnails.publish([number for _, number in found])
    rule = reading.census.rule()
    low, high = intensity_range(items)
    return DatasetIndex(
        items=items,
        problems=tuple(sorted(problems)),
        content_hash=content_hash(items, rule=rule),
        mask_rule=rule,
        intensity_low=low,
        intensity_high=high,
        summary=summarise(items, problems, mask_values=reading.values),
    )


def _read_pairs(
    pairing: Pairing, reading: _Reading, *, problems: list[Problem], on_progress: Callable[[int, int], None]
) -> list[_Draft]:
    drafts: list[_Draft] = []
    on_progress(0, len(pairing.pairs))
    for done, source in enumerate(pairing.pairs, start=1):
        try:
            if (draft := _read_pair(source, reading)) is not None:
                drafts.append(draft)
        except UnusablePairError as error:
            problems.append(error.problem)
        on_progress(done, len(pairing.pairs))
    return drafts


def _read_pair(source: ItemSource, reading: _Reading) -> _Draft | None:
    if reading.spec.tiling is None and source.name in reading.edits.dropped:
        reading.names.add(source.name)
        return None
    pair = load_pair(source, files=reading.files)
    sources = list(_items_of(source, pair, reading))
    if not sources:
        return None
    dtype, maximum = str(pair.raw_mask.dtype), float(pair.raw_mask.max())
    reading.values.add(pair.raw_mask)
    # What an item's own threshold decides says nothing about the others.
    is_bound = any(item.correction.mask_threshold is None for item in sources)
    if is_bound:
        reading.census.add(dtype, maximum)
    rule = reading.census.rule_of(dtype)
    return _Draft(
        pair=source,
        sources=sources,
        is_bound=is_bound,
        rule=rule,
        dtype=dtype,
        maximum=maximum,
        files=(pair.image_file, pair.mask_file),
        items=_measure_items(sources, pair, rule, reading),
    )


def _items_of(source: ItemSource, pair: LoadedPair, reading: _Reading) -> Iterator[ItemSource]:
    """Cut a pair into its items, without those that the edits leave out, with their corrections."""
    height, width = pair.image.shape[:2]
    tiling = reading.spec.tiling
    reading.cut += 1 if tiling is None else count_tiles(height, width, tiling)
    if reading.cut > MOST_ITEMS:
        raise InvalidInputError(
            f"Invalid dataset: received more than {MOST_ITEMS:,} items, expected fewer; choose larger tiles, less "
            "overlap, or a part of the files."
        )
    sources = [source] if tiling is None else tile_sources(source, height=height, width=width, tiling=tiling)
    for item in sources:
        reading.names.add(item.name)
        if item.name not in reading.edits.dropped:
            correction = reading.edits.corrected.get(item.name)
            yield item if correction is None else replace(item, correction=correction)


def _measure_items(
    sources: list[ItemSource], pair: LoadedPair, rule: ResolvedMaskRule, reading: _Reading
) -> list[tuple[IndexedItem, int]]:
    tiling = reading.spec.tiling
    least = 0.0 if tiling is None else tiling.minimum_foreground
    items: list[tuple[IndexedItem, int]] = []
    for source in sources:
        cut = pair if source.window is None else pair.cut(source.window)
        mask = corrected_mask(cut.raw_mask, rule, source.correction)
        foreground = foreground_fraction(mask)
        if foreground < least:
            continue
        # Here is the one place where an item's pixels and its final mask are at hand together.
        item = _item(source, cut, rule, mask=mask)
        items.append((item, reading.thumbnails.add(cut.image, mask)))
    return items


def _item(source: ItemSource, pair: LoadedPair, rule: ResolvedMaskRule, *, mask: NDArray[np.bool_]) -> IndexedItem:
    pixel_size = {} if pair.pixel_size is None else {"pixel_size": list(pair.pixel_size)}
    identity = PairIdentity(
        name=source.name,
        group=source.group,
        family=name_family(source.name),
        image_sha256=pair.image_file.sha256,
        mask_sha256=pair.mask_file.sha256,
        window=source.window,
    )
    measures = measure_pair(pair.image, pair.raw_mask, mask, identity=identity, full_scale=rule.full_scale)
    return IndexedItem(
        position=-1,
        name=source.name,
        group=source.group,
        image_path=source.image_path,
        mask_path=source.mask_path,
        image_page=source.image_page,
        mask_page=source.mask_page,
        window=source.window,
        correction=source.correction,
        image_sha256=pair.image_file.sha256,
        mask_sha256=pair.mask_file.sha256,
        image_bytes=pair.image_file.bytes,
        mask_bytes=pair.mask_file.bytes,
        height=pair.image.shape[0],
        width=pair.image.shape[1],
        channels=1 if pair.image.ndim == 2 else pair.image.shape[2],
        image_dtype=str(pair.image.dtype),
        mask_dtype=str(pair.raw_mask.dtype),
        foreground_fraction=measures.foreground_fraction,
        fractional_share=measures.fractional_share,
        statistics=image_statistics(pair.image) | mask_statistics(pair.raw_mask) | pixel_size | shown_numbers(measures),
        measures=measures,
    )


def _settle(draft: _Draft, reading: _Reading) -> None:
    """Measure a pair again if the set's rule is not the one that it was measured with."""
    rule = reading.census.rule()
    if draft.is_bound and not reading.census.fits(draft.dtype, draft.maximum):
        path = draft.pair.mask_path
        raise UnusablePairError(
            Problem(
                path,
                ProblemCode.MASK_TYPE_MISMATCH,
                f"Invalid mask '{path}': received {draft.dtype} values up to {draft.maximum:g}, expected masks like "
                f"the others ({rule.text}) Export all masks with the same type and values.",
            )
        )
    if rule.same_as(draft.rule) or draft.maximum <= 0:
        return
    pair = load_pair(draft.pair, files=reading.files)
    if (pair.image_file, pair.mask_file) != draft.files:
        raise UnusablePairError(
            Problem(
                draft.pair.name,
                ProblemCode.UNREADABLE_MASK,
                f"Invalid pair '{draft.pair.name}': received files that changed while they were read, expected "
                "files at rest; register the dataset again.",
            )
        )
    draft.items = _measure_items(draft.sources, pair, rule, reading)


def _edits_without_item(reading: _Reading) -> list[Problem]:
    named = sorted((set(reading.edits.dropped) | set(reading.edits.corrected)) - reading.names)
    return [
        Problem(
            name,
            ProblemCode.EDIT_WITHOUT_ITEM,
            f"Invalid edit of '{name}': received no item of this name, expected one that the files hold; it was "
            "ignored. Names change with the layout and the tiles.",
        )
        for name in named
    ]


def _nothing_usable(pairing: Pairing, problems: list[Problem], reading: _Reading) -> InvalidInputError:
    reasons = [problem.message for problem in problems[:_PROBLEMS_SHOWN]]
    if dropped := len(reading.edits.dropped & reading.names):
        reasons.insert(0, f"{dropped} item{' is' if dropped == 1 else 's are'} left out by this version's edits.")
    if reading.spec.tiling is not None and reading.spec.tiling.minimum_foreground > 0 and reading.cut > dropped:
        reasons.insert(0, "No tile has the least foreground that was asked for: lower it, or check the mask rule.")
    return InvalidInputError(
        f"Invalid dataset: received {len(pairing.pairs)} pairs of which none can be used, expected at least one. "
        f"{' '.join(reasons)}"
    )
