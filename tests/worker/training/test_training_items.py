"""Batches come in order whichever thread is first, and depend on the seed and the epoch alone."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from app.domain.augmentation_spec import AugmentationSpec
from app.domain.configuration import RunConfig
from app.domain.sampling_spec import SamplingSpec
from tests.worker.training.tiny_training import make_config, make_items
from worker.training.data import TrainingData
from worker.training.pipeline import LOADER_THREADS, load_batches
from worker.training.training_items import TrainingItems


def configured(**sections: Any) -> RunConfig:
    return make_config().model_copy(update=sections)


def data(*, side: int = 32, empty: int = 0) -> TrainingData:
    images, masks = make_items(10, seed=1, side=side)
    masks[:empty] = 0
    return TrainingData(images, masks, images[:1], masks[:1])


def test_loaded_batches_come_in_order_and_know_repeats() -> None:
    order = np.array([3, 1, 3, 2, 3, 0, 1])
    heard: list[tuple[int, int]] = []

    def load(item: int, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        heard.append((item, repeat))
        # The first batch is the slowest.
        time.sleep(0.02 if item == 3 else 0)
        return np.full((2, 2, 1), 10 * item + repeat, np.float32), np.full((2, 2), repeat, np.uint8)

    batches = list(load_batches(load, order=order, batch_size=2))
    values = [value for batch in batches for value in batch.images.numpy()[:, 0, 0, 0].tolist()]
    assert values == [30, 10, 31, 20, 32, 0, 11]
    assert np.concatenate([batch.indices for batch in batches]).tolist() == order.tolist()
    assert sorted(heard) == [(0, 0), (1, 0), (1, 1), (2, 0), (3, 0), (3, 1), (3, 2)]
    assert batches[0].waited_seconds >= 0.02


def test_loading_is_ahead_but_not_without_bound() -> None:
    started = threading.Semaphore(0)

    def load(item: int, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        started.release()
        return np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.uint8)

    batches = load_batches(load, order=np.arange(100), batch_size=1)
    next(batches)
    time.sleep(0.2)
    loaded = 0
    while started.acquire(blocking=False):
        loaded += 1
    batches.close()
    assert 2 <= loaded <= LOADER_THREADS + 2


def test_an_error_while_loading_reaches_the_consumer() -> None:
    def load(item: int, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        raise OSError("no such image")

    with pytest.raises(OSError, match="no such image"):
        list(load_batches(load, order=np.arange(3), batch_size=2))


def test_augmented_epochs_repeat_and_differ() -> None:
    items = TrainingItems(configured(augmentation=AugmentationSpec(noise=0.2, flip=True)), data())
    epochs = [np.concatenate([batch.images.numpy() for batch in items.batches(epoch)]) for epoch in (1, 1, 2)]
    np.testing.assert_array_equal(epochs[0], epochs[1])
    assert epochs[0].shape == epochs[2].shape
    assert not np.array_equal(epochs[0], epochs[2])


def test_plain_batches_hold_every_item_as_it_is() -> None:
    arrays = data(empty=5)
    config = configured(augmentation=AugmentationSpec(noise=0.2), sampling=SamplingSpec(foreground_weight=5))
    batches = list(TrainingItems(config, arrays).plain_batches(3))
    assert sorted(np.concatenate([batch.indices for batch in batches]).tolist()) == list(range(10))
    for batch in batches:
        np.testing.assert_array_equal(batch.images.numpy(), arrays.training_images[batch.indices])


def test_items_with_foreground_are_drawn_more_often() -> None:
    items = TrainingItems(configured(sampling=SamplingSpec(foreground_weight=9)), data(empty=5))
    drawn = np.concatenate([batch.indices for batch in items.batches(1)])
    assert np.count_nonzero(drawn >= 5) == 9


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_crops_have_the_network_s_size_and_show_foreground_where_asked(share: float) -> None:
    images, masks = make_items(10, seed=1, side=128)
    arrays = TrainingData(images, masks, images[:1], masks[:1])
    items = TrainingItems(configured(sampling=SamplingSpec(crop_factor=4, foreground_crops=share)), arrays)
    crops = [mask for epoch in range(1, 6) for batch in items.batches(epoch) for mask in batch.masks.numpy()]
    assert {crop.shape for crop in crops} == {(32, 32)}
    with_foreground = np.mean([crop.any() for crop in crops])
    assert with_foreground == 1 if share else with_foreground < 0.6
    plain = next(items.plain_batches(1))
    assert plain.images.shape[1:3] == (32, 32)
