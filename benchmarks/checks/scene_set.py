"""A small dataset in memory, and the folder that a person would have of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGES_DIR = "images"
MASKS_DIR = "masks"


@dataclass(frozen=True, slots=True, eq=False)
class ScenePair:
    """An image with its mask.

    Parameters
    ----------
    name : str
        File name of the image without suffix; its acquisition is what `infer_group` reads from it.
    image : ndarray of uint8 or uint16, or None
        (H, W) grey or (H, W, 3) uint8; None: no such file.
    mask : ndarray of uint8 or uint16, or None
        (H, W), 0 and 255 in healthy sets; None: no such file.
    mask_name : str or None
        File name of the mask without suffix, where it is not `name`.
    """

    name: str
    image: NDArray[Any] | None
    mask: NDArray[Any] | None
    mask_name: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SceneSet:
    """A dataset with the split that its owner would train on.

    Parameters
    ----------
    variant : str
        Name of the recipe.
    pairs : tuple of ScenePair
        In the order of their names.
    validation : frozenset of str
        Names on the validation side; in healthy sets whole acquisitions.
    files : tuple of (str, bytes)
        Further files by path relative to the folder, written last: they may overwrite pictures.
    """

    variant: str
    pairs: tuple[ScenePair, ...]
    validation: frozenset[str]
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pairs."""
        return tuple(pair.name for pair in self.pairs)

    def with_pairs(self, pairs: Iterable[ScenePair]) -> SceneSet:
        """Return the set with other pairs; names that are gone leave the validation side as well."""
        ordered = tuple(sorted(pairs, key=lambda pair: pair.name))
        return replace(self, pairs=ordered, validation=self.validation & {pair.name for pair in ordered})

    def changed(self, names: Iterable[str], change: Callable[[ScenePair], ScenePair]) -> SceneSet:
        """Return the set with `change` applied to the pairs of these names."""
        chosen = frozenset(names)
        return self.with_pairs(change(pair) if pair.name in chosen else pair for pair in self.pairs)

    def write(self, folder: Path) -> None:
        """Write `images` and `masks` as PNG files, then `files`."""
        for part in (IMAGES_DIR, MASKS_DIR):
            (folder / part).mkdir(parents=True)
        for pair in self.pairs:
            if pair.image is not None:
                _write(pair.image, folder / IMAGES_DIR / f"{pair.name}.png")
            if pair.mask is not None:
                _write(pair.mask, folder / MASKS_DIR / f"{pair.mask_name or pair.name}.png")
        for path, content in self.files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def _write(pixels: NDArray[Any], path: Path) -> None:
    # Benchmarks write thousands of pictures: speed before size.
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, compress_level=1)
