"""What the checks know of an item: measured once, while the pair is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

#: Side of the small pictures on which items are compared with each other.
SMALL_SIDE = 64


@dataclass(frozen=True, slots=True, eq=False)
class ItemMeasures:
    """The numbers and small pictures of one image/mask pair.

    Grey values are those of the set's intensity range, 0 to 1, colour averaged over the channels; while a set is read
    for the first time its range is unknown, and they stay in stored units until `rescaled`. (row, column) order
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
        Shares of the pixels at the lowest and the highest value that the type, or a camera with 10, 12 or 14 bits in
        a 16-bit file, can hold (0 to 1; the mean of the channels). 0 for floats beyond 0 to 1.
    image_percentiles : ndarray of float32, shape (5,)
        1st, 25th, 50th, 75th and 99th percentile of the grey values.
    gradient : float
        Illumination: range of a second-order surface fitted to the background, divided by its mean level.
    background_level : float
        Mean grey value of that surface.
    distinctness : float
        How far the most distinct structures of the image, whatever they are, stand above its small-scale variation:
        around 4 for noise alone, 10 and more for clear objects.
    contrast : float
        Mean grey on the foreground minus mean on the background; NaN where one of them is empty.
    mask_values : dict of float to int
        Pixels by stored mask value: all of them up to 256 distinct ones, else the 256 most frequent.
    mask_distinct : int
        Number of distinct stored mask values.
    mask_max : float
        Largest stored mask value.
    fractional_share : float
        Share of the pixels between 1 % and 99 % of the full scale; 0 for label masks.
    foreground_fraction : float
        Share of foreground after the mask rule (0 to 1).
    object_count : int
        Connected components of the foreground (8-connectivity).
    background_count : int
        Connected components of the background (4-connectivity).
    border_share : float
        Share of the picture's border pixels that are foreground.
    object_area_median, object_area_max : float
        In pixels; 0 without objects.
    shift : tuple of int
        (dy, dx): the translation in pixels that would bring the mask onto the image.
    shift_confidence : float
        How far the best translation stands out; below `app.datasets.checks.alignment.CONFIDENT` it says nothing, as on
        featureless images.
    shift_gain : float
        By which share of its best value the match falls without the shift.
    match : float
        Correlation of grey values and mask at `shift`, -1 to 1; negative where the foreground is darker.
    local_shifts : ndarray of float32, shape (4, 4, 2)
        `shift` in each part of a grid over the picture; NaN where there is no foreground, infinity where nothing fits.
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
    background_level: float
    distinctness: float
    contrast: float
    mask_values: dict[float, int]
    mask_distinct: int
    mask_max: float
    fractional_share: float
    foreground_fraction: float
    object_count: int
    background_count: int
    border_share: float
    object_area_median: float
    object_area_max: float
    shift: tuple[int, int]
    shift_confidence: float
    shift_gain: float
    match: float
    local_shifts: NDArray[np.float32]
    sharpness: float
    small_image: NDArray[np.float32]
    small_mask: NDArray[np.float32]

    def rescaled(self, *, low: float, high: float) -> ItemMeasures:
        """Return the measures with `low` at grey value 0 and `high` at 1, for measures in stored units.

        What is stored (`stored_min`, `stored_max`), shares and shifts stay as they are.
        """
        span = (high - low) or 1.0
        level = self.background_level - low
        return replace(
            self,
            image_mean=(self.image_mean - low) / span,
            image_std=self.image_std / span,
            image_percentiles=np.asarray((self.image_percentiles - low) / span, np.float32),
            gradient=self.gradient * self.background_level / level if level > 0 else 0.0,
            background_level=level / span,
            contrast=self.contrast / span,
            sharpness=self.sharpness / span**2,
            small_image=np.asarray((self.small_image - low) / span, np.float32),
        )


@dataclass(frozen=True, slots=True)
class SplitSides:
    """The names on each side of the split that the checks look at."""

    training: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str] = frozenset()
