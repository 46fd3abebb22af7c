"""Makes measures and pairs for the tests of the dataset checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.checks.measures import SMALL_SIDE, ItemMeasures
from app.datasets.checks.measuring import PairIdentity, measure_pair
from app.datasets.pairing.groups import infer_group, name_family

_HEALTHY = ItemMeasures(
    name="item",
    group="item",
    family="item",
    image_sha256="0" * 64,
    mask_sha256="1" * 64,
    window=None,
    height=256,
    width=256,
    channels=1,
    image_dtype="uint8",
    mask_dtype="uint8",
    stored_min=20.0,
    stored_max=220.0,
    image_mean=0.5,
    image_std=0.1,
    dark_share=0.0,
    bright_share=0.0,
    image_percentiles=np.array([0.2, 0.45, 0.5, 0.55, 0.8], np.float32),
    gradient=0.05,
    background_level=0.5,
    distinctness=12.0,
    contrast=-0.2,
    mask_values={0.0: 60_000, 255.0: 5_536},
    mask_distinct=2,
    mask_max=255.0,
    fractional_share=0.0,
    foreground_fraction=0.0845,
    object_count=40,
    background_count=1,
    border_share=0.08,
    object_area_median=120.0,
    object_area_max=300.0,
    shift=(0, 0),
    shift_confidence=10.0,
    shift_gain=0.0,
    match=-0.7,
    local_shifts=np.zeros((4, 4, 2), np.float32),
    sharpness=1e-4,
    small_image=np.full((SMALL_SIDE, SMALL_SIDE), 0.5, np.float32),
    small_mask=np.zeros((SMALL_SIDE, SMALL_SIDE), np.float32),
)


def create_measures(name: str = "item", **fields: Any) -> ItemMeasures:
    """Return the measures of a healthy item of dark objects, with `fields` changed.

    Group and family follow from the name, and the hashes differ from those of other names.
    """
    identity = {
        "name": name,
        "group": infer_group(name),
        "family": name_family(name),
        "image_sha256": f"image {name}",
        "mask_sha256": f"mask {name}",
    }
    return replace(_HEALTHY, **(identity | fields))


def measured(
    image: NDArray[Any],
    mask: NDArray[Any],
    *,
    name: str = "item",
    foreground: NDArray[np.bool_] | None = None,
    full_scale: float | None = 255.0,
    low: float = 0.0,
    high: float = 255.0,
) -> ItemMeasures:
    """Measure a pair; the foreground is what lies above half of the full scale unless it is given."""
    if foreground is None:
        foreground = mask > (0 if full_scale is None else full_scale / 2)
    identity = PairIdentity(name, infer_group(name), name_family(name), f"image {name}", f"mask {name}")
    return measure_pair(image, mask, foreground, identity=identity, full_scale=full_scale, low=low, high=high)
