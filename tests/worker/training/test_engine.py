"""The training loop: learns, reports truthfully, stops within a step, and resumes to the bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain.configuration import Architecture, RunConfig
from app.domain.history import HISTORY_COLUMNS
from app.domain.metrics import Baselines, ConfusionCounts
from app.domain.run_states import StopReason
from tests.worker.training.tiny_training import Crash, ListRecorder, make_config, make_data, run_training
from worker.training import engine, optimization
from worker.training.data import TrainingData
from worker.training.errors import CheckpointError, TrainingError

STEPS_PER_EPOCH = 3  # ten items: 4 + 4 + 2


@pytest.fixture(scope="module", autouse=True)
def _deterministic_operations() -> None:
    tf.config.experimental.enable_op_determinism()


@dataclass(frozen=True)
class Observed:
    recorder: ListRecorder
    data: TrainingData
    folder: Path
    outcome: engine.TrainingOutcome
    training_step: Any


def final_weights(folder: Path, epoch: int) -> list[np.ndarray]:
    model = keras.models.load_model(folder / f"epoch-{epoch:06d}.keras", safe_mode=True)
    return [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]


def assert_same_training(one: ListRecorder, other: ListRecorder) -> None:
    assert one.history == other.history
    assert [(s.step, s.epoch, s.loss, s.jaccard) for s in one.steps] == [
        (s.step, s.epoch, s.loss, s.jaccard) for s in other.steps
    ]
    assert [(e.is_best, e.best_epoch, e.best_val_jaccard, e.step) for e in one.epochs] == [
        (e.is_best, e.best_epoch, e.best_val_jaccard, e.step) for e in other.epochs
    ]


@pytest.mark.parametrize("architecture", Architecture)
def test_every_model_learns_the_discs(architecture: Architecture, tmp_path: Path) -> None:
    recorder = ListRecorder()
    config = make_config(architecture, epochs=12, base_filters=4, reduce_lr_patience=0)
    outcome = run_training(config, tmp_path, recorder=recorder)
    assert outcome.stop_reason is StopReason.COMPLETED
    assert outcome.epochs == len(recorder.epochs) == 12
    assert recorder.history[-1]["loss"] < recorder.history[0]["loss"] / 1.5
    assert recorder.history[-1]["jaccard"] > 2 * recorder.facts[0].baselines.all_foreground
    loaded = keras.models.load_model(tmp_path / "best.keras", safe_mode=True)
    assert loaded.count_params() == recorder.facts[0].parameters


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """One training of three epochs with two samples, looked at from several sides."""
    recorder, data, folder = ListRecorder(), make_data(), tmp_path_factory.mktemp("observed")
    compiled: list[Any] = []
    make_step = optimization.make_training_step

    def spy(*arguments: Any, **choices: Any) -> Any:
        compiled.append(make_step(*arguments, **choices))
        return compiled[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "make_training_step", spy)
        outcome = run_training(make_config(epochs=3), folder, recorder=recorder, data=data, sample_items=(3, 0))
    return Observed(recorder, data, folder, outcome, compiled[0])


def test_facts_tell_the_truth(observed: Observed) -> None:
    (facts,) = observed.recorder.facts
    foreground = int(observed.data.validation_masks.sum())
    assert facts.steps_per_epoch == STEPS_PER_EPOCH
    assert (facts.training_items, facts.validation_items) == (10, 5)
    assert (facts.validation_pixels, facts.validation_foreground_pixels) == (5 * 32 * 32, foreground)
    assert facts.baselines == Baselines.of_masks(foreground_pixels=foreground, pixels=5 * 32 * 32)
    assert facts.parameters > facts.trainable_parameters > 0
    assert facts.batchnorm_layers == 19
    assert facts.device


def test_every_step_is_reported_once_and_in_order(observed: Observed) -> None:
    steps = observed.recorder.steps
    assert [step.step for step in steps] == list(range(1, 3 * STEPS_PER_EPOCH + 1))
    assert [step.epoch for step in steps] == [1] * 3 + [2] * 3 + [3] * 3
    assert all(step.images_per_second > 0 for step in steps)
    elapsed = [step.elapsed_seconds for step in steps]
    assert elapsed == sorted(elapsed)


def test_epochs_sum_up_their_steps(observed: Observed) -> None:
    for result in observed.recorder.epochs:
        assert set(result.metrics) == set(HISTORY_COLUMNS) - {"epoch"}
        assert result.step == result.epoch * STEPS_PER_EPOCH
        losses = [step.loss for step in observed.recorder.steps if step.epoch == result.epoch]
        # The last batch has two of the ten items and weighs accordingly.
        assert result.metrics["loss"] == pytest.approx((4 * losses[0] + 4 * losses[1] + 2 * losses[2]) / 10)


def test_the_best_epoch_is_the_first_with_the_highest_validation_jaccard(observed: Observed) -> None:
    scores = [metrics["val_jaccard"] for metrics in observed.recorder.history]
    last = observed.recorder.epochs[-1]
    assert observed.outcome.best_val_jaccard == last.best_val_jaccard == max(scores)
    assert observed.outcome.best_epoch == last.best_epoch == scores.index(max(scores)) + 1


def test_validation_agrees_with_the_saved_model(observed: Observed) -> None:
    model = keras.models.load_model(observed.folder / "epoch-000003.keras", safe_mode=True)
    probabilities = model(observed.data.validation_images, training=False).numpy()[..., 0]
    masks = observed.data.validation_masks > 0
    metrics = observed.recorder.history[-1]
    counts = ConfusionCounts.from_arrays(masks, probabilities > 0.5)
    for name, value in counts.as_metrics(prefix="val_").items():
        assert metrics[name] == pytest.approx(value, abs=1e-3)
    assert metrics["val_predicted_foreground"] == pytest.approx((probabilities > 0.5).mean(), abs=1e-3)
    targets = masks[..., None].astype("float32")
    loss = keras.losses.BinaryFocalCrossentropy(gamma=2.0)(targets, probabilities[..., None])
    assert metrics["val_loss"] == pytest.approx(float(loss), rel=1e-4)


def test_samples_hold_the_probabilities_in_the_order_asked_for(observed: Observed) -> None:
    model = keras.models.load_model(observed.folder / "epoch-000003.keras", safe_mode=True)
    probabilities = model(observed.data.validation_images, training=False).numpy()[..., 0]
    samples = observed.recorder.epochs[-1].samples
    assert [sample.item_index for sample in samples] == [3, 0]
    for sample in samples:
        assert sample.probability.dtype == np.uint8
        mask = observed.data.validation_masks[sample.item_index] > 0
        assert ConfusionCounts.from_arrays(mask, sample.probability >= 128) == sample.counts
        np.testing.assert_allclose(sample.probability, 256 * probabilities[sample.item_index] - 0.5, atol=0.51)


def test_a_smaller_last_batch_does_not_trace_again(observed: Observed) -> None:
    assert observed.training_step.experimental_get_tracing_count() == 1


@pytest.fixture(scope="module")
def four_epochs(tmp_path_factory: pytest.TempPathFactory) -> tuple[ListRecorder, Path]:
    """Four epochs without an interruption; the learning rate drops on the way."""
    recorder, folder = ListRecorder(), tmp_path_factory.mktemp("straight")
    run_training(four_epoch_config(), folder, recorder=recorder)
    return recorder, folder


def four_epoch_config() -> RunConfig:
    # At this rate the loss stalls at once, so that the state of the schedule matters to the resume.
    return make_config(epochs=4, reduce_lr_patience=1, learning_rate=0.05)


def test_the_schedule_lowers_the_learning_rate_of_the_next_epoch(four_epochs: tuple[ListRecorder, Path]) -> None:
    recorder, _ = four_epochs
    rates = [metrics["learning_rate"] for metrics in recorder.history]
    assert rates[0] == pytest.approx(0.05)
    assert rates[-1] < rates[0]
    assert [step.learning_rate for step in recorder.steps] == [rate for rate in rates for _ in range(3)]


@pytest.mark.parametrize(
    ("crash", "committed"),
    [
        ({}, 2),
        ({"crash_before_commit_of": 3}, 2),
        ({"crash_before_commit_of": 1}, 0),
    ],
    ids=["cancelled", "between-write-and-commit", "before-the-first-commit"],
)
def test_a_resumed_training_is_identical_to_the_bit(
    crash: dict[str, int], committed: int, four_epochs: tuple[ListRecorder, Path], tmp_path: Path
) -> None:
    straight, straight_folder = four_epochs
    recorder = ListRecorder(**crash)
    if crash:
        with pytest.raises(Crash):
            run_training(four_epoch_config(), tmp_path, recorder=recorder)
    else:
        outcome = run_training(
            four_epoch_config(),
            tmp_path,
            recorder=recorder,
            should_stop=lambda: len(recorder.epochs) == 2,
        )
        assert outcome.stop_reason is StopReason.CANCELLED
    assert len(recorder.epochs) == committed

    # The database forgets the steps of the epoch that was never committed, and the process is a new one.
    recorder.steps = [step for step in recorder.steps if step.epoch <= committed]
    recorder.crash_before_commit_of = None
    keras.utils.set_random_seed(987)
    outcome = run_training(four_epoch_config(), tmp_path, recorder=recorder, resume_epoch=committed)

    assert outcome.stop_reason is StopReason.COMPLETED
    assert_same_training(recorder, straight)
    for one, other in zip(final_weights(tmp_path, 4), final_weights(straight_folder, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in straight_folder.iterdir()}
    best = tmp_path / f"epoch-{outcome.best_epoch:06d}.keras"
    assert (tmp_path / "best.keras").samefile(best)


def test_stops_within_one_step_and_commits_nothing(tmp_path: Path) -> None:
    recorder = ListRecorder()
    asked = iter([False, False, True])
    outcome = run_training(make_config(epochs=3), tmp_path, recorder=recorder, should_stop=lambda: next(asked))
    assert outcome == engine.TrainingOutcome(StopReason.CANCELLED, 0, 0, None)
    assert len(recorder.steps) <= 2
    assert recorder.epochs == []
    assert list(tmp_path.iterdir()) == []


def test_early_stopping_ends_the_run_and_a_resume_agrees(tmp_path: Path) -> None:
    # With a momentum near 1 the moving statistics hardly follow: the validation score stays put.
    config = make_config(epochs=20, early_stopping_patience=2, batchnorm_momentum=0.999999, learning_rate=1e-6)
    recorder = ListRecorder()
    outcome = run_training(config, tmp_path, recorder=recorder)
    assert outcome.stop_reason is StopReason.EARLY_STOPPING
    assert outcome.epochs == len(recorder.epochs) == outcome.best_epoch + 2 < 20

    resumed = run_training(config, tmp_path, recorder=recorder, resume_epoch=outcome.epochs)
    assert resumed == outcome
    assert len(recorder.epochs) == outcome.epochs


def test_resuming_a_completed_run_trains_nothing(four_epochs: tuple[ListRecorder, Path]) -> None:
    recorder = ListRecorder()
    outcome = run_training(four_epoch_config(), four_epochs[1], recorder=recorder, resume_epoch=4)
    assert outcome.stop_reason is StopReason.COMPLETED
    assert outcome.epochs == 4
    assert not recorder.steps
    assert not recorder.epochs


def test_a_loss_that_is_not_finite_is_recorded_and_training_goes_on(tmp_path: Path) -> None:
    data = make_data()
    data.training_images[:] = np.nan
    recorder = ListRecorder()
    outcome = run_training(make_config(epochs=2), tmp_path, recorder=recorder, data=data)
    assert outcome.stop_reason is StopReason.COMPLETED
    assert outcome.epochs == 2
    assert all(math.isnan(step.loss) for step in recorder.steps)
    assert math.isnan(recorder.history[-1]["loss"])
    assert math.isnan(recorder.history[-1]["val_loss"])
    # Nothing is above the threshold where there is no number.
    assert recorder.history[-1]["val_predicted_foreground"] == 0


def test_exhausted_memory_says_what_to_reduce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(engine, "make_training_step", lambda *_, **__: exhausted)
    with pytest.raises(TrainingError, match=r"batch size 4, images of 32.32 and 2 base filters\. Reduce") as error:
        run_training(make_config(epochs=1), tmp_path, recorder=ListRecorder())
    assert isinstance(error.value.__cause__, tf.errors.ResourceExhaustedError)


def test_data_of_another_size_is_refused(tmp_path: Path) -> None:
    config = make_config(epochs=1)
    wide = config.model_copy(update={"image": config.image.model_copy(update={"width": 64})})
    with pytest.raises(TrainingError, match=r"received images of \(32, 32, 3\).*expected the configured \(32, 64, 3\)"):
        run_training(wide, tmp_path, recorder=ListRecorder())
    with pytest.raises(TrainingError, match=r"sample_items: received \[5\], expected indices below 5"):
        run_training(config, tmp_path, recorder=ListRecorder(), sample_items=(5,))


def test_a_resume_without_its_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="epoch-000007"):
        run_training(make_config(epochs=9), tmp_path, recorder=ListRecorder(), resume_epoch=7)
