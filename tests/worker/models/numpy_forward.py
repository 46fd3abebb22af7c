"""The three networks once more, in numpy alone, from the tables of the papers: inference in float64.

Written from the definitions of the blocks, not from `worker.models`: only the names of the weights are shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.configuration import Architecture
from app.domain.network_spec import NetworkSpec, Normalisation

Maps = NDArray[np.float64]
Weights = Mapping[str, list[NDArray[Any]]]

EPSILON = 1e-3


def forward(
    images: NDArray[np.floating], weights: Weights, *, architecture: Architecture, network: NetworkSpec
) -> Maps:
    """Return the probabilities.

    Parameters
    ----------
    images : ndarray, shape (batch, height, width, channels)
    weights : mapping
        Layer name to its arrays in Keras' order: kernel, bias; scale, offset, mean, variance; scale, offset.

    Returns
    -------
    ndarray of float64, shape (batch, height, width, 1)
    """
    return _Forward(weights, network).run(np.asarray(images, np.float64), architecture)


class _Forward:
    def __init__(self, weights: Weights, network: NetworkSpec) -> None:
        self.weights = weights
        self.network = network

    def run(self, images: Maps, architecture: Architecture) -> Maps:
        height, width = images.shape[1:3]
        times = 2 ** (self.network.levels - 1)
        rows, columns = -height % times, -width % times
        top, left = rows // 2, columns // 2
        x = np.pad(images, ((0, 0), (top, rows - top), (left, columns - left), (0, 0)), mode="reflect")
        block = self.residual if architecture == Architecture.ATTENTION_RESUNET else self.plain
        encoded: list[Maps] = []
        for level in range(1, self.network.levels + 1):
            if encoded:
                x = maximum_of_squares(x)
            x = block(x, f"encoder_{level}")
            encoded.append(x)
        for level in reversed(range(1, self.network.levels)):
            skip = encoded[level - 1]
            if architecture != Architecture.UNET:
                gating = self.relu(self.norm(self.conv(x, f"decoder_{level}_gate_conv"), f"decoder_{level}_gate"))
                skip = self.attend(skip, gating, f"decoder_{level}_attention")
            x = block(np.concatenate([doubled(x), skip], axis=-1), f"decoder_{level}")
        x = self.conv(x, "head_conv")
        if "head_bn" in self.weights:
            x = self.batch_norm(x, "head_bn")
        return sigmoid(x)[:, top : top + height, left : left + width]

    def plain(self, x: Maps, name: str) -> Maps:
        x = self.relu(self.norm(self.conv(x, f"{name}_conv_1"), name, 1))
        return self.relu(self.norm(self.conv(x, f"{name}_conv_2"), name, 2))

    def residual(self, x: Maps, name: str) -> Maps:
        path = self.relu(self.norm(self.conv(x, f"{name}_conv_1"), name, 1))
        path = self.norm(self.conv(path, f"{name}_conv_2"), name, 2)
        return self.relu(path + self.norm(self.conv(x, f"{name}_shortcut_conv"), f"{name}_shortcut"))

    def attend(self, skip: Maps, gating: Maps, name: str) -> Maps:
        kernel, bias = self.weights[f"{name}_theta"]
        # 2×2 with stride 2: the squares do not overlap, so no padding is needed.
        squares = skip.reshape(skip.shape[0], skip.shape[1] // 2, 2, skip.shape[2] // 2, 2, skip.shape[3])
        theta = np.einsum("brscdk,sdkf->brcf", squares, kernel) + bias
        phi = self.transposed(self.conv(gating, f"{name}_phi"), f"{name}_phi_up")
        where = sigmoid(self.conv(self.relu(theta + phi), f"{name}_psi"))
        return self.norm(self.conv(skip * doubled(where), f"{name}_conv"), name)

    # === Layers ===

    def conv(self, x: Maps, name: str) -> Maps:
        """Correlate with the kernel over the image surrounded by zeros."""
        kernel, bias = self.weights[name]
        size = kernel.shape[0]
        around = size // 2
        padded = np.pad(x, ((0, 0), (around, around), (around, around), (0, 0)))
        height, width = x.shape[1:3]
        result = np.zeros((*x.shape[:3], kernel.shape[-1])) + bias
        for row in range(size):
            for column in range(size):
                result += padded[:, row : row + height, column : column + width] @ kernel[row, column].astype(float)
        return result

    def transposed(self, x: Maps, name: str) -> Maps:
        """Spread every position over its 3×3 neighbourhood, weighted by the kernel; what falls outside is lost."""
        kernel, bias = self.weights[name]
        batch, height, width, _ = x.shape
        canvas = np.zeros((batch, height + 2, width + 2, kernel.shape[2]))
        for row in range(3):
            for column in range(3):
                canvas[:, row : row + height, column : column + width] += x @ kernel[row, column].T.astype(float)
        return canvas[:, 1:-1, 1:-1] + bias

    def norm(self, x: Maps, name: str, index: int | None = None) -> Maps:
        end = "" if index is None else f"_{index}"
        match self.network.normalisation:
            case Normalisation.BATCH:
                return self.batch_norm(x, f"{name}_bn{end}")
            case Normalisation.GROUP:
                groups = max(g for g in range(1, self.network.groups + 1) if x.shape[-1] % g == 0)
                return self.group_norm(x, f"{name}_gn{end}", groups=groups)
            case Normalisation.LAYER:
                return self.group_norm(x, f"{name}_ln{end}", groups=1)
            case _:
                return x

    def batch_norm(self, x: Maps, name: str) -> Maps:
        scale, offset, mean, variance = (array.astype(float) for array in self.weights[name])
        normalised: Maps = (x - mean) / np.sqrt(variance + EPSILON) * scale + offset
        return normalised

    def group_norm(self, x: Maps, name: str, *, groups: int) -> Maps:
        scale, offset = self.weights[name]
        parts = []
        for part in np.split(x, groups, axis=-1):
            mean = part.mean(axis=(1, 2, 3), keepdims=True)
            variance = ((part - mean) ** 2).mean(axis=(1, 2, 3), keepdims=True)
            parts.append((part - mean) / np.sqrt(variance + EPSILON))
        normalised: Maps = np.concatenate(parts, axis=-1) * scale + offset
        return normalised

    def relu(self, x: Maps) -> Maps:
        return np.where(x > 0, x, 0.0)


def sigmoid(x: Maps) -> Maps:
    probabilities: Maps = 1 / (1 + np.exp(-x))
    return probabilities


def maximum_of_squares(x: Maps) -> Maps:
    halved: Maps = np.max([x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]], axis=0)
    return halved


def doubled(x: Maps) -> Maps:
    return x.repeat(2, axis=1).repeat(2, axis=2)
