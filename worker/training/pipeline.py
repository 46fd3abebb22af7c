"""Batches, made ready ahead of the device that consumes them."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

#: Batches in flight without a loader. Two hide the gather behind a step; more would only hold memory.
PREFETCHED_BATCHES = 2

#: Threads that load items; more than the cores would only take turns.
LOADER_THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

#: Item and how often it came before in this order → its image and mask.
ItemLoader = Callable[[int, int], tuple[NDArray[np.float32], NDArray[np.uint8]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Images and masks of one step.

    Parameters
    ----------
    images : Tensor of float32, shape (batch, height, width, channels)
    masks : Tensor of uint8, shape (batch, height, width)
    indices : ndarray of int64, shape (batch,)
        Where in the arrays the items are.
    waited_seconds : float
        How long the consumer had to wait for this batch.
    """

    images: tf.Tensor
    masks: tf.Tensor
    indices: NDArray[np.int64]
    waited_seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.indices)


def count_batches(items: int, batch_size: int) -> int:
    """Return how many batches an epoch has, the last partial one included."""
    return -(-items // batch_size)


def iterate_batches(
    images: NDArray[np.float32], masks: NDArray[np.uint8], *, order: NDArray[np.int64], batch_size: int
) -> Generator[Batch]:
    """Yield the items of `order` in batches; a background thread gathers the next ones meanwhile.

    The last batch may be smaller. Closing the iterator early ends the thread.
    """

    def gather(start: int) -> tuple[tf.Tensor, tf.Tensor]:
        indices = order[start : start + batch_size]
        return tf.constant(images[indices]), tf.constant(masks[indices])

    return _in_background(gather, order=order, batch_size=batch_size, threads=1, ahead=PREFETCHED_BATCHES)


def load_batches(load: ItemLoader, *, order: NDArray[np.int64], batch_size: int) -> Generator[Batch]:
    """Yield the items of `order` in batches, each item made by `load` in one of several background threads.

    Every thread makes a whole batch, one batch more than there are threads is in flight, and the batches come in
    order whichever is ready first. What `load` returns may depend on its arguments only.
    """
    seen: Counter[int] = Counter()
    repeats = np.empty(len(order), np.int64)
    for position, item in enumerate(order.tolist()):
        repeats[position] = seen[item]
        seen[item] += 1

    def gather(start: int) -> tuple[tf.Tensor, tf.Tensor]:
        part = slice(start, start + batch_size)
        pairs = [load(item, repeat) for item, repeat in zip(order[part].tolist(), repeats[part].tolist(), strict=True)]
        return tf.constant(np.stack([image for image, _ in pairs])), tf.constant(np.stack([mask for _, mask in pairs]))

    return _in_background(gather, order=order, batch_size=batch_size, threads=LOADER_THREADS, ahead=LOADER_THREADS + 1)


def _in_background(
    gather: Callable[[int], tuple[tf.Tensor, tf.Tensor]],
    *,
    order: NDArray[np.int64],
    batch_size: int,
    threads: int,
    ahead: int,
) -> Generator[Batch]:
    executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="gather")
    starts = iter(range(0, len(order), batch_size))
    pending: deque[tuple[int, Future[tuple[tf.Tensor, tf.Tensor]]]] = deque()
    try:
        pending.extend((start, executor.submit(gather, start)) for start in islice(starts, ahead))
        while pending:
            asked_at = time.perf_counter()
            start, future = pending.popleft()
            images, masks = future.result()
            waited = time.perf_counter() - asked_at
            pending.extend((start, executor.submit(gather, start)) for start in islice(starts, 1))
            yield Batch(images, masks, order[start : start + batch_size], waited)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
