"""Cross-correlation of pictures with masks, over all translations up to a radius."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

#: Reach of the gradients, as the standard deviation of a Gaussian in pixels.
_EDGE_SIGMA = 1.0
#: Grey values and gradients count up to so many standard deviations: hot pixels and debris must not decide.
_GREY_LIMIT = 5.0
_EDGE_LIMIT = 6.0
_TINY = 1e-9

Stack = NDArray[np.float32]


def correlation_everywhere(image: Stack, mask: Stack, *, padding: int) -> Stack:
    """Correlate circularly by Fourier transform.

    Parameters
    ----------
    image, mask : ndarray of float32, shape (..., H, W)
        Free of their means.
    padding : int
        At least so many zeros are put behind the rows and columns.

    Returns
    -------
    ndarray of float32, shape (..., H + padding or more, W + padding or more)
        At [dy, dx]: the sum over p of image[p + (dy, dx)] · mask[p], which is largest where (dy, dx) brings the mask
        onto the image. Negative translations count from the end.
    """
    height, width = image.shape[-2:]
    if padding:
        height, width = (fft.next_fast_len(side + padding, real=True) for side in (height, width))
    spectrum = fft.rfft2(image, (height, width)) * np.conj(fft.rfft2(mask, (height, width)))
    return np.asarray(fft.irfft2(spectrum, (height, width)), np.float32)


def within_radius(everywhere: Stack, radius: int) -> Stack:
    """Return the translations of at most `radius` along each axis, (..., 2 radius + 1, 2 radius + 1).

    [radius + dy, radius + dx] is the translation (dy, dx).
    """
    height, width = everywhere.shape[-2:]
    steps = np.arange(-radius, radius + 1)
    return np.asarray(everywhere[..., (steps % height)[:, np.newaxis], steps % width], np.float32)


def grey_feature(picture: Stack, *, reach: int) -> Stack:
    """Return (..., H, W) minus its average over `reach` pixels: what stands out from the illumination."""
    return _centred(picture - ndimage.uniform_filter(picture, (reach, reach), axes=(-2, -1)))


def edge_feature(picture: Stack) -> Stack:
    """Return the magnitude of the gradient of (..., H, W), smoothed by one pixel."""
    smooth = ndimage.gaussian_filter(picture, _EDGE_SIGMA, truncate=3.0, axes=(-2, -1))
    edges = np.zeros_like(smooth)
    down = smooth[..., 2:, 1:-1] - smooth[..., :-2, 1:-1]
    across = smooth[..., 1:-1, 2:] - smooth[..., 1:-1, :-2]
    edges[..., 1:-1, 1:-1] = np.sqrt(down * down + across * across)
    return _centred(edges)


def limited_grey(feature: Stack) -> Stack:
    """Return a grey feature without its extremes."""
    return _limited(feature, _GREY_LIMIT)


def limited_edges(feature: Stack) -> Stack:
    """Return an edge feature without its extremes."""
    return _limited(feature, _EDGE_LIMIT)


def energy(feature: Stack) -> NDArray[np.float64]:
    """Return the sum of squares over the last two axes, which stay with length 1."""
    return np.asarray(np.square(feature).sum(axis=(-2, -1), keepdims=True, dtype=np.float64) + _TINY)


def _limited(feature: Stack, deviations: float) -> Stack:
    # One limit for all pictures of a stack: a window without objects must not count as much as one with them.
    limit = deviations * feature.std()
    return _centred(np.clip(feature, -limit, limit))


def _centred(feature: Stack) -> Stack:
    return np.asarray(feature - feature.mean(axis=(-2, -1), keepdims=True), np.float32)
