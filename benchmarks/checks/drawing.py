"""Drawing one micrograph-like picture and its mask, in grey values from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

_FILAMENT_STEP = 0.7
_FILAMENT_BEND = 0.06


class Shape(StrEnum):
    """What the objects look like."""

    BEADS = "beads"
    ELLIPSES = "ellipses"
    FILAMENTS = "filaments"


@dataclass(frozen=True, slots=True)
class Optics:
    """How an acquisition shows its objects.

    Parameters
    ----------
    background : float
        Grey level without objects (0 to 1).
    contrast : float
        Grey of an object minus background; negative for dark objects.
    tilt : float
        Range of the illumination over the picture, relative to its mean.
    angle : float
        Direction of the tilt in radians.
    blur : float
        Standard deviation in pixels.
    noise : float
        Standard deviation of the grey values.
    clutter : float
        Standard deviation of the out-of-focus structure behind the objects, as a share of `contrast`.
    """

    background: float
    contrast: float
    tilt: float
    angle: float
    blur: float
    noise: float
    clutter: float


def draw_objects(
    shape: Shape, *, count: int, radius: float, height: int, width: int, random: Generator
) -> NDArray[np.float64]:
    """Return the share of each pixel that objects cover, (height, width), 0 to 1."""
    if shape is Shape.FILAMENTS:
        return _filaments(count=count, radius=radius, height=height, width=width, random=random)
    cover = np.zeros((height, width))
    for _ in range(count):
        row, column = random.uniform(0, height), random.uniform(0, width)
        size = radius * float(np.clip(random.normal(1, 0.12), 0.7, 1.4))
        stretch = random.uniform(1.0, 1.9) if shape is Shape.ELLIPSES else 1.0
        _stamp(cover, row=row, column=column, radius=size, stretch=stretch, angle=random.uniform(0, np.pi))
    return cover


def photograph(
    cover: NDArray[np.float64], optics: Optics, *, random: Generator, dust: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the picture (H, W), 0 to 1, that `optics` takes of the objects.

    Parameters
    ----------
    cover : ndarray
        From `draw_objects`.
    optics : Optics
        Of the acquisition.
    random : Generator
        Of clutter and noise.
    dust : ndarray, optional
        (H, W) factors: what lies on the sensor, the same in every picture of an acquisition.
    """
    height, width = cover.shape
    structure = ndimage.gaussian_filter(random.normal(0, 1, cover.shape), 7.0)
    structure *= optics.clutter * optics.contrast / structure.std()
    # Objects differ in how much light they take: a mottle that is smooth on their scale.
    mottle = 1 + 0.15 * ndimage.gaussian_filter(random.normal(0, 4.0, cover.shape), 3.0)
    scene = optics.background + structure + optics.contrast * cover * mottle
    scene = ndimage.gaussian_filter(scene, optics.blur) * _illumination(height, width, optics=optics)
    if dust is not None:
        scene = scene * dust
    return np.asarray(np.clip(scene + random.normal(0, optics.noise, cover.shape), 0, 1), np.float64)


def draw_dust(height: int, width: int, *, specks: int, random: Generator) -> NDArray[np.float64]:
    """Return the factors (height, width) of specks on a sensor: 1 where there is none."""
    cover = np.zeros((height, width))
    for _ in range(specks):
        place = random.uniform(0, height), random.uniform(0, width)
        _stamp(cover, row=place[0], column=place[1], radius=random.uniform(1.5, 4), stretch=1.2, angle=0.0)
    return np.asarray(1 - 0.12 * ndimage.gaussian_filter(cover, 1.0), np.float64)


def _stamp(
    cover: NDArray[np.float64], *, row: float, column: float, radius: float, stretch: float, angle: float
) -> None:
    reach = int(np.ceil(radius * stretch)) + 2
    top, left = max(0, int(row) - reach), max(0, int(column) - reach)
    rows, columns = np.ogrid[
        top : min(cover.shape[0], int(row) + reach), left : min(cover.shape[1], int(column) + reach)
    ]
    down, across = rows - row, columns - column
    along = (np.cos(angle) * down + np.sin(angle) * across) / stretch
    aside = np.cos(angle) * across - np.sin(angle) * down
    # The edge fades over one pixel.
    covered = np.clip(0.5 + radius - np.hypot(along, aside), 0, 1)
    part = cover[top : top + covered.shape[0], left : left + covered.shape[1]]
    np.maximum(part, covered, out=part)


def _filaments(*, count: int, radius: float, height: int, width: int, random: Generator) -> NDArray[np.float64]:
    free = np.ones((height, width), np.bool_)
    for _ in range(count):
        length = int(random.uniform(0.5, 1.0) * max(height, width) / _FILAMENT_STEP)
        angles = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, _FILAMENT_BEND, length))
        rows = random.uniform(0, height) + _FILAMENT_STEP * np.cumsum(np.sin(angles))
        columns = random.uniform(0, width) + _FILAMENT_STEP * np.cumsum(np.cos(angles))
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        free[rows[inside].astype(int), columns[inside].astype(int)] = False
    return np.asarray(np.clip(0.5 + radius - ndimage.distance_transform_edt(free), 0, 1), np.float64)


def _illumination(height: int, width: int, *, optics: Optics) -> NDArray[np.float64]:
    rows = np.linspace(-0.5, 0.5, height)[:, np.newaxis]
    columns = np.linspace(-0.5, 0.5, width)[np.newaxis, :]
    slope = np.sin(optics.angle) * rows + np.cos(optics.angle) * columns
    bowl = rows**2 + columns**2
    return np.asarray(1 + optics.tilt * (0.7 * slope - 0.6 * bowl), np.float64)
