"""After a crash at any moment, the folder can be brought back to any of the last two committed epochs."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from worker.training.checkpoints import CheckpointStore, EpochRecord
from worker.training.errors import CheckpointError


class Model:
    """Writes its number; the store asks nothing else of a model."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def save(self, path: Path) -> None:
        path.write_text(str(self.epoch))


def make_record(epoch: int, *, best_epoch: int = 1) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        step=9 * epoch,
        best_epoch=best_epoch,
        precision="float32",
        early_stopping={"best": 0.5, "best_epoch": best_epoch, "wait": 0},
        best={"epoch": best_epoch, "value": 0.5, "beats_baseline": True},
        learning_rate={"highest": 1e-3, "best": 0.25, "wait": 1},
    )


def write(store: CheckpointStore, epoch: int, *, best_epoch: int) -> None:
    store.write(Model(epoch), make_record(epoch, best_epoch=best_epoch))


def train_to(store: CheckpointStore, best_epochs: list[int]) -> None:
    for epoch, best_epoch in enumerate(best_epochs, start=1):
        write(store, epoch, best_epoch=best_epoch)
        store.commit(epoch)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_uncommitted_epoch_leaves_best_alone(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1])
    write(store, 2, best_epoch=2)
    assert store.best_path.read_text() == "1"
    store.commit(2)
    assert store.best_path.read_text() == "2"


def test_keeps_the_last_two_epochs_and_their_best(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1, 2, 2, 2, 5, 5])
    assert store.epochs() == (5, 6)
    train_to(store, [1, 2, 2, 2, 5])
    # Seen from epoch 4, the best is epoch 2: it stays until epoch 4 is beyond recall.
    assert set(store.epochs()) >= {2, 4, 5}


def test_best_costs_no_space(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1, 1])
    assert store.best_path.samefile(store.model_path(1))


def test_best_is_copied_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    store = CheckpointStore(tmp_path)
    train_to(store, [1, 2])
    assert store.best_path.read_text() == "2"


def test_prepare_deletes_orphans_and_partial_files(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1, 1])
    before = names(tmp_path)
    write(store, 3, best_epoch=3)
    (tmp_path / ".partial-epoch-000004.keras").write_text("half")
    (tmp_path / "epoch-000004.keras").write_text("no record")
    record = store.prepare(2)
    assert record is not None
    assert (record.epoch, record.step, record.best_epoch) == (2, 18, 1)
    assert record.early_stopping == {"best": 0.5, "best_epoch": 1, "wait": 0}
    assert names(tmp_path) == before


def test_prepare_makes_best_after_a_crash_between_commit_and_link(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1])
    write(store, 2, best_epoch=2)
    store.prepare(2)
    assert store.best_path.read_text() == "2"


def test_prepare_takes_best_back_when_the_database_lost_its_last_commit(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1, 2, 2, 2, 5])
    assert store.best_path.read_text() == "5"
    store.prepare(4)
    assert store.best_path.read_text() == "2"
    assert max(store.epochs()) == 4


def test_prepare_without_a_committed_epoch_empties_the_folder(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    write(store, 1, best_epoch=1)
    (tmp_path / "notes.txt").write_text("not ours")
    assert store.prepare(0) is None
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("missing", ["epoch-000002.json", "epoch-000002.keras", "epoch-000001.keras"])
def test_a_missing_file_is_named_and_nothing_is_deleted(missing: str, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1, 1])
    write(store, 3, best_epoch=1)
    (tmp_path / missing).unlink()
    before = names(tmp_path)
    with pytest.raises(CheckpointError, match=missing):
        store.prepare(2)
    assert names(tmp_path) == before


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"epoch": 1, "surprise": 2}'])
def test_a_damaged_record_is_named(content: str, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1])
    store.record_path(1).write_text(content)
    with pytest.raises(CheckpointError, match=r"epoch-000001\.json"):
        store.prepare(1)


def small_model(*, momentum: float = 0.0) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.25, momentum=momentum, clipnorm=1.0), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    train_to(store, [1])
    with pytest.raises(CheckpointError, match=r"epoch-000001\.keras"):
        store.restore(small_model(), 1)


def test_the_optimizer_travels_with_the_model(tmp_path: Path) -> None:
    model = small_model(momentum=0.9)
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    store = CheckpointStore(tmp_path)
    store.write(model, make_record(1))
    restored = small_model(momentum=0.9)
    store.restore(restored, 1)
    assert restored.optimizer.iterations.numpy() == 1
    assert np.abs(restored.optimizer.variables[-1].numpy()).max() > 0
    for one, other in zip(
        restored.variables + restored.optimizer.variables, model.variables + model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_the_state_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.write(small_model(), make_record(1))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    other.compile(optimizer=keras.optimizers.Adam(), loss="mse")
    other.optimizer.build(other.trainable_variables)
    with pytest.raises(CheckpointError, match="does not fit this run"):
        store.restore(other, 1)


def test_training_weights_lie_beside_the_model_and_leave_with_it(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    weights = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([7], np.float32)]
    for epoch in (1, 2, 3, 4):
        record = make_record(epoch, best_epoch=epoch)
        store.write(Model(epoch), record, training_weights=[weight + epoch for weight in weights])
        store.commit(epoch)
    assert store.epochs() == (3, 4)
    for one, other in zip(store.read_training_weights(3), weights, strict=True):
        np.testing.assert_array_equal(one, other + 3)
    store.training_weights_path(3).write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"epoch-000003\.npz"):
        store.read_training_weights(3)
    store.training_weights_path(3).unlink()
    with pytest.raises(CheckpointError, match=r"epoch-000003\.npz does not exist"):
        store.read_training_weights(3)


def test_the_first_epochs_stay_where_asked_for(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep_first=3)
    train_to(store, [1, 2, 3, 4, 5, 6, 7])
    assert store.epochs() == (1, 2, 3, 6, 7)
