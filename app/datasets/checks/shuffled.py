"""Masks that fit another image better than their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Robust standard deviations above an image's match with other masks from which a mask fits it (benchmarks/checks).
FITS = 6.0
#: … and below which its own mask does not.
DOES_NOT_FIT = 3.0

#: Share of the images that can say anything from which the whole set counts as shuffled.
MOST = 0.5

#: A matrix of this many images and masks takes a second; larger sets are sampled.
_MOST_ITEMS = 500
_SEED = 20240131
_FEWEST = 6
_BACKGROUND_SIGMA = 8.0
_MAD_TO_DEVIATION = 1.4826


def check_pairs_shuffled(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which images fit another item's mask well and their own not at all.

    Each small image, freed from its background, is correlated with every small mask, by grey values and by edges; a
    match counts in robust standard deviations of the image's matches with all masks. Fatal if most of the images that
    fit any mask fit another one's; serious for single swaps. Shifted masks, inverted ones, alike images and images
    without structure accuse nobody: nothing else fits those better.
    """
    telling = [item for item in items if 0 < item.foreground_fraction < 1 and item.image_std > 0]
    if len(telling) > _MOST_ITEMS:
        chosen = np.random.default_rng(_SEED).choice(len(telling), _MOST_ITEMS, replace=False)
        telling = [telling[index] for index in sorted(chosen)]
    if len(telling) < _FEWEST:
        return []
    fit = _fits(telling)
    own = np.diagonal(fit)
    best = np.argmax(fit, axis=1)
    says = fit.max(axis=1) >= FITS
    wrong = np.flatnonzero(says & (best != np.arange(len(telling))) & (own < DOES_NOT_FIT))
    if len(wrong) < 2:
        # One image alone cannot have changed its mask with anybody.
        return []
    share = len(wrong) / int(says.sum())
    whole = share >= MOST and len(wrong) >= _FEWEST // 2
    ordered = wrong[np.argsort(own[wrong], kind="stable")]
    names = [telling[index].name for index in ordered]
    partners = {telling[index].name: telling[best[index]].name for index in ordered}
    shown = listed([f"{name} fits the mask of {partner}" for name, partner in partners.items()])
    return [
        DataFinding(
            code=DataFindingCode.PAIRS_SHUFFLED,
            severity=DataSeverity.FATAL if whole else DataSeverity.SERIOUS,
            title="Masks belong to other images" if whole else "Swapped masks",
            message=(
                f"{count(len(names), 'image')} of {int(says.sum())} that can say it fit the mask of another item and "
                f"not their own: {shown}."
            ),
            fix="Match images and masks by name. If they were listed or numbered separately, find the original names.",
            items=tuple(names),
            value=share,
            threshold=MOST if whole else 0.0,
            per_item={telling[index].name: float(own[index]) for index in ordered},
            evidence={"fits": dict(partners), "whole_set": whole},
            source="robust z-scores of correlations: another mask above 6, the own below 3 (benchmarks/checks)",
        )
    ]


def _fits(items: Sequence[ItemMeasures]) -> NDArray[np.float64]:
    """Return for image i and mask j in how many robust deviations their match stands out of image i's matches."""
    greys = _features([_flat(item.small_image) for item in items])
    masks = _features([_flat(item.small_mask) for item in items])
    edges = _features([_edges(item.small_image) for item in items])
    outlines = _features([_edges(item.small_mask) for item in items])
    # The sign tells bright objects from dark ones; either may be the set's.
    match = np.abs(greys @ masks.T) + np.maximum(edges @ outlines.T, 0)
    middle = np.median(match, axis=1, keepdims=True)
    spread = _MAD_TO_DEVIATION * np.median(np.abs(match - middle), axis=1, keepdims=True)
    return np.asarray((match - middle) / np.maximum(spread, 1e-6), np.float64)


def _flat(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(picture - ndimage.gaussian_filter(picture, _BACKGROUND_SIGMA), np.float32)


def _edges(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.hypot(ndimage.sobel(picture, 0), ndimage.sobel(picture, 1)), np.float32)


def _features(pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    rows = np.stack([picture.ravel() for picture in pictures]).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float64)
