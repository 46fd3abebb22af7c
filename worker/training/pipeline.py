"""Batches from arrays in memory, gathered ahead of the device that consumes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

#: Batches in flight. Two hide the gather behind a step; more would only hold memory.
PREFETCHED_BATCHES = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """Images and masks of one step.

    Parameters
    ----------
    images : Tensor of float32, shape (batch, height, width, channels)
    masks : Tensor of uint8, shape (batch, height, width)
    indices : ndarray of int64, shape (batch,)
        Where in the arrays the items are.
    """

    images: tf.Tensor
    masks: tf.Tensor
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)


def epoch_order(items: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of the items in `epoch`; it depends on nothing else, so that a resume repeats it."""
    return np.random.default_rng([seed, epoch]).permutation(items)


def count_batches(items: int, batch_size: int) -> int:
    """Return how many batches an epoch has, the last partial one included."""
    return -(-items // batch_size)


def iterate_batches(
    images: NDArray[np.float32], masks: NDArray[np.uint8], *, order: NDArray[np.int64], batch_size: int
) -> Generator[Batch]:
    """Yield the items of `order` in batches; a background thread gathers the next ones meanwhile.

    The last batch may be smaller. Closing the iterator early ends the thread.
    """

    def gather(start: int) -> Batch:
        indices = order[start : start + batch_size]
        return Batch(tf.constant(images[indices]), tf.constant(masks[indices]), indices)

    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gather")
    starts = iter(range(0, len(order), batch_size))
    pending: deque[Future[Batch]] = deque()
    try:
        pending.extend(executor.submit(gather, start) for start in islice(starts, PREFETCHED_BATCHES))
        while pending:
            batch = pending.popleft().result()
            pending.extend(executor.submit(gather, start) for start in islice(starts, 1))
            yield batch
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
