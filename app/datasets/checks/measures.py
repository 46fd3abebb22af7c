"""What the checks know of an item: measured once, while the pair is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Side of the small pictures on which items are compared with each other.
SMALL_SIDE = 64


@dataclass(frozen=True, slots=True, eq=False)
class ItemMeasures:
    """The numbers and small pictures of one image/mask pair.

    Grey values are those of the set's intensity range, 0 to 1, colour averaged over the channels. (row, column) order
    throughout.

    Parameters
    ----------
    name, group, family : str
        Item, acquisition, and the pattern of its name with runs of digits replaced by ``#``.
    image_sha256, mask_sha256 : str
        Hashes of the files.
    window : tuple of int or None
        (row, column, height, width) of a tile in its file; None for whole images.
    height, width, channels : int
        Of the item.
    image_dtype, mask_dtype : str
        As decoded.
    stored_min, stored_max : float
        Range of the stored grey values.
    image_mean, image_std : float
        Of the grey values.
    dark_share, bright_share : float
        Shares of the pixels at the lowest and the highest value that the type can hold (0 to 1).
    image_percentiles : ndarray of float32, shape (5,)
        1st, 25th, 50th, 75th and 99th percentile of the grey values.
    gradient : float
        Illumination: range of a second-order surface fitted to the background, divided by its mean level.
    contrast : float
        Mean grey on the foreground minus mean on the background; NaN where one of them is empty.
    mask_values : dict of float to int
        Pixels by stored mask value: all of them up to 256 distinct ones, else the 256 most frequent.
    mask_distinct : int
        Number of distinct stored mask values.
    fractional_share : float
        Share of the pixels between 1 % and 99 % of the full scale; 0 for label masks.
    foreground_fraction : float
        Share of foreground after the mask rule (0 to 1).
    object_count : int
        Connected components of the foreground (8-connectivity).
    object_area_median, object_area_max : float
        In pixels; 0 without objects.
    shift : tuple of int
        (dy, dx): the translation in pixels that would bring the mask onto the image.
    shift_confidence : float
        How far the best translation stands out (documented where it is computed); below the check's threshold it says
        nothing, as on featureless images.
    sharpness : float
        Variance of the Laplacian of the grey values, which falls with blur and with enlargement.
    small_image, small_mask : ndarray of float32, shape (64, 64)
        Area-averaged grey values and foreground shares, 0 to 1.
    """

    name: str
    group: str
    family: str
    image_sha256: str
    mask_sha256: str
    window: tuple[int, int, int, int] | None
    height: int
    width: int
    channels: int
    image_dtype: str
    mask_dtype: str
    stored_min: float
    stored_max: float
    image_mean: float
    image_std: float
    dark_share: float
    bright_share: float
    image_percentiles: NDArray[np.float32]
    gradient: float
    contrast: float
    mask_values: dict[float, int]
    mask_distinct: int
    fractional_share: float
    foreground_fraction: float
    object_count: int
    object_area_median: float
    object_area_max: float
    shift: tuple[int, int]
    shift_confidence: float
    sharpness: float
    small_image: NDArray[np.float32]
    small_mask: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SplitSides:
    """The names on each side of the split that the checks look at."""

    training: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str] = frozenset()
