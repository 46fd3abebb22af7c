"""Masks that are magnified against their images: they fit after zooming, and only then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.measures import SMALL_SIDE, ItemMeasures
from app.datasets.checks.wording import count, listed
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Correlation of image and zoomed mask (small pictures without illumination) from which on a zoom counts: alone, and
#: where three items agree on the zoom.
LONE_ZOOM_CORRELATION = 0.6
SHARED_ZOOM_CORRELATION = 0.35

#: … and so many times the correlation without a zoom. Healthy pairs reach 0.75 at most: they fit best as they are.
ZOOM_GAIN = 2.0

_AGREEING_ITEMS = 3
_FEWEST_OBJECTS = 3

#: Six steps an octave: a zoom between two of them is still seen.
_ZOOMS = tuple(float(2 ** (step / 6)) for step in range(-6, 7) if step)
_CENTRE, _CORNER = 0.5, 0.0
_ANCHORS = {_CENTRE: "around the centre", _CORNER: "from the upper left corner"}
_ILLUMINATION_SIGMA = 4.0
_BLOCK = 512


class _Zoom(NamedTuple):
    factor: float
    anchor: float
    correlation: float
    plain: float


def check_mask_magnification(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks would fit their images at another zoom.

    Serious: such a mask teaches wrong pixels. Looked at are masks with at least three objects.
    """
    usable = [item for item in items if item.object_count >= _FEWEST_OBJECTS]
    zooms = {item.name: zoom for item, zoom in zip(usable, _best_zooms(usable), strict=True)}
    candidates = {
        name: zoom
        for name, zoom in zooms.items()
        if zoom.correlation >= max(SHARED_ZOOM_CORRELATION, ZOOM_GAIN * zoom.plain)
    }
    agreeing = Counter((zoom.factor, zoom.anchor) for zoom in candidates.values())
    found = {
        name: zoom
        for name, zoom in candidates.items()
        if zoom.correlation >= LONE_ZOOM_CORRELATION or agreeing[zoom.factor, zoom.anchor] >= _AGREEING_ITEMS
    }
    if not found:
        return []
    worst = sorted(found, key=lambda name: (-found[name].correlation, name))
    # The zoom that brings the mask onto the image undoes how far the mask was magnified.
    texts = [f"{name} {1 / found[name].factor:.2f}×" for name in worst]
    anchor = _ANCHORS[found[worst[0]].anchor]
    return [
        DataFinding(
            code=DataFindingCode.SCALE_MISMATCH,
            severity=DataSeverity.SERIOUS,
            title="Masks magnified differently from their images",
            message=f"{count(len(found), 'mask')} fit only when they are zoomed {anchor}; they are magnified about "
            f"{listed(texts)} against their images.",
            fix="Export these masks again at the magnification of the image, without cropping.",
            items=tuple(worst),
            value=found[worst[0]].correlation,
            threshold=SHARED_ZOOM_CORRELATION,
            per_item={name: 1 / found[name].factor for name in worst},
            evidence={
                "compared": "image-and-mask",
                "correlation_at_zoom": {name: found[name].correlation for name in worst},
                "correlation_as_is": {name: found[name].plain for name in worst},
                "least_gain": ZOOM_GAIN,
            },
            source="benchmarks/checks: healthy masks never fit better at another zoom; magnified ones gain 2 and more",
        )
    ]


def _best_zooms(items: Sequence[ItemMeasures]) -> list[_Zoom]:
    zooms: list[_Zoom] = []
    matrices = [(factor, anchor, _resampling(factor, anchor)) for anchor in _ANCHORS for factor in _ZOOMS]
    for start in range(0, len(items), _BLOCK):
        block = items[start : start + _BLOCK]
        images = _normalised(np.stack([item.small_image for item in block]))
        masks = np.stack([item.small_mask for item in block])
        plain = np.abs(np.asarray(images * _normalised(masks)).sum(axis=1))
        at_zoom = np.stack(
            [
                np.abs((images * _normalised(np.asarray(matrix @ masks @ matrix.T, np.float32))).sum(axis=1))
                for _, _, matrix in matrices
            ],
            axis=1,
        )
        for row, index in enumerate(at_zoom.argmax(axis=1).tolist()):
            factor, anchor, _ = matrices[index]
            zooms.append(_Zoom(factor, anchor, float(at_zoom[row, index]), float(plain[row])))
    return zooms


def _normalised(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (items, pixels) with mean 0 and norm 1, without what is smooth; 0 where there is nothing else."""
    light = ndimage.gaussian_filter(pictures, (0, _ILLUMINATION_SIGMA, _ILLUMINATION_SIGMA), mode="nearest")
    flat = (pictures - light).reshape(len(pictures), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9), np.float32)


def _resampling(factor: float, anchor: float) -> NDArray[np.float32]:
    """Return the matrix that zooms columns of pixels by linear interpolation; what enters is background."""
    source = (np.arange(SMALL_SIDE) + 0.5 - anchor * SMALL_SIDE) / factor + anchor * SMALL_SIDE - 0.5
    below = np.floor(source).astype(int)
    matrix = np.zeros((SMALL_SIDE, SMALL_SIDE), np.float32)
    for column, weight in ((below, 1 - (source - below)), (below + 1, source - below)):
        inside = (column >= 0) & (column < SMALL_SIDE)
        matrix[np.flatnonzero(inside), column[inside]] += weight[inside].astype(np.float32)
    return matrix
