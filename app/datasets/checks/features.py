"""The numbers by which items are compared with each other as a whole: of the image and of the mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.datasets.checks.measures import ItemMeasures

_TINY = 1e-4
_MEGAPIXEL = 1e6

#: Values are cut at so many robust standard deviations from the median: one broken item must not set the scale.
_CLIP = 6.0

#: Interquartile range of a normal distribution with standard deviation 1.
_NORMAL_IQR = 1.349


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of an item.

    Parameters
    ----------
    key : str
        Stable name for evidence.
    label : str
        What it is, for people.
    read : callable
        The number as people know it.
    transform : callable
        Brings it to a scale on which equal steps matter equally.
    material : float
        The least difference on that scale that a network would notice.
    is_density : bool
        Whether it follows from how many objects a picture happens to hold.
    """

    key: str
    label: str
    read: Callable[[ItemMeasures], float]
    transform: Callable[[float], float]
    material: float
    is_density: bool = False


def _same(value: float) -> float:
    return value


def _log(value: float) -> float:
    return math.log(max(value, 0.0) + _TINY)


def _log_large(value: float) -> float:
    return math.log(max(value, 0.0) + 1)


def _logit(share: float) -> float:
    # A thousandth on both sides: an empty mask is far from the others and not infinitely far.
    return math.log((share + 1e-3) / (1 - share + 1e-3))


def _log_sharpness(value: float) -> float:
    return math.log(max(value, 0.0) + 1e-7)


def objects_per_megapixel(item: ItemMeasures) -> float:
    """Return the number of objects in a million pixels."""
    return item.object_count * _MEGAPIXEL / (item.height * item.width)


#: Material differences, by choice: a tenth of the grey scale; half as much spread again; twice the sharpness (a blur of
#: a fraction of a pixel) or object area; three times the foreground or the objects, which vary within any good set.
FEATURES: tuple[Feature, ...] = (
    Feature("brightness", "median grey value", lambda item: float(item.image_percentiles[2]), _same, 0.1),
    Feature("spread", "spread of the grey values", lambda item: item.image_std, _log, math.log(1.5), is_density=True),
    Feature(
        "contrast",
        "contrast of the objects",
        lambda item: 0.0 if math.isnan(item.contrast) else item.contrast,
        _same,
        0.1,
    ),
    Feature(
        "sharpness", "sharpness (variance of the Laplacian)", lambda item: item.sharpness, _log_sharpness, math.log(2)
    ),
    Feature(
        "bright_end",
        "99th percentile above the median grey value",
        lambda item: float(item.image_percentiles[4] - item.image_percentiles[2]),
        _same,
        0.1,
    ),
    Feature(
        "dark_end",
        "median grey value above the 1st percentile",
        lambda item: float(item.image_percentiles[2] - item.image_percentiles[0]),
        _same,
        0.1,
    ),
    Feature(
        "foreground", "share of foreground", lambda item: item.foreground_fraction, _logit, math.log(3), is_density=True
    ),
    Feature(
        "object_area", "median object area in pixels", lambda item: item.object_area_median, _log_large, math.log(2)
    ),
    Feature("objects", "objects per megapixel", objects_per_megapixel, _log_large, math.log(3), is_density=True),
)


def feature_matrix(items: Sequence[ItemMeasures]) -> NDArray[np.float64]:
    """Return the transformed features, robustly scaled within the set.

    Returns
    -------
    ndarray of float64
        (items, features): deviations from the set's median in robust standard deviations, at most ±6. A feature that
        is the same for all items is 0.
    """
    raw = np.array([[feature.transform(feature.read(item)) for feature in FEATURES] for item in items], np.float64)
    deviation = raw - np.median(raw, axis=0)
    quartiles = np.percentile(raw, (25, 75), axis=0)
    # Half of the plain deviation as a floor: where most items agree to the digit, the others are not infinitely far.
    scale = np.maximum((quartiles[1] - quartiles[0]) / _NORMAL_IQR, raw.std(axis=0) / 2)
    varies = scale > 1e-9
    return np.asarray(np.clip(np.where(varies, deviation / np.where(varies, scale, 1.0), 0.0), -_CLIP, _CLIP))


class Difference(NamedTuple):
    """How two sides differ in one feature.

    Parameters
    ----------
    feature : Feature
        Which.
    inside, outside : float
        Medians of the natural numbers.
    deviations : float
        Difference of the medians in standard deviations within the sides.
    is_material : bool
        Whether a network would notice.
    """

    feature: Feature
    inside: float
    outside: float
    deviations: float
    is_material: bool


def differences(items: Sequence[ItemMeasures], side: NDArray[np.bool_]) -> list[Difference]:
    """Return how the items of `side` differ from the others in each feature, the largest difference first."""
    found: list[Difference] = []
    for feature in FEATURES:
        natural = np.array([feature.read(item) for item in items])
        values = np.array([feature.transform(value) for value in natural])
        within = math.sqrt((float(values[side].var()) + float(values[~side].var())) / 2)
        gap = abs(float(np.median(values[side])) - float(np.median(values[~side])))
        found.append(
            Difference(
                feature,
                inside=float(np.median(natural[side])),
                outside=float(np.median(natural[~side])),
                deviations=gap / max(within, 1e-9),
                is_material=gap >= feature.material,
            )
        )
    return sorted(found, key=lambda difference: -difference.deviations)


def difference_text(found: Sequence[Difference]) -> str:
    """Return e.g. `share of foreground 0.56 against 0.027, median grey value 0.5 against 0.39`."""
    return ", ".join(f"{entry.feature.label} {entry.inside:.2g} against {entry.outside:.2g}" for entry in found)


def difference_evidence(found: Sequence[Difference]) -> dict[str, JsonValue]:
    """Return the differences as plain JSON by feature."""
    return {
        entry.feature.key: {
            "inside": entry.inside,
            "outside": entry.outside,
            "deviations": round(entry.deviations, 3),
            "is_material": entry.is_material,
        }
        for entry in found
    }
