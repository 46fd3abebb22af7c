"""Recipes of healthy datasets, seeded: `healthy_set(variant, seed)` always draws the same pixels.

Hard negatives are among them: pictures that look alike, few objects, dense objects, hardly any contrast, acquisitions
that differ, families of names without a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.checks.drawing import Optics, Shape, draw_dust, draw_objects, photograph
from benchmarks.checks.scene_set import ScenePair, SceneSet

SIDE = 160

_GRID_COLUMNS = 3
_SPLIT_TRIES = 40
_RGB_TINT = (0.96, 1.0, 0.92)


class Naming(StrEnum):
    """What the file names say."""

    ACQUISITIONS = "acquisitions"  # tiles of acquisitions, one family of names
    SINGLES = "singles"  # every picture is an acquisition of its own
    TWO_FAMILIES = "two-families"  # as acquisitions, in two families of names that mean nothing


class Pixels(StrEnum):
    """How pictures are stored."""

    GREY = "grey"
    RGB = "rgb"
    TWELVE_BIT = "twelve-bit"


@dataclass(frozen=True, slots=True)
class Variant:
    """A recipe. Ranges are (least, most); an acquisition draws once from each, a picture varies a little around it.

    Parameters
    ----------
    name : str
        Unique.
    shape : Shape
        Of the objects.
    count : tuple of int
        Objects a picture; acquisitions are spread evenly over it on a logarithmic scale.
    radius : tuple of float
        Of an object, in pixels.
    background, contrast, tilt, blur, noise, clutter : tuple of float
        See `Optics`.
    naming : Naming
        Decides the acquisitions.
    pixels : Pixels
        Decides the files.
    acquisitions, pictures : int
        Number of acquisitions, and of pictures in each.
    validation_acquisitions : int
        How many acquisitions validate.
    is_grid : bool
        Whether the pictures of an acquisition are neighbouring tiles of one large picture, without overlap.
    specks : int
        Dust on the sensor, the same in all pictures of the set.
    """

    name: str
    shape: Shape
    count: tuple[int, int]
    radius: tuple[float, float]
    background: tuple[float, float]
    contrast: tuple[float, float]
    tilt: tuple[float, float] = (0.04, 0.12)
    blur: tuple[float, float] = (0.7, 1.0)
    noise: tuple[float, float] = (0.012, 0.018)
    clutter: tuple[float, float] = (0.08, 0.14)
    naming: Naming = Naming.ACQUISITIONS
    pixels: Pixels = Pixels.GREY
    acquisitions: int = 12
    pictures: int = 5
    validation_acquisitions: int = 3
    is_grid: bool = False
    specks: int = 0


_SINGLES: dict[str, Any] = {"naming": Naming.SINGLES, "acquisitions": 75, "pictures": 1, "validation_acquisitions": 15}

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(
            "beads", Shape.BEADS, (20, 60), (4.5, 5.2), (0.55, 0.65), (-0.34, -0.28), pixels=Pixels.RGB
        ),
        Variant("dilutions", Shape.BEADS, (8, 90), (4.5, 5.2), (0.52, 0.66), (-0.34, -0.26), pixels=Pixels.RGB),
        Variant("nuclei", Shape.ELLIPSES, (10, 22), (6.5, 8.0), (0.16, 0.22), (0.40, 0.50), **_SINGLES),
        Variant(
            "filaments", Shape.FILAMENTS, (5, 9), (1.6, 2.0), (0.18, 0.24), (0.34, 0.42), clutter=(0.05, 0.1)
        ),
        Variant("few-objects", Shape.BEADS, (4, 7), (5.5, 6.2), (0.52, 0.6), (-0.32, -0.26), **_SINGLES),
        Variant("dense", Shape.ELLIPSES, (60, 90), (6.0, 7.0), (0.18, 0.24), (0.40, 0.48), is_grid=True),
        Variant(
            "low-contrast", Shape.ELLIPSES, (10, 22), (7.0, 8.0), (0.42, 0.5), (0.05, 0.06), noise=(0.02, 0.025)
        ),
        Variant(
            "uneven-light", Shape.ELLIPSES, (10, 20), (6.0, 7.5), (0.60, 0.68), (-0.30, -0.24), tilt=(0.14, 0.22)
        ),
        Variant(
            "look-alikes", Shape.BEADS, (5, 8), (4.8, 5.2), (0.57, 0.59), (-0.31, -0.29), tilt=(0.1, 0.1),
            noise=(0.012, 0.012), clutter=(0.02, 0.03), specks=10, **_SINGLES,
        ),
        Variant(
            "twelve-bit", Shape.ELLIPSES, (12, 26), (6.0, 7.0), (0.20, 0.28), (0.36, 0.48), pixels=Pixels.TWELVE_BIT
        ),
        Variant(
            "many-microscopes", Shape.ELLIPSES, (8, 30), (5.8, 7.2), (0.16, 0.32), (0.30, 0.50), blur=(0.6, 1.3),
            noise=(0.010, 0.024), acquisitions=14, pictures=5,
        ),
        Variant("two-families", Shape.BEADS, (15, 45), (4.8, 5.4), (0.5, 0.6), (-0.34, -0.28),
                naming=Naming.TWO_FAMILIES, is_grid=True),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Acquisition:
    name: str
    count: float
    radius: float
    optics: Optics


def healthy_set(variant: str, seed: int) -> SceneSet:
    """Draw a healthy dataset.

    Parameters
    ----------
    variant : str
        A key of `VARIANTS`.
    seed : int
        Of everything random.

    Returns
    -------
    SceneSet
        60 to 75 pairs of 160×160 pixels; whole acquisitions validate, chosen so that both sides are alike.
    """
    recipe = VARIANTS[variant]
    random = np.random.default_rng([seed, *recipe.name.encode()])
    dust = draw_dust(SIDE, SIDE, specks=recipe.specks, random=random) if recipe.specks else None
    pairs: list[ScenePair] = []
    members: list[tuple[str, ...]] = []
    profiles: list[tuple[float, float]] = []
    for acquisition in _acquisitions(recipe, random=random):
        drawn = _pictures(recipe, acquisition, dust=dust, random=random)
        pairs += drawn
        members.append(tuple(pair.name for pair in drawn))
        profiles.append((np.log(acquisition.count), acquisition.optics.background))
    chosen = _representative(np.array(profiles), wanted=recipe.validation_acquisitions, random=random)
    return SceneSet(
        variant=variant,
        pairs=tuple(sorted(pairs, key=lambda pair: pair.name)),
        validation=frozenset(name for index in chosen for name in members[index]),
    )


def _acquisitions(recipe: Variant, *, random: Generator) -> list[_Acquisition]:
    counts = np.geomspace(*recipe.count, recipe.acquisitions)
    if recipe.naming is not Naming.ACQUISITIONS:
        # Families and single pictures have no order of their own.
        random.shuffle(counts)
    return [
        _Acquisition(
            name=_acquisition_name(recipe, index, random=random),
            count=float(count),
            radius=random.uniform(*recipe.radius),
            optics=Optics(
                background=random.uniform(*recipe.background),
                contrast=random.uniform(*recipe.contrast),
                tilt=random.uniform(*recipe.tilt),
                # Every picture of one microscope is lit from the same side; look-alikes are all from one.
                angle=0.6 if recipe.specks else random.uniform(0, 2 * np.pi),
                blur=random.uniform(*recipe.blur),
                noise=random.uniform(*recipe.noise),
                clutter=random.uniform(*recipe.clutter),
            ),
        )
        for index, count in enumerate(counts)
    ]


def _acquisition_name(recipe: Variant, index: int, *, random: Generator) -> str:
    if recipe.naming is Naming.SINGLES:
        return f"img_{index:04d}"
    day = random.integers(1, 29)
    if recipe.naming is Naming.TWO_FAMILIES and index % 2:
        return f"slide{index:02d}_{day:02d}05"
    return f"2024-05-{day:02d}_{index:03d}"


def _pictures(
    recipe: Variant, acquisition: _Acquisition, *, dust: NDArray[np.float64] | None, random: Generator
) -> list[ScenePair]:
    rows = -(-recipe.pictures // _GRID_COLUMNS)
    covers: list[NDArray[np.float64]]
    if recipe.is_grid:
        whole = draw_objects(
            recipe.shape,
            count=round(acquisition.count * rows * _GRID_COLUMNS),
            radius=acquisition.radius,
            height=rows * SIDE,
            width=_GRID_COLUMNS * SIDE,
            random=random,
        )
        covers = [
            whole[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
            for row in range(rows)
            for column in range(_GRID_COLUMNS)
        ]
    else:
        covers = [
            draw_objects(
                recipe.shape,
                count=max(1, round(acquisition.count * random.normal(1, 0.1))),
                radius=acquisition.radius,
                height=SIDE,
                width=SIDE,
                random=random,
            )
            for _ in range(recipe.pictures)
        ]
    pairs: list[ScenePair] = []
    for index, cover in enumerate(covers[: recipe.pictures]):
        optics = replace(
            acquisition.optics,
            background=acquisition.optics.background * random.normal(1, 0.01),
            contrast=acquisition.optics.contrast * random.normal(1, 0.03),
            blur=acquisition.optics.blur * random.normal(1, 0.04),
        )
        row, column = divmod(index, _GRID_COLUMNS)
        single = recipe.naming is Naming.SINGLES
        pairs.append(
            ScenePair(
                name=acquisition.name if single else f"{acquisition.name}_r{row}_c{column}",
                image=_stored(photograph(cover, optics, random=random, dust=dust), recipe.pixels),
                mask=np.where(cover >= 0.5, np.uint8(255), np.uint8(0)),
            )
        )
    return pairs


def _stored(picture: NDArray[np.float64], pixels: Pixels) -> NDArray[Any]:
    if pixels is Pixels.TWELVE_BIT:
        return np.asarray(np.rint(picture * 4095), np.uint16)
    if pixels is Pixels.RGB:
        picture = picture[..., np.newaxis] * np.array(_RGB_TINT)
    return np.asarray(np.rint(picture * 255), np.uint8)


def _representative(profiles: NDArray[np.float64], *, wanted: int, random: Generator) -> NDArray[np.int64]:
    """Choose the acquisitions whose mean and spread of (log count, background) are closest to those of all."""
    scaled = (profiles - profiles.mean(0)) / np.maximum(profiles.std(0), 1e-9)
    draws = [random.choice(len(profiles), wanted, replace=False) for _ in range(_SPLIT_TRIES)]
    return min(draws, key=lambda draw: np.abs(scaled[draw].mean(0)).sum() + np.abs(scaled[draw].std(0) - 1).sum())
