"""Defects of whole sets: duplicates, leakage, populations, the two sides of a split."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.datasets.pairing.groups import infer_group
from app.domain.data_findings import DataFindingCode as Code
from benchmarks.checks.defects import Defect
from benchmarks.checks.scene_set import ScenePair, SceneSet
from benchmarks.checks.scenes import healthy_set


def _copy(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    def again(pair: ScenePair) -> ScenePair:
        if pair.image is None:
            return pair
        noise = random.normal(0, 1.5, pair.image.shape)
        top = np.iinfo(pair.image.dtype).max
        image = np.clip(pair.image + noise, 0, top).astype(pair.image.dtype)
        return replace(pair, name=f"{pair.name}copy", image=image)

    side = [pair for pair in scenes.pairs if pair.name not in scenes.validation]
    chosen = random.choice(len(side), round(strength), replace=False)
    return scenes.with_pairs([*scenes.pairs, *(again(side[index]) for index in chosen)])


def _copy_across(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    copied = _copy(scenes, strength, random)
    added = {name for name in copied.names if name.endswith("copy")}
    return replace(copied, validation=copied.validation | added)


def _leak_groups(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in scenes.names:
        groups[infer_group(name)].append(name)
    training = [members for members in groups.values() if len(members) > 1 and members[0] not in scenes.validation]
    chosen = random.choice(len(training), min(round(strength), len(training)), replace=False)
    return replace(scenes, validation=scenes.validation | {training[index][0] for index in chosen})


def _few(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    kept = random.choice(sorted(scenes.validation), round(strength), replace=False)
    return replace(scenes, validation=frozenset(str(name) for name in kept))


def _two_populations(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    other = "dense" if scenes.variant != "dense" else "beads"
    guests = healthy_set(other, int(random.integers(2**31)))
    number = round(strength * len(scenes.pairs))
    moved = [replace(pair, name=f"guest_{pair.name}") for pair in guests.pairs[:number]]
    return scenes.with_pairs([*scenes.pairs, *moved])


def _darken_validation(scenes: SceneSet, strength: float, random: Generator) -> SceneSet:
    del random

    def darker(image: NDArray[Any]) -> NDArray[Any]:
        return (image * (1 - strength)).astype(image.dtype)

    def apply(pair: ScenePair) -> ScenePair:
        return pair if pair.image is None else replace(pair, image=darker(pair.image))

    return scenes.changed(scenes.validation, apply)


_GROUPED = ("beads", "dilutions", "filaments", "low-contrast", "uneven-light", "twelve-bit", "many-microscopes")
_LEAKS = frozenset({Code.GROUP_LEAKAGE, Code.DUPLICATE_LEAKAGE, Code.TILE_OVERLAP_LEAKAGE})
_SHIFTS = frozenset(
    {
        Code.GROUP_INTENSITY_SHIFT, Code.VALIDATION_COVERAGE, Code.TWO_POPULATIONS, Code.DOMAIN_SHIFT,
        Code.FOREGROUND_OUTLIER, Code.OBJECT_SIZE_OUTLIER, Code.SCALE_MISMATCH, Code.POLARITY_MIXED,
        Code.BIT_DEPTH_MIXED, Code.INTENSITY_CRUSHED, Code.MASK_INVERTED, Code.ILLUMINATION_GRADIENT,
    }
)  # fmt: skip

SET_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect("near-duplicate", Code.NEAR_DUPLICATE, (1, 5), 1, "items", _copy, _LEAKS),
        Defect(
            "duplicate-leakage", Code.DUPLICATE_LEAKAGE, (1, 5), 1, "items", _copy_across,
            _LEAKS | {Code.NEAR_DUPLICATE},
        ),
        Defect("group-leakage", Code.GROUP_LEAKAGE, (1, 3), 1, "acquisitions", _leak_groups, _LEAKS, _GROUPED),
        Defect("validation-too-small", Code.VALIDATION_TOO_SMALL, (5, 9), 9, "items", _few, _SHIFTS | _LEAKS),
        Defect("two-populations", Code.TWO_POPULATIONS, (0.15, 0.35), 0.15, "share", _two_populations, _SHIFTS),
        Defect("domain-shift", Code.DOMAIN_SHIFT, (0.2, 0.4), 0.4, "share", _darken_validation, _SHIFTS),
    )
}  # fmt: skip
