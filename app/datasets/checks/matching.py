"""How well every mask fits every image, on the small pictures of the items.

A mask fits an image if its grey values differ where the mask is (in either direction), or if its edges lie where the
mask's outline is. How much of that is chance is told by the same mask moved to every other place of the same image:
the correlation is given in standard deviations of those of all circular shifts, so that pictures with coarse structure,
which correlate with anything, do not count for more. Their mean square is had from the power spectra without computing
them one by one (Parseval).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

_REACH = 15
_LIMIT = 5.0
_EDGE_SIGMA = 0.7
#: Cells by which mask and image may be apart: a sixty-fourth of the side.
_TOLERANCE_SIGMA = 1.0
_TINY = 1e-12
_BLOCK = 512


def match_matrix(images: NDArray[np.float32], masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how well every mask fits every image.

    Parameters
    ----------
    images, masks : ndarray of float32, shape (N, S, S) and (M, S, S)
        Small pictures: grey values, and shares of foreground.

    Returns
    -------
    ndarray of float32, shape (N, M)
        Around 0 ± 1 where a mask does not belong to an image, 6 and more where it does.
    """
    matches = np.empty((len(images), len(masks)), np.float32)
    mask_features = [_spectra(feature) for feature in _features(masks)]
    for start in range(0, len(images), _BLOCK):
        image_features = _features(images[start : start + _BLOCK])
        grey, edges = (
            _standardised(_spectra(image), mask) for image, mask in zip(image_features, mask_features, strict=True)
        )
        matches[start : start + _BLOCK] = (np.abs(grey) + edges) / np.sqrt(2)
    return matches


def _features(pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    flat = pictures - ndimage.uniform_filter(pictures, (0, _REACH, _REACH))
    limit = _LIMIT * flat.std(axis=(1, 2), keepdims=True)
    flat = np.clip(flat, -limit, limit)
    smooth = ndimage.gaussian_filter(flat, (0, _EDGE_SIGMA, _EDGE_SIGMA))
    edges = np.hypot(*np.gradient(smooth, axis=(1, 2)))
    tolerant = (0, _TOLERANCE_SIGMA, _TOLERANCE_SIGMA)
    return ndimage.gaussian_filter(flat, tolerant), ndimage.gaussian_filter(edges, tolerant)


def _spectra(feature: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return (N, S, S // 2 + 1) amplitudes, the mean left out."""
    spectrum = np.asarray(fft.rfft2(feature), np.complex64)
    spectrum[:, 0, 0] = 0
    return spectrum


def _standardised(images: NDArray[np.complex64], masks: NDArray[np.complex64]) -> NDArray[np.float32]:
    # Most columns of half a spectrum stand for their mirror images too.
    weights = np.full(images.shape[-1], 2, np.float32)
    weights[0] = 1
    if images.shape[-2] % 2 == 0:
        weights[-1] = 1
    weighted, others = (images * weights).reshape(len(images), -1), masks.reshape(len(masks), -1)
    plain = weighted.real @ others.real.T + weighted.imag @ others.imag.T
    power = (np.square(np.abs(images)) * weights).reshape(len(images), -1)
    spread = np.sqrt(power @ np.square(np.abs(others)).T)
    return np.asarray(plain / np.maximum(spread, _TINY), np.float32)
