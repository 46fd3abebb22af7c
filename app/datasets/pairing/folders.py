"""Finding the images and masks folders of an unpacked archive by their usual names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.datasets.pairing.stems import is_dropping, printable
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

    images_dir: str
    masks_dir: str


def locate_pair_folders(root: Path) -> PairFolders:
    """Find one folder of images beside one of masks, in `root` or up to two levels down.

    Raises
    ------
    InvalidInputError
        None found, or several at the same depth; the message lists what was found.
    """
    level = [root]
    for _ in range(_DEEPEST + 1):
        found = [pair for folder in level if (pair := _pair_in(folder, root)) is not None]
        if len(found) > 1:
            names = "; ".join(f"'{pair.images_dir}' and '{pair.masks_dir}'" for pair in found[:_FOLDERS_SHOWN])
            raise _invalid(
                f"received {len(found)} pairs of folders ({names}), expected one; upload each as a dataset of its own."
            )
        if found:
            return found[0]
        level = [child for folder in level for child in _subfolders(folder)]
    raise _invalid(
        f"received {_description(root)}, expected a folder 'images' beside a folder 'masks'; rename "
        "the folders "
        "and upload them again."
    )


def _pair_in(folder: Path, root: Path) -> PairFolders | None:
    by_name = {child.name.casefold(): child for child in _subfolders(folder)}
    images = next((by_name[name] for name in IMAGE_FOLDER_NAMES if name in by_name), None)
    masks = next((by_name[name] for name in MASK_FOLDER_NAMES if name in by_name), None)
    if images is None or masks is None:
        return None
    return PairFolders(images.relative_to(root).as_posix(), masks.relative_to(root).as_posix())


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        child for child in folder.iterdir() if child.is_dir() and not child.is_symlink() and not is_dropping(child.name)
    )


def _description(root: Path) -> str:
    folders = _subfolders(root)
    folders += [grandchild for child in _subfolders(root) for grandchild in _subfolders(child)]
    names = [f"'{printable(folder.relative_to(root).as_posix())}'" for folder in sorted(folders)[:_FOLDERS_SHOWN]]
    n_files = sum(1 for child in root.iterdir() if child.is_file() and not is_dropping(child.name))
    listed = f"the folders {', '.join(names)}" if names else "no folders"
    return f"{listed} and {n_files} file{'' if n_files == 1 else 's'} at the top"


def _invalid(detail: str) -> InvalidInputError:
    message = f"Invalid archive: {detail}"
    return InvalidInputError(message, fields=(FieldError("archive", message),))
