"""Random changes of an image and its mask.

All changes of position are one mapping: where in the original each pixel of the result comes from. The image is
sampled there linearly, the mask at the nearest pixel, so that both move alike and a mask stays a mask.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.domain.augmentation_spec import AugmentationSpec

Image = NDArray[np.float32]
Mask = NDArray[np.uint8]


def augmentation_rng(*, seed: int, epoch: int, item: int, repeat: int = 0) -> np.random.Generator:
    """Return the generator of one item in one epoch: nothing else decides what is drawn, so that a resume repeats it.

    Parameters
    ----------
    repeat : int
        How often the item was drawn in this epoch before; sampling by weight draws some items more than once.
    """
    return np.random.default_rng([seed, epoch, item, repeat])


def augment_pair(image: Image, mask: Mask, *, spec: AugmentationSpec, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Change an image and its mask at random.

    Quarter turns and flips are drawn first, then each of rotation, scale and elastic deformation with
    `spec.probability` (together they are one interpolation), then contrast, brightness, gamma, blur and noise, each
    with `spec.probability`, of the image alone. What a warp brings in from outside is the mirrored image.

    Parameters
    ----------
    image : ndarray of float32, shape (height, width, channels)
        0 to 1.
    mask : ndarray of uint8, shape (height, width)
        0 and 1.
    spec : AugmentationSpec
        What to change, and how much.
    rng : Generator
        The only source of chance.

    Returns
    -------
    image : ndarray of float32, shape (height, width, channels)
        0 to 1.
    mask : ndarray of uint8, shape (height, width)
        0 and 1.
    """
    image, mask = _turn_and_flip(image, mask, spec=spec, rng=rng)
    if spec.warps:
        image, mask = _warp(image, mask, spec=spec, rng=rng)
    if spec.changes_intensities:
        image = _change_intensities(image, spec=spec, rng=rng)
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


# === Position ===


def _turn_and_flip(image: Image, mask: Mask, *, spec: AugmentationSpec, rng: np.random.Generator) -> tuple[Image, Mask]:
    if spec.rotate90:
        height, width = mask.shape
        turns = int(rng.integers(4)) if height == width else 2 * int(rng.integers(2))
        image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if spec.flip:
        for axis in (0, 1):
            if rng.random() < 0.5:
                image, mask = np.flip(image, axis), np.flip(mask, axis)
    return image, mask


def _warp(image: Image, mask: Mask, *, spec: AugmentationSpec, rng: np.random.Generator) -> tuple[Image, Mask]:
    height, width = mask.shape
    angle = (
        np.deg2rad(rng.uniform(-spec.rotation_degrees, spec.rotation_degrees))
        if _happens(spec.rotation_degrees, spec=spec, rng=rng)
        else 0.0
    )
    zoom = _factor(spec.scale, spec=spec, rng=rng)
    bends = _happens(spec.elastic_pixels, spec=spec, rng=rng)
    if angle == 0 and zoom == 1 and not bends:
        return image, mask
    # Around the centre, backwards: from where in the original a pixel of the result comes.
    rows = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    columns = np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2
    cosine, sine = np.float32(np.cos(angle) / zoom), np.float32(np.sin(angle) / zoom)
    source_rows = cosine * rows + sine * columns + np.float32((height - 1) / 2)
    source_columns = -sine * rows + cosine * columns + np.float32((width - 1) / 2)
    if bends:
        source_rows += _smooth_field(height, width, spec=spec, rng=rng)
        source_columns += _smooth_field(height, width, spec=spec, rng=rng)
    return _sample(image, mask, source_rows, source_columns)


def _smooth_field(height: int, width: int, *, spec: AugmentationSpec, rng: np.random.Generator) -> Image:
    """Return displacements: normal at the nodes of a grid, between them a uniform cubic B-spline.

    Rueckert et al. 1999, "Nonrigid registration using free-form deformations", IEEE TMI 18(8), equation 1;
    Ronneberger et al. 2015, arXiv 1505.04597, section 3.1, bend their images with such a grid.
    """
    down, across = _spline_basis(height, spec.elastic_spacing), _spline_basis(width, spec.elastic_spacing)
    nodes = rng.standard_normal((down.shape[1], across.shape[1]), dtype=np.float32)
    field: Image = down @ (nodes * np.float32(spec.elastic_pixels)) @ across.T
    return field


@cache
def _spline_basis(length: int, spacing: int) -> Image:
    """Return the weight of each node (columns) at each pixel (rows); four nodes reach a pixel."""
    position = np.arange(length) / spacing
    first = position.astype(int)
    t = position - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    # Smoothing shrinks the nodes' deviations; this gives the middle of the field the standard deviation asked for.
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    basis = np.zeros((length, int(first[-1]) + 4), np.float32)
    for offset in range(4):
        basis[np.arange(length), first + offset] = weights[:, offset]
    return basis


def _sample(image: Image, mask: Mask, rows: Image, columns: Image) -> tuple[Image, Mask]:
    height, width = mask.shape
    rows, columns = _mirrored(rows, height), _mirrored(columns, width)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, right = rows - top, columns - left
    start = top * width + left
    below = np.where(top < height - 1, width, 0)
    beside = (left < width - 1).astype(np.intp)
    pixels = image.reshape(height * width, -1)
    corners = (
        (start, (1 - down) * (1 - right)),
        (start + beside, (1 - down) * right),
        (start + below, down * (1 - right)),
        (start + below + beside, down * right),
    )
    result = np.zeros(image.shape, np.float32)
    for indices, weights in corners:
        result += pixels.take(indices, axis=0) * weights[..., None].astype(np.float32)
    nearest = start + np.where(down > 0.5, below, 0) + np.where(right > 0.5, beside, 0)
    return result, mask.reshape(-1).take(nearest)


def _mirrored(position: Image, length: int) -> Image:
    """Fold positions outside [0, length − 1] back inside, as a mirror at the outermost pixels does."""
    if length == 1:
        return np.zeros_like(position)
    last = np.float32(length - 1)
    folded: Image = last - np.abs(np.abs(position) % (2 * last) - last)
    return folded


# === Intensity ===


def _change_intensities(image: Image, *, spec: AugmentationSpec, rng: np.random.Generator) -> Image:
    contrast = _factor(spec.contrast, spec=spec, rng=rng)
    if contrast != 1:
        mean = image.mean(dtype=np.float32)
        image = (image - mean) * np.float32(contrast) + mean
    if _happens(spec.brightness, spec=spec, rng=rng):
        image = image + np.float32(rng.uniform(-spec.brightness, spec.brightness))
    image = np.clip(image, 0, 1)
    gamma = _factor(spec.gamma, spec=spec, rng=rng)
    if gamma != 1:
        image = image ** np.float32(gamma)
    if _happens(spec.blur_pixels, spec=spec, rng=rng):
        blur = rng.uniform(0, spec.blur_pixels)
        image = ndimage.gaussian_filter(image, (blur, blur, 0), mode="mirror", truncate=3)
    if _happens(spec.noise, spec=spec, rng=rng):
        deviation = np.float32(rng.uniform(0, spec.noise))
        image = np.clip(image + deviation * rng.standard_normal(image.shape, dtype=np.float32), 0, 1)
    changed: Image = image
    return changed


# === Chance ===


def _happens(amount: float, *, spec: AugmentationSpec, rng: np.random.Generator) -> bool:
    return amount > 0 and bool(rng.random() < spec.probability)


def _factor(amount: float, *, spec: AugmentationSpec, rng: np.random.Generator) -> float:
    """Return a factor between 1 / (1 + amount) and 1 + amount, either side equally likely; 1 if nothing happens."""
    if not _happens(amount, spec=spec, rng=rng):
        return 1.0
    return float((1 + amount) ** rng.uniform(-1, 1))
