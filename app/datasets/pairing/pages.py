"""From pairs of stacks to pairs of pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from app.datasets.files.names import TIFF_SUFFIXES
from app.datasets.files.picture_files import PictureFiles
from app.datasets.files.unreadable import UnreadableImageError
from app.datasets.items.source import ItemSource
from app.datasets.pairing.outcome import Pairing, Problem, ProblemCode


def expand_pages(pairing: Pairing, *, files: PictureFiles) -> Pairing:
    """Replace every pair of TIFF stacks by its pages, `<name>_p<page>`, counted from 1 and padded with zeros.

    Parameters
    ----------
    pairing : Pairing
        Pairs of files.
    files : PictureFiles
        Counts the pages; no pixel is decoded.

    Returns
    -------
    Pairing
        Pairs of pictures. Stacks of different length and files that cannot be opened are problems.
    """
    taken = {source.name for source in pairing.pairs}
    pairs: list[ItemSource] = []
    problems = list(pairing.problems)
    for source in pairing.pairs:
        counts: list[int] = []
        for path, code in (
            (source.image_path, ProblemCode.UNREADABLE_IMAGE),
            (source.mask_path, ProblemCode.UNREADABLE_MASK),
        ):
            try:
                counts.append(_pages(path, files=files))
            except UnreadableImageError as error:
                problems.append(Problem(path, code, error.message))
        if len(counts) < 2:
            continue
        image_pages, mask_pages = counts
        if image_pages != mask_pages:
            problems.append(_mismatch(source, image_pages=image_pages, mask_pages=mask_pages))
        elif image_pages == 1:
            pairs.append(source)
        else:
            pages = [page_source(source, page, pages=image_pages) for page in range(image_pages)]
            clashing = [page.name for page in pages if page.name in taken]
            problems += [_clash(name, source) for name in clashing]
            pairs += [page for page in pages if page.name not in taken]
            taken.update(page.name for page in pages)
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair.name)), tuple(sorted(problems)))


def page_source(source: ItemSource, page: int, *, pages: int) -> ItemSource:
    """Return the item of page `page`, from 0, of a pair of stacks with `pages` pages."""
    name = f"{source.name}_p{page + 1:0{len(str(pages))}d}"
    return replace(source, name=name, image_page=page, mask_page=page)


def _pages(path: str, *, files: PictureFiles) -> int:
    return files.count_pages(path) if PurePosixPath(path).suffix.lower() in TIFF_SUFFIXES else 1


def _mismatch(source: ItemSource, *, image_pages: int, mask_pages: int) -> Problem:
    return Problem(
        source.name,
        ProblemCode.PAGES_MISMATCH,
        f"Invalid pair '{source.name}': received {image_pages} page{'' if image_pages == 1 else 's'} in "
        f"'{source.image_path}' and {mask_pages} in '{source.mask_path}', expected equally many; export both from the "
        "same frames.",
    )


def _clash(name: str, source: ItemSource) -> Problem:
    return Problem(
        name,
        ProblemCode.DUPLICATE_STEM,
        f"Invalid name '{name}': received a page of '{source.image_path}' and another pair of this name, expected each "
        "name once; rename one of the files.",
    )
