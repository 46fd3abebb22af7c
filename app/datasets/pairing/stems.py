"""Finding image/mask pairs in two folders: by name, never by order."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.datasets.files.reading import SUPPORTED_SUFFIXES
from app.domain.errors import FieldError, InvalidInputError

_DROPPINGS = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"})
_NAMES_SHOWN = 5


class ProblemCode(StrEnum):
    """Why a file could not become part of an item."""

    MISSING_MASK = "missing-mask"
    MISSING_IMAGE = "missing-image"
    DUPLICATE_STEM = "duplicate-stem"
    UNREADABLE_IMAGE = "unreadable-image"
    UNREADABLE_MASK = "unreadable-mask"
    SIZE_MISMATCH = "size-mismatch"
    MASK_TYPE_MISMATCH = "mask-type-mismatch"
    UNSUPPORTED_FILE = "unsupported-file"
    TOO_LARGE = "too-large"
    OUTSIDE_ROOT = "outside-root"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A file that could not become part of an item, with the reason for people."""

    name: str
    code: ProblemCode
    message: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its mask; `name` is the image's file name without suffix."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs and problems, both sorted by name."""

    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


def find_pairs(images_dir: Path, masks_dir: Path, *, root: Path | None = None) -> Pairing:
    """Pair the files of two folders by name without suffix.

    The exact name wins; what remains is paired regardless of case and Unicode form where that is unambiguous.
    Subfolders are not entered; hidden files and what operating systems drop are ignored.

    Parameters
    ----------
    images_dir, masks_dir : Path
        Existing folders.
    root : Path, optional
        Links must stay inside it; by default inside the file's own folder.

    Raises
    ------
    InvalidInputError
        A folder is missing, or no pair was found; the message says what was.
    """
    problems: list[Problem] = []
    images = _listing(images_dir, root=root or images_dir, field="images_dir", problems=problems)
    masks = _listing(masks_dir, root=root or masks_dir, field="masks_dir", problems=problems)
    repeated = {stem for listing in (images, masks) for stem, files in listing.items() if len(files) > 1}
    for folder, listing in ((images_dir, images), (masks_dir, masks)):
        for stem, files in listing.items():
            if len(files) > 1:
                names = " and ".join(f"'{file.name}'" for file in files)
                problems.append(_duplicate(stem, f"received {names} in '{folder.name}', expected one of them"))
    lone_images = {stem: files[0] for stem, files in images.items() if stem not in repeated}
    lone_masks = {stem: files[0] for stem, files in masks.items() if stem not in repeated}
    pairs = [
        Pair(stem, lone_images.pop(stem), lone_masks.pop(stem))
        for stem in sorted(lone_images.keys() & lone_masks.keys())
    ]
    pairs += _pair_folded(lone_images, lone_masks, problems=problems)
    if not pairs:
        raise _no_pair(images_dir, masks_dir, images=images, masks=masks)
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair.name)), tuple(sorted(problems)))


def is_dropping(name: str) -> bool:
    """Whether a file or folder name is hidden or left behind by an operating system."""
    return name.startswith(".") or name.lower() in _DROPPINGS


def printable(name: str) -> str:
    """Return a file name as valid Unicode: bytes that are none are replaced."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _listing(folder: Path, *, root: Path, field: str, problems: list[Problem]) -> dict[str, list[Path]]:
    try:
        entries = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        message = f"Invalid folder '{folder}': received no readable folder, expected one with pictures; check the name."
        raise InvalidInputError(message, fields=(FieldError(field, message),)) from error
    files: dict[str, list[Path]] = defaultdict(list)
    for entry in entries:
        if is_dropping(entry.name) or (entry.is_dir() and not entry.is_symlink()):
            continue
        problem = _unusable(entry, root=root)
        if problem is None:
            files[entry.stem].append(entry)
        else:
            problems.append(problem)
    return files


def _unusable(entry: Path, *, root: Path) -> Problem | None:
    name = printable(entry.name)
    if name != entry.name:
        return Problem(
            name,
            ProblemCode.UNSUPPORTED_FILE,
            f"Invalid file name '{name}': received bytes that are not UTF-8, expected a Unicode name; rename the file.",
        )
    if entry.suffix.lower() not in SUPPORTED_SUFFIXES:
        return Problem(
            name,
            ProblemCode.UNSUPPORTED_FILE,
            f"Invalid file '{name}': received {entry.suffix or 'no suffix'}, expected "
            f"{' '.join(sorted(SUPPORTED_SUFFIXES))}; export it in one of these formats or move it "
            "elsewhere.",
        )
    if entry.is_symlink() and not _stays_inside(entry, root):
        return Problem(
            name,
            ProblemCode.OUTSIDE_ROOT,
            f"Invalid file '{name}': received a link that leaves the dataset's folder, expected a "
            "file inside "
            "it; copy the file instead of linking it.",
        )
    return None


def _stays_inside(entry: Path, root: Path) -> bool:
    try:
        return entry.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def _pair_folded(images: dict[str, Path], masks: dict[str, Path], *, problems: list[Problem]) -> list[Pair]:
    by_key: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, stems in enumerate((images, masks)):
        for stem in sorted(stems):
            by_key[unicodedata.normalize("NFC", stem).casefold()][side].append(stem)
    pairs: list[Pair] = []
    for image_stems, mask_stems in by_key.values():
        if len(image_stems) == 1 and len(mask_stems) == 1:
            pairs.append(Pair(image_stems[0], images[image_stems[0]], masks[mask_stems[0]]))
        elif image_stems and mask_stems:
            for stem in (*image_stems, *mask_stems):
                received = ", ".join(f"'{name}'" for name in (*image_stems, *mask_stems))
                problems.append(_duplicate(stem, f"received {received}, expected names that differ in more than case"))
        else:
            problems += [_alone(images[stem].name, ProblemCode.MISSING_MASK) for stem in image_stems]
            problems += [_alone(masks[stem].name, ProblemCode.MISSING_IMAGE) for stem in mask_stems]
    return pairs


def _duplicate(stem: str, detail: str) -> Problem:
    return Problem(stem, ProblemCode.DUPLICATE_STEM, f"Invalid name '{stem}': {detail}; rename or remove all but one.")


def _alone(name: str, code: ProblemCode) -> Problem:
    this, other = ("image", "mask") if code is ProblemCode.MISSING_MASK else ("mask", "image")
    return Problem(
        name,
        code,
        f"Invalid {this} '{name}': received no {other} with this name, expected one; "
        f"add the {other} '{Path(name).stem}' or remove the {this}.",
    )


def _no_pair(
    images_dir: Path, masks_dir: Path, *, images: dict[str, list[Path]], masks: dict[str, list[Path]]
) -> InvalidInputError:
    message = (
        f"Invalid folders: received {_content(images_dir, images)} and {_content(masks_dir, masks)}, "
        "expected at "
        "least one image and one mask with the same name before the suffix; choose other folders or "
        "rename the files."
    )
    return InvalidInputError(message, fields=(FieldError("images_dir", message),))


def _content(folder: Path, files: dict[str, list[Path]]) -> str:
    count = sum(map(len, files.values()))
    names = [printable(stem) for stem in sorted(files)[:_NAMES_SHOWN]]
    subfolders = sorted(
        printable(entry.name) for entry in folder.iterdir() if entry.is_dir() and not is_dropping(entry.name)
    )
    text = f"{count} picture{'' if count == 1 else 's'} in '{folder}'"
    text += f" ({', '.join(names)}{', …' if len(files) > len(names) else ''})" if names else ""
    text += f" with the subfolders {', '.join(subfolders[:_NAMES_SHOWN])}" if subfolders else ""
    return text
