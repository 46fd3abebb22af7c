"""How far the outline of a prediction is from the outline of its mask.

What *empty* means here: if mask and prediction are both empty, the outlines agree (distance 0, F1 1). If only one of
them is, there is no distance; the worst one is taken, the diagonal of the image, and F1 is 0.

References
----------
Maier-Hein et al. 2024, "Metrics reloaded: recommendations for image analysis validation", Nature Methods 21, 195–212.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Outlines that are this share of the image's diagonal apart still agree: 2.7 pixels at 256×256. Csurka et al. 2013,
#: "What is a good evaluation measure for semantic segmentation?", BMVC, section 2.
TOLERANCE_SHARE = 0.0075

HAUSDORFF_PERCENTILE = 95


@dataclass(frozen=True, slots=True)
class SurfaceScore:
    """How well the outlines of one prediction agree.

    Parameters
    ----------
    boundary_f1 : float
        0 to 1.
    hausdorff_95 : float
        Pixels.
    is_one_sided : bool
        Whether mask or prediction, and only one of them, is empty: `hausdorff_95` is the diagonal then.
    """

    boundary_f1: float
    hausdorff_95: float
    is_one_sided: bool


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the foreground pixels that have a background pixel, or the image's border, beside, above or below them.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    """
    inner: NDArray[np.bool_] = ndimage.binary_erosion(mask, border_value=0)
    return mask & ~inner


def surface_score(mask: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> SurfaceScore:
    """Compare two outlines.

    Boundary F1 is the harmonic mean of the share of the predicted outline that lies within the tolerance of the mask's,
    and the other way round. The 95 % Hausdorff distance is the larger of the two 95th percentiles (linear between
    ranks) of the distances from each outline pixel to the nearest pixel of the other outline.

    Parameters
    ----------
    mask, prediction : ndarray of bool, shape (height, width)

    References
    ----------
    Csurka, Larlus, Perronnin 2013 (boundary F1); Huttenlocher, Klanderman, Rucklidge 1993, "Comparing images using the
    Hausdorff distance", IEEE PAMI 15, 850–863, section 4 (partial distances).
    """
    if mask.shape != prediction.shape or mask.ndim != 2:
        raise ValueError(
            f"Invalid prediction: received shape {prediction.shape}, expected (height, width) like the mask's "
            f"{mask.shape}."
        )
    diagonal = math.hypot(*mask.shape)
    if not mask.any() or not prediction.any():
        agree = not mask.any() and not prediction.any()
        return SurfaceScore(float(agree), 0.0 if agree else diagonal, is_one_sided=not agree)
    of_mask, of_prediction = outline(mask), outline(prediction)
    to_mask = ndimage.distance_transform_edt(~of_mask)[of_prediction]
    to_prediction = ndimage.distance_transform_edt(~of_prediction)[of_mask]
    tolerance = TOLERANCE_SHARE * diagonal
    precision, recall = np.mean(to_mask <= tolerance), np.mean(to_prediction <= tolerance)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    distance = max(np.percentile(side, HAUSDORFF_PERCENTILE) for side in (to_mask, to_prediction))
    return SurfaceScore(float(f1), float(distance), is_one_sided=False)
