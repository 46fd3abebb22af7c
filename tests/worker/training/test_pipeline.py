"""Every epoch sees every item once, in an order that seed and epoch alone decide."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.training.pipeline import count_batches, iterate_batches
from worker.training.sampling import epoch_order


def arrays(items: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.arange(items)
    images = np.broadcast_to(numbers[:, None, None, None], (items, 2, 3, 1)).astype(np.float32)
    return images, np.broadcast_to(numbers[:, None, None], (items, 2, 3)).astype(np.uint8)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(1, 1000))
def test_each_item_is_seen_once_in_the_given_order(items: int, batch_size: int, seed: int, epoch: int) -> None:
    images, masks = arrays(items)
    order = epoch_order(items, seed=seed, epoch=epoch)
    batches = list(iterate_batches(images, masks, order=order, batch_size=batch_size))
    assert len(batches) == count_batches(items, batch_size)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert np.concatenate([batch.indices for batch in batches]).tolist() == order.tolist()
    assert sorted(order.tolist()) == list(range(items))
    for batch in batches:
        assert batch.images.numpy()[:, 0, 0, 0].tolist() == batch.indices.tolist()
        assert batch.masks.numpy()[:, 1, 2].tolist() == batch.indices.tolist()


def test_order_repeats_for_an_epoch_and_differs_between_epochs_and_seeds() -> None:
    orders = [epoch_order(50, seed=seed, epoch=epoch).tolist() for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert epoch_order(50, seed=1, epoch=1).tolist() == orders[0]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_an_error_in_the_background_reaches_the_consumer() -> None:
    images, masks = arrays(4)
    with pytest.raises(IndexError):
        list(iterate_batches(images, masks, order=np.array([0, 99]), batch_size=1))


def test_closing_early_ends_the_thread() -> None:
    images, masks = arrays(40)
    batches = iterate_batches(images, masks, order=np.arange(40), batch_size=1)
    next(batches)
    batches.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(t.name.startswith("gather") for t in threading.enumerate()):
        time.sleep(0.01)
    assert not any(thread.name.startswith("gather") for thread in threading.enumerate())
