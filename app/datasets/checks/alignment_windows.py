"""Cutting a picture into a grid of windows in which a mask is aligned on its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Windows along each side.
GRID = 4

_CHOICES = 5
_LEAST_FOREGROUND = 10

Stack = NDArray[np.float32]


def window_corners(mask: NDArray[np.bool_], *, grid: int, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the upper left corner of one window per cell of a grid, row by row: where most of the outline is."""
    outline = np.zeros(mask.shape, np.int32)
    outline[1:] += mask[1:] != mask[:-1]
    outline[:, 1:] += mask[:, 1:] != mask[:, :-1]
    totals = np.pad(outline, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    corners = []
    for cell in range(grid * grid):
        rows = _starts(mask.shape[0], grid=grid, cell=cell // grid, size=size[0])
        columns = _starts(mask.shape[1], grid=grid, cell=cell % grid, size=size[1])
        top, left = rows[:, np.newaxis], columns[np.newaxis, :]
        bottom, right = top + size[0], left + size[1]
        inside = totals[bottom, right] - totals[top, right] - totals[bottom, left] + totals[top, left]
        row, column = np.unravel_index(inside.argmax(), inside.shape)
        corners.append((int(rows[row]), int(columns[column])))
    return corners


def cut_windows(
    picture: NDArray[np.float32] | NDArray[np.bool_], corners: list[tuple[int, int]], *, size: tuple[int, int]
) -> Stack:
    """Cut (N, height, width) out of a picture whose edges are thought to continue."""
    height, width = picture.shape
    stack = np.empty((len(corners), *size), np.float32)
    for index, (row, column) in enumerate(corners):
        rows = np.clip(np.arange(row, row + size[0]), 0, height - 1)
        columns = np.clip(np.arange(column, column + size[1]), 0, width - 1)
        stack[index] = picture[rows[:, np.newaxis], columns]
    return stack


def window_shifts(matches: Stack, masks: Stack, *, centre: tuple[int, int], grid: int) -> NDArray[np.float32]:
    """Return the best translation in each window.

    Parameters
    ----------
    matches : ndarray of float32, shape (grid², 2 radius + 1, 2 radius + 1)
        How well the mask lies at every translation around `centre`.
    masks : ndarray of float32, shape (grid², H, W)
        Foreground of the windows.
    centre : tuple of int
        (dy, dx) in the middle of `matches`.
    grid : int
        Windows along each side, at most `GRID`.

    Returns
    -------
    ndarray of float32, shape (GRID, GRID, 2)
        (dy, dx); NaN in windows without foreground, infinity where the best lies at the search's rim.
    """
    count, side = matches.shape[0], matches.shape[-1]
    rows, columns = np.divmod(matches.reshape(count, -1).argmax(axis=1), side)
    shifts = np.stack([rows - side // 2 + centre[0], columns - side // 2 + centre[1]], axis=-1).astype(np.float32)
    shifts[(np.minimum(rows, columns) == 0) | (np.maximum(rows, columns) == side - 1)] = np.inf
    shifts[masks.sum(axis=(-2, -1)) < _LEAST_FOREGROUND] = np.nan
    cells = np.full((GRID, GRID, 2), np.nan, np.float32)
    cells[:grid, :grid] = shifts.reshape(grid, grid, 2)
    return cells


def _starts(side: int, *, grid: int, cell: int, size: int) -> NDArray[np.int64]:
    first, behind = cell * side // grid, (cell + 1) * side // grid
    return np.unique(np.linspace(first, behind - size, _CHOICES).astype(np.int64))
