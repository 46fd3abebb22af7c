"""With every feature of the engine on, a training still repeats and resumes to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from app.domain.optimization_spec import ScheduleKind, ScheduleSpec
from app.domain.run_states import StopReason
from tests.worker.training.full_training import (
    EPOCHS,
    all_files,
    everything_on,
    make_large_data,
)
from tests.worker.training.tiny_training import Crash, ListRecorder, make_config, make_data, run_training
from worker.training.data import TrainingData


def assert_same(one: ListRecorder, other: ListRecorder, folders: tuple[Path, Path]) -> None:
    assert one.history == other.history
    assert [(s.step, s.epoch, s.loss, s.jaccard, s.learning_rate) for s in one.steps] == [
        (s.step, s.epoch, s.loss, s.jaccard, s.learning_rate) for s in other.steps
    ]
    assert [(e.is_best, e.best_epoch, e.best_val_jaccard, e.step) for e in one.epochs] == [
        (e.is_best, e.best_epoch, e.best_val_jaccard, e.step) for e in other.epochs
    ]
    assert one.notes == other.notes
    first, second = (all_files(folder) for folder in folders)
    assert first.keys() == second.keys()
    for name, arrays in first.items():
        for left, right in zip(arrays, second[name], strict=True):
            np.testing.assert_array_equal(left, right, err_msg=name)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[ListRecorder, Path]:
    recorder, folder = ListRecorder(), tmp_path_factory.mktemp("straight")
    outcome = run_training(everything_on(), folder, recorder=recorder, data=make_large_data(), sample_items=(1,))
    assert outcome.stop_reason is StopReason.COMPLETED
    return recorder, folder


def test_two_runs_are_identical_to_the_bit(straight: tuple[ListRecorder, Path], tmp_path: Path) -> None:
    recorder = ListRecorder()
    keras.utils.set_random_seed(99)
    run_training(everything_on(), tmp_path, recorder=recorder, data=make_large_data(), sample_items=(1,))
    assert_same(recorder, straight[0], (tmp_path, straight[1]))


def test_another_seed_gives_another_history(straight: tuple[ListRecorder, Path], tmp_path: Path) -> None:
    recorder = ListRecorder()
    config = everything_on(epochs=1)
    config = config.model_copy(update={"training": config.training.model_copy(update={"seed": 43})})
    run_training(config, tmp_path, recorder=recorder, data=make_large_data())
    assert recorder.history[0]["loss"] != straight[0].history[0]["loss"]


@pytest.mark.parametrize("crash_before", [1, 4])
def test_a_resumed_run_is_identical_to_the_bit(
    crash_before: int, straight: tuple[ListRecorder, Path], tmp_path: Path
) -> None:
    recorder = ListRecorder(crash_before_commit_of=crash_before)
    with pytest.raises(Crash):
        run_training(everything_on(), tmp_path, recorder=recorder, data=make_large_data(), sample_items=(1,))
    committed = len(recorder.epochs)
    assert committed == crash_before - 1
    recorder.steps = [step for step in recorder.steps if step.epoch <= committed]
    recorder.crash_before_commit_of = None
    keras.utils.set_random_seed(987)
    run_training(
        everything_on(),
        tmp_path,
        recorder=recorder,
        data=make_large_data(),
        sample_items=(1,),
        resume_epoch=committed,
    )
    assert_same(recorder, straight[0], (tmp_path, straight[1]))


def test_the_plateau_acted_so_that_its_state_mattered(straight: tuple[ListRecorder, Path]) -> None:
    rates = [metrics["learning_rate"] for metrics in straight[0].history]
    assert rates[0] == pytest.approx(0.3)
    assert rates[-1] < rates[1]


def test_first_epochs_and_final_scores_are_kept(straight: tuple[ListRecorder, Path]) -> None:
    recorder, folder = straight
    assert {f"epoch-{epoch:06d}.keras" for epoch in range(1, 6)} <= {path.name for path in folder.iterdir()}
    for name in (
        "test_jaccard",
        "test_loss",
        "test_average_precision",
        "tta_val_jaccard",
        "tta_test_jaccard",
        "best_beats_baseline",
        "last_boundary_f1",
        "best_boundary_f1",
    ):
        assert name in recorder.notes
    assert "val_jaccard" not in recorder.notes


def test_the_checkpoint_holds_what_was_validated(straight: tuple[ListRecorder, Path]) -> None:
    recorder, folder = straight
    data = make_large_data()
    model = keras.models.load_model(folder / f"epoch-{EPOCHS:06d}.keras", safe_mode=True)
    # The validation images are predicted in four tiles each.
    intersection = union = 0
    for image, mask in zip(data.validation_images, data.validation_masks, strict=True):
        for rows in (slice(0, 32), slice(32, 64)):
            for columns in (slice(0, 32), slice(32, 64)):
                predicted = model(image[None, rows, columns], training=False).numpy()[0, ..., 0] > 0.5
                actual = mask[rows, columns] > 0
                intersection += int((predicted & actual).sum())
                union += int((predicted | actual).sum())
    assert recorder.history[-1]["val_jaccard"] == pytest.approx(intersection / union, abs=2e-3)


def test_averaged_weights_differ_from_those_that_train_on(straight: tuple[ListRecorder, Path]) -> None:
    _, folder = straight
    averaged = keras.models.load_model(folder / f"epoch-{EPOCHS:06d}.keras", safe_mode=True).trainable_weights
    with np.load(folder / f"epoch-{EPOCHS:06d}.npz") as stored:
        training = [stored[f"arr_{index}"] for index in range(len(stored.files))]
    assert len(training) == len(averaged)
    assert any(np.abs(weight.numpy() - other).max() > 1e-3 for weight, other in zip(averaged, training, strict=True))


def test_a_schedule_by_step_resumes_where_it_was(tmp_path: Path) -> None:
    config = make_config(epochs=3, deterministic=True).model_copy(
        update={"schedule": ScheduleSpec(kind=ScheduleKind.ONE_CYCLE)}
    )
    straight = ListRecorder()
    run_training(config, tmp_path / "straight", recorder=straight)
    resumed = ListRecorder()
    run_training(config, tmp_path / "resumed", recorder=resumed, should_stop=lambda: len(resumed.epochs) == 1)
    resumed.steps = [step for step in resumed.steps if step.epoch <= 1]
    run_training(config, tmp_path / "resumed", recorder=resumed, resume_epoch=1)
    assert len({step.learning_rate for step in straight.steps}) > 3
    assert_same(resumed, straight, (tmp_path / "resumed", tmp_path / "straight"))


def test_a_finished_run_can_be_extended_and_gets_a_fresh_patience(tmp_path: Path) -> None:
    # Nothing moves: the patience runs out after three epochs.
    stuck: dict[str, Any] = {"early_stopping_patience": 2, "learning_rate": 1e-12, "batchnorm_momentum": 1 - 1e-12}
    recorder = ListRecorder()
    first = run_training(make_config(epochs=20, **stuck), tmp_path, recorder=recorder)
    assert first.stop_reason is StopReason.EARLY_STOPPING
    again = run_training(make_config(epochs=20, **stuck), tmp_path, recorder=recorder, resume_epoch=first.epochs)
    assert again.epochs == first.epochs
    longer = run_training(
        make_config(epochs=20, **stuck),
        tmp_path,
        recorder=recorder,
        resume_epoch=first.epochs,
        extended_at_epoch=first.epochs,
    )
    assert longer.epochs == first.epochs + 2
    assert [result.epoch for result in recorder.epochs] == list(range(1, longer.epochs + 1))


def test_an_extended_run_is_what_a_longer_one_would_have_been(tmp_path: Path) -> None:
    straight, extended = ListRecorder(), ListRecorder()
    run_training(make_config(epochs=4, deterministic=True), tmp_path / "straight", recorder=straight)
    run_training(make_config(epochs=2, deterministic=True), tmp_path / "extended", recorder=extended)
    outcome = run_training(
        make_config(epochs=4, deterministic=True), tmp_path / "extended", recorder=extended, resume_epoch=2
    )
    assert outcome.stop_reason is StopReason.COMPLETED
    assert_same(extended, straight, (tmp_path / "extended", tmp_path / "straight"))


def test_a_run_can_be_finished_early(tmp_path: Path) -> None:
    recorder = ListRecorder()
    data = make_data()
    data = TrainingData(
        data.training_images,
        data.training_masks,
        data.validation_images,
        data.validation_masks,
        data.validation_images,
        data.validation_masks,
    )
    outcome = run_training(
        make_config(epochs=9), tmp_path, recorder=recorder, data=data, should_finish=lambda: bool(recorder.steps)
    )
    assert outcome.stop_reason is StopReason.FINISHED_EARLY
    assert outcome.epochs == len(recorder.epochs) == 1
    # The test set is the validation set here, and the best epoch the only one.
    for name in ("jaccard", "dice", "loss", "predicted_foreground"):
        assert recorder.notes[f"test_{name}"] == pytest.approx(recorder.history[0][f"val_{name}"], abs=1e-6)
