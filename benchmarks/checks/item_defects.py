"""Defects of single pairs: shifts, swaps, mask values, polarity, intensity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from app.domain.data_findings import DataFindingCode as Code
from benchmarks.checks.defects import Defect
from benchmarks.checks.scene_set import ScenePair, SceneSet


def _with_objects(scenes: SceneSet) -> list[str]:
    return [pair.name for pair in scenes.pairs if pair.mask is not None and 0 < np.mean(pair.mask > 0) < 0.9]


def _some(scenes: SceneSet, number: int, random: Generator) -> list[str]:
    names = _with_objects(scenes)
    return [str(name) for name in random.choice(names, min(number, len(names)), replace=False)]


def _masks(scenes: SceneSet, names: list[str], change: Callable[[NDArray[Any]], NDArray[Any]]) -> SceneSet:
    def apply(pair: ScenePair) -> ScenePair:
        return pair if pair.mask is None else replace(pair, mask=change(pair.mask))

    return scenes.changed(names, apply)


def _images(scenes: SceneSet, names: list[str], change: Callable[[NDArray[Any]], NDArray[Any]]) -> SceneSet:
    def apply(pair: ScenePair) -> ScenePair:
        return pair if pair.image is None else replace(pair, image=change(pair.image))

    return scenes.changed(names, apply)


def _direction(pixels: float, random: Generator) -> tuple[int, int]:
    angle = random.uniform(0, 2 * np.pi)
    return round(pixels * np.sin(angle)), round(pixels * np.cos(angle))


def _shift_one(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    shift = _direction(strength, random)
    return _masks(scenes, _some(scenes, 1, random), lambda mask: np.roll(mask, shift, (0, 1)))


def _shift_all(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    shift = _direction(strength, random)
    return _masks(scenes, list(scenes.names), lambda mask: np.roll(mask, shift, (0, 1)))


def _permute(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    names = _some(scenes, max(2, round(strength * len(scenes.pairs))), random)
    masks = {pair.name: pair.mask for pair in scenes.pairs}
    taken = dict(zip(names, [*names[1:], names[0]], strict=True))
    return scenes.changed(names, lambda pair: replace(pair, mask=masks[taken[pair.name]]))


def _interpolate(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    def resized(mask: NDArray[Any]) -> NDArray[Any]:
        height, width = mask.shape
        small = Image.fromarray(mask).resize((width * 3 // 4, height * 3 // 4), Image.Resampling.BICUBIC)
        return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))

    return _masks(scenes, _some(scenes, round(strength), random), resized)


def _invert(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    names = list(scenes.names) if strength >= len(scenes.pairs) else _some(scenes, round(strength), random)
    return _masks(scenes, names, lambda mask: np.asarray(255 - mask, mask.dtype))


def _empty(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    return _masks(scenes, _some(scenes, round(strength), random), np.zeros_like)


def _fill(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    return _masks(scenes, _some(scenes, round(strength), random), lambda mask: np.full_like(mask, 255))


def _zero_one(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    return _masks(scenes, _some(scenes, round(strength), random), lambda mask: (mask > 0).astype(np.uint8))


def _label(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    del strength, random
    return _masks(scenes, list(scenes.names), lambda mask: np.asarray(ndimage.label(mask > 0)[0] % 120, np.uint8))


def _blank(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    return _images(scenes, _some(scenes, round(strength), random), lambda image: np.full_like(image, 40))


def _clip(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    def clipped(image: NDArray[Any]) -> NDArray[Any]:
        top = np.iinfo(image.dtype).max
        level = np.quantile(image, 1 - strength)
        return np.where(image >= level, top, image).astype(image.dtype)

    return _images(scenes, _some(scenes, 3, random), clipped)


def _deepen(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    def deep(image: NDArray[Any]) -> NDArray[Any]:
        grey = image if image.ndim == 2 else image[..., 1]
        return grey.astype(np.uint16) * np.uint16(257 if grey.dtype == np.uint8 else 1)

    return _images(scenes, _some(scenes, round(strength), random), deep)


#: What an altered mask or image may rightly raise beside its own code.
_MASK_SIDE_EFFECTS = frozenset(
    {Code.FOREGROUND_OUTLIER, Code.OBJECT_SIZE_OUTLIER, Code.PAIRS_SHUFFLED, Code.MASK_SHIFTED, Code.SCALE_MISMATCH}
)
_IMAGE_SIDE_EFFECTS = _MASK_SIDE_EFFECTS | {
    Code.INTENSITY_CRUSHED,
    Code.GROUP_INTENSITY_SHIFT,
    Code.ILLUMINATION_GRADIENT,
    Code.TWO_POPULATIONS,
    Code.DOMAIN_SHIFT,
    Code.IMAGE_SATURATED,
    Code.NEAR_DUPLICATE,
    Code.DUPLICATE_LEAKAGE,
}
_EIGHT_BIT = ("beads", "dilutions", "nuclei", "filaments", "dense", "uneven-light", "many-microscopes", "two-families")

ITEM_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect("mask-shifted", Code.MASK_SHIFTED, (2, 3, 5, 9), 3, "px", _shift_one),
        Defect(
            "mask-shifted-all", Code.MASK_SHIFTED_SYSTEMATIC, (2, 3, 6), 3, "px", _shift_all,
            frozenset({Code.MASK_SHIFTED}),
        ),
        Defect("two-masks-swapped", Code.PAIRS_SHUFFLED, (0.01,), 0.01, "share", _permute, _MASK_SIDE_EFFECTS),
        Defect("pairs-shuffled", Code.PAIRS_SHUFFLED, (0.3, 1.0), 0.3, "share", _permute, _MASK_SIDE_EFFECTS),
        Defect("mask-interpolated", Code.MASK_NOT_BINARY, (1, 20), 1, "items", _interpolate, _MASK_SIDE_EFFECTS),
        Defect(
            "mask-inverted", Code.MASK_INVERTED, (1, 4), 1, "items", _invert,
            _MASK_SIDE_EFFECTS | {Code.POLARITY_MIXED},
        ),
        Defect(
            "masks-all-inverted", Code.MASK_INVERTED, (999,), 999, "items", _invert,
            _MASK_SIDE_EFFECTS | {Code.POLARITY_MIXED}, _EIGHT_BIT,
        ),
        Defect("mask-empty", Code.MASK_EMPTY, (1, 5), 1, "items", _empty, _MASK_SIDE_EFFECTS),
        Defect("mask-full", Code.MASK_FULL, (1,), 1, "items", _fill, _MASK_SIDE_EFFECTS | {Code.MASK_INVERTED}),
        Defect(
            "mask-zero-one", Code.MASK_ZERO_ONE, (1, 5), 1, "items", _zero_one,
            _MASK_SIDE_EFFECTS | {Code.MASK_EMPTY},
        ),
        Defect("mask-labels", Code.MASK_LABELS, (1,), 1, "all", _label, _MASK_SIDE_EFFECTS | {Code.MASK_EMPTY}),
        Defect("image-constant", Code.IMAGE_CONSTANT, (1,), 1, "items", _blank, _IMAGE_SIDE_EFFECTS),
        Defect("image-saturated", Code.IMAGE_SATURATED, (0.015, 0.1), 0.015, "share", _clip, _IMAGE_SIDE_EFFECTS),
        Defect(
            "bit-depth-mixed", Code.BIT_DEPTH_MIXED, (1, 5), 1, "items", _deepen,
            _IMAGE_SIDE_EFFECTS, _EIGHT_BIT,
        ),
    )
}  # fmt: skip
