"""Drawing one synthetic micrograph of microbeads and its mask.

The appearance follows real transmitted-light pictures: dark, slightly purple discs with soft edges (they
pass 63 % of the red light, 50 % of the green, 85 % of the blue), single, in chains and in clumps, on a
grey-olive background with a gentle illumination gradient, colour fringes of a fraction of a pixel, and sensor
noise of two grey levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from skimage.filters import gaussian

_ABSORBANCE = (0.62, 0.80, 0.27)
_RED_FRINGE = (-0.5, 0.45)
_BLUE_FRINGE = (0.6, -0.5)
_CANDIDATES = 60


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What the images of one acquisition share.

    Parameters
    ----------
    name : str
        Start of the file names.
    images : int
        Number of images.
    beads : tuple of int
        Fewest and most beads an image.
    radius : float
        Of a bead, in pixels.
    background : tuple of float
        RGB level, 0 to 255.
    contrast : float
        Multiplies the absorbance; 1 is a bead in focus.
    defocus : float
        Standard deviation of the blur in pixels.
    clumping : float
        Share of the beads that stick to another (0 to 1).
    """

    name: str
    images: int
    beads: tuple[int, int]
    radius: float
    background: tuple[float, float, float]
    contrast: float
    defocus: float
    clumping: float


def draw_scene(
    acquisition: Acquisition, *, beads: int, side: int, random: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw an image (side, side, 3) and its mask (side, side) with `beads` beads."""
    centres = _place(beads, acquisition=acquisition, side=side, random=random)
    radii = acquisition.radius * random.normal(1, 0.06, beads).clip(0.85, 1.15)
    mask = np.zeros((side, side), np.bool_)
    channels = np.zeros((3, side, side), np.float64)
    depth = random.normal(1, 0.12, beads).clip(0.6, 1.3)
    for centre, radius, strength in zip(centres, radii, depth, strict=True):
        _add_disc(mask, channels, centre=centre, radius=radius, strength=strength)
    image = np.empty((side, side, 3), np.float64)
    light = _illumination(side, random=random)
    for index, absorbance in enumerate(_ABSORBANCE):
        optical_density = _blur(channels[index], acquisition.defocus)
        passed = np.exp(-absorbance * acquisition.contrast * optical_density)
        image[..., index] = acquisition.background[index] * light * passed
    image += _noise(side, random=random)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), mask


def _place(beads: int, *, acquisition: Acquisition, side: int, random: Generator) -> NDArray[np.float64]:
    """Choose centres (row, column): free ones keep their distance, sticky ones touch a bead that is there."""
    gap = 1.6 * acquisition.radius
    centres = np.empty((beads, 2))
    for index in range(beads):
        best, best_distance = random.uniform(0, side, 2), -1.0
        for _ in range(_CANDIDATES):
            if index and random.random() < acquisition.clumping:
                angle, reach = random.uniform(0, 2 * np.pi), gap * random.uniform(1.0, 1.3)
                candidate = centres[random.integers(index)] + reach * np.array([np.sin(angle), np.cos(angle)])
            else:
                candidate = random.uniform(0, side, 2)
            if not ((candidate >= 0) & (candidate < side)).all():
                continue
            distance = np.inf if index == 0 else float(np.hypot(*(centres[:index] - candidate).T).min())
            if distance > best_distance:
                best, best_distance = candidate, distance
            if distance >= gap:
                best = candidate
                break
        centres[index] = best
    return centres


def _add_disc(
    mask: NDArray[np.bool_],
    channels: NDArray[np.float64],
    *,
    centre: NDArray[np.float64],
    radius: float,
    strength: float,
) -> None:
    side = mask.shape[0]
    reach = int(np.ceil(radius)) + 3
    top, left = (max(0, int(value) - reach) for value in centre)
    bottom, right = (min(side, int(value) + reach + 1) for value in centre)
    rows, columns = np.ogrid[top:bottom, left:right]
    mask[top:bottom, left:right] |= np.hypot(rows - centre[0], columns - centre[1]) <= radius
    for index, (down, across) in enumerate((_RED_FRINGE, (0.0, 0.0), _BLUE_FRINGE)):
        distance = np.hypot(rows - centre[0] - down, columns - centre[1] - across) / radius
        # A sphere is thickest in its middle; the edge fades over one pixel.
        thickness = np.sqrt(np.clip(1.1 - distance**2, 0, None))
        channels[index, top:bottom, left:right] += strength * thickness


def _illumination(side: int, *, random: Generator) -> NDArray[np.float64]:
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angle, tilt = random.uniform(0, 2 * np.pi), random.uniform(0.03, 0.09)
    vignette = random.uniform(0.02, 0.06)
    shape: NDArray[Any] = 1 + tilt * (np.sin(angle) * rows + np.cos(angle) * columns)
    return np.asarray(shape - vignette * (rows**2 + columns**2), np.float64)


def _noise(side: int, *, random: Generator) -> NDArray[np.float64]:
    fine = random.normal(0, 1.6, (side, side, 3))
    coarse = np.stack([_blur(random.normal(0, 4.0, (side, side)), 1.2) for _ in range(3)], axis=-1)
    return np.asarray(fine + coarse, np.float64)


def _blur(plane: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    blurred = gaussian(plane, sigma, mode="nearest")  # type: ignore[no-untyped-call]
    return np.asarray(blurred, np.float64)
