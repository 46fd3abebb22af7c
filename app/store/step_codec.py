"""Training steps as packed columns: float32 columns behind one another, little-endian, deflated.

Step numbers are not stored: a chunk knows its first step and its steps are consecutive.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.history import STEP_COLUMNS

StepColumns = NDArray[np.float32]


def encode_steps(values: StepColumns) -> bytes:
    """Pack steps.

    Parameters
    ----------
    values : ndarray of float32, shape (n_steps, len(STEP_COLUMNS))
        One row per step.
    """
    if values.ndim != 2 or values.shape[1] != len(STEP_COLUMNS):
        raise ValueError(f"Invalid steps: received shape {values.shape}, expected (n, {len(STEP_COLUMNS)}).")
    return zlib.compress(np.ascontiguousarray(values.T, dtype="<f4").tobytes(), level=1)


def decode_steps(payload: bytes, count: int) -> StepColumns:
    """Undo `encode_steps` for a chunk of `count` steps."""
    raw = np.frombuffer(zlib.decompress(payload), dtype="<f4")
    return raw.reshape(len(STEP_COLUMNS), count).T


def join_steps(chunks: Sequence[tuple[bytes, int]]) -> StepColumns:
    """Decode and join the payloads of consecutive chunks, in order."""
    if not chunks:
        return np.empty((0, len(STEP_COLUMNS)), dtype=np.float32)
    return np.concatenate([decode_steps(payload, count) for payload, count in chunks])
