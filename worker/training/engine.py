"""The training loop.

Not `keras.Model.fit`: a run must be resumable after every epoch to the bit, report every step while it runs,
and stop within one step. An epoch is trained, validated and written to disk, and only then handed to the
recorder, which commits it; what happens after the last commit never happened. The write goes on while the next
epoch trains, whose steps are held back until the commit.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from app.domain.configuration import Precision, RunConfig
from app.domain.metrics import Baselines
from app.domain.run_states import StopReason
from worker.models.building import count_batchnorm_layers
from worker.training.assembly import assemble_model, seed_dropout
from worker.training.best_epoch import BestEpoch
from worker.training.checkpoint_writer import CheckpointWriter
from worker.training.checkpoints import FIRST_EPOCHS, CheckpointStore, EpochRecord
from worker.training.data import TrainingData
from worker.training.devices import choose_precision, enable_determinism, make_strategy, training_device_name
from worker.training.early_stopping import EarlyStopping
from worker.training.epoch_training import EpochTotals, EpochTrainer
from worker.training.errors import TrainingError
from worker.training.exhausted_memory import explaining_exhausted_memory
from worker.training.final_scores import final_scores
from worker.training.final_surfaces import surfaces_of_last_and_best
from worker.training.learning_rate import LearningRate
from worker.training.losses.building import make_loss
from worker.training.losses.objective import make_objective
from worker.training.mirrored_step import make_mirrored_step
from worker.training.optimization import TrainingStep, make_training_step
from worker.training.precise_batchnorm import StatisticsStep, make_statistics_step, reestimate_batchnorm
from worker.training.recording import EpochResult, Recorder, StepResult, TrainingFacts
from worker.training.training_items import TrainingItems
from worker.training.validation import EvaluationStep, ValidationResult, make_evaluation_step, validate
from worker.training.weight_average import WeightAverage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a training ended.

    Parameters
    ----------
    stop_reason : StopReason
        ``completed``, ``early-stopping``, ``finished-early`` or ``cancelled``.
    epochs : int
        Committed epochs, those of earlier attempts included.
    best_epoch : int
        0 if no epoch was committed.
    best_val_jaccard : float or None
        None if no epoch was committed.
    """

    stop_reason: StopReason
    epochs: int
    best_epoch: int
    best_val_jaccard: float | None


def train(
    config: RunConfig,
    data: TrainingData,
    *,
    recorder: Recorder,
    checkpoint_dir: Path,
    sample_items: Sequence[int],
    resume_epoch: int = 0,
    extended_at_epoch: int | None = None,
    should_stop: Callable[[], bool],
    should_finish: Callable[[], bool] = lambda: False,
) -> TrainingOutcome:
    """Train one run to its end, or until `should_stop`.

    Parameters
    ----------
    config : RunConfig
        The run's configuration; must be the same in every attempt of a run, but for `training.epochs`, which an
        extension changes.
    data : TrainingData
        Arrays of the configured size, times `sampling.crop_factor`.
    recorder : Recorder
        Hears of the facts once, of every step and of every epoch. What it raises ends the training.
    checkpoint_dir : Path
        The run's own folder.
    sample_items : sequence of int
        Validation items whose probability maps go into each `EpochResult`.
    resume_epoch : int, optional
        The last epoch that the recorder committed; 0 starts anew **and deletes** the folder's checkpoints.
    extended_at_epoch : int, optional
        The epoch after which the run was last extended: resuming there, the early stopping has a fresh patience.
    should_stop : callable
        Asked before every step and every validation batch. The unfinished epoch is discarded.
    should_finish : callable, optional
        Asked after every epoch: whether to end the run there, as if all planned epochs were done.

    Returns
    -------
    TrainingOutcome

    Raises
    ------
    TrainingError
        If the data does not fit the configuration, the device's memory is too small, or a checkpoint that
        the resume needs is missing.
    """
    _check_data(config, data, sample_items=sample_items)
    if config.training.deterministic:
        enable_determinism()
    config = config.with_class_balance(data.training_foreground)
    with explaining_exhausted_memory(config):
        store = CheckpointStore(checkpoint_dir, keep_first=FIRST_EPOCHS if config.training.keep_first_epochs else 0)
        training = _Training(
            config,
            data,
            recorder=recorder,
            store=store,
            record=store.prepare(resume_epoch),
            fresh_patience=resume_epoch == extended_at_epoch,
            should_stop=should_stop,
            should_finish=should_finish,
        )
        return training.run(sample_items=sample_items)


class _Training:
    """One attempt: the model, its compiled steps and the state machines."""

    def __init__(
        self,
        config: RunConfig,
        data: TrainingData,
        *,
        recorder: Recorder,
        store: CheckpointStore,
        record: EpochRecord | None,
        fresh_patience: bool,
        should_stop: Callable[[], bool],
        should_finish: Callable[[], bool],
    ) -> None:
        self.started_at = time.perf_counter()
        self.config = config
        self.data = data
        self.recorder = recorder
        self.store = store
        self.should_stop = should_stop
        self.should_finish = should_finish
        self.items = TrainingItems(config, data)
        self.baselines = Baselines.of_masks(
            foreground_pixels=int(np.count_nonzero(data.validation_masks)), pixels=data.validation_masks.size
        )
        self.early_stopping = EarlyStopping(config.training.early_stopping_patience)
        self.best = BestEpoch(self.baselines, warmup_epochs=config.training.checkpoint_warmup_epochs)
        self.learning_rate = LearningRate(config, steps_per_epoch=self.items.steps_per_epoch)
        self.precision = choose_precision(config.training.precision)
        self.epoch = self.step = 0
        if record is not None:
            self._restore(record)
        if fresh_patience:
            self.early_stopping.wait = 0
        self.strategy = make_strategy(config.training.replicas) if config.training.replicas > 1 else None
        self.loss = make_loss(config.loss)
        self.model, self.average = self._make_model()
        self.writer = CheckpointWriter(store, make_twin=lambda: assemble_model(config, precision=self.precision))
        self.uncommitted: EpochResult | None = None
        self.held_steps: list[StepResult] = []
        self.noted_beats_baseline: bool | None = None

    # === Setting up ===

    def _restore(self, record: EpochRecord) -> None:
        self.early_stopping.restore(record.early_stopping)
        self.best.restore(record.best)
        self.learning_rate.restore(record.learning_rate)
        self.precision = Precision(record.precision)
        self.epoch, self.step = record.epoch, record.step
        logger.info("Resuming after epoch %d, step %d", record.epoch, record.step)

    def _make_model(self) -> tuple[keras.Model, WeightAverage | None]:
        keras.utils.set_random_seed(self.config.training.seed)
        decay = self.config.training.ema_decay
        with self.strategy.scope() if self.strategy else contextlib.nullcontext():
            model = assemble_model(self.config, precision=self.precision)
            average = WeightAverage(model, decay) if decay > 0 else None
        if self.epoch:
            self.store.restore(model, self.epoch)
            if average is not None:
                average.restore(self.store.read_training_weights(self.epoch))
        return model, average

    def _make_training_step(self) -> TrainingStep:
        objective = make_objective(self.model, self.loss, auxiliary_weight=self.config.network.auxiliary_weight)
        if self.strategy is None:
            return make_training_step(self.model, objective, average=self.average)
        return make_mirrored_step(
            self.model,
            objective,
            strategy=self.strategy,
            clipnorm=self.config.training.clipnorm,
            average=self.average,
        )

    def _facts(self) -> TrainingFacts:
        masks = self.data.validation_masks
        return TrainingFacts(
            parameters=self.model.count_params(),
            trainable_parameters=sum(math.prod(weight.shape) for weight in self.model.trainable_weights),
            batchnorm_layers=count_batchnorm_layers(self.model),
            device=training_device_name(),
            steps_per_epoch=self.items.steps_per_epoch,
            baselines=self.baselines,
            training_items=len(self.items),
            validation_items=len(masks),
            validation_pixels=masks.size,
            validation_foreground_pixels=int(np.count_nonzero(masks)),
            training_foreground=self.data.training_foreground,
            precision=self.precision.value,
            replicas=self.strategy.num_replicas_in_sync if self.strategy else 1,
            test_items=0 if self.data.test_images is None else len(self.data.test_images),
        )

    # === Training ===

    def run(self, *, sample_items: Sequence[int]) -> TrainingOutcome:
        """Train from the epoch after the one that was restored."""
        try:
            reason = self._train_epochs(sample_items)
        finally:
            # Whatever ends the training: an epoch that is whole is kept.
            try:
                self._commit_written_epoch(wait=True)
            finally:
                self.writer.close()
        if reason is not StopReason.CANCELLED and self.epoch and not self._score_at_end():
            reason = StopReason.CANCELLED
        return TrainingOutcome(reason, self.epoch, self.best.epoch, self.best.value)

    def _train_epochs(self, sample_items: Sequence[int]) -> StopReason:
        training = self.config.training
        trainer = EpochTrainer(
            self.items,
            training_step=self._make_training_step(),
            optimizer=self.model.optimizer,
            learning_rate=self.learning_rate,
            report=self._report_step,
            between_steps=self._commit_or_stop,
            step=self.step,
            started_at=self.started_at,
        )
        evaluation_step = make_evaluation_step(self.model, self.loss, tiles=self.config.sampling.crop_factor)
        statistics_step = make_statistics_step(self.model) if training.precise_batchnorm else None
        self.recorder.started(self._facts())
        while self.epoch < training.epochs and not self.early_stopping.should_stop:
            if self.epoch and self.should_finish():
                return StopReason.FINISHED_EARLY
            started_at = time.perf_counter()
            seed_dropout(self.model, seed=training.seed, epoch=self.epoch + 1)
            totals = trainer.train(self.epoch + 1)
            if totals is None:
                return StopReason.CANCELLED
            # The epoch before has to be settled before this one is.
            self._commit_written_epoch(wait=True)
            with self.average.in_place() if self.average else contextlib.nullcontext():
                validation = self._validate(evaluation_step, statistics_step, sample_items=sample_items)
                if validation is None:
                    return StopReason.CANCELLED
                self.epoch, self.step = self.epoch + 1, trainer.step
                self._end_epoch(totals, validation, started_at=started_at)
        return StopReason.COMPLETED if self.epoch >= training.epochs else StopReason.EARLY_STOPPING

    def _validate(
        self,
        evaluation_step: EvaluationStep,
        statistics_step: StatisticsStep | None,
        *,
        sample_items: Sequence[int],
    ) -> ValidationResult | None:
        if statistics_step is not None:
            with contextlib.closing(self.items.plain_batches(self.epoch + 1)) as batches:
                estimated = reestimate_batchnorm(
                    self.model,
                    (batch.images for batch in batches),
                    statistics_step=statistics_step,
                    should_stop=self.should_stop,
                )
            if estimated is None:
                return None
        return validate(
            evaluation_step,
            self.data,
            batch_size=self._evaluation_batch_size(),
            sample_items=sample_items,
            should_stop=self.should_stop,
        )

    def _evaluation_batch_size(self) -> int:
        # Every tile of an image is an item of the network's batch.
        return max(1, self.config.model.batch_size // self.config.sampling.crop_factor**2)

    def _end_epoch(self, totals: EpochTotals, validation: ValidationResult, *, started_at: float) -> None:
        metrics = {
            "loss": totals.loss,
            **totals.counts.as_metrics(),
            "learning_rate": totals.learning_rate,
            **validation.as_metrics(),
        }
        self.early_stopping.update(self.epoch, metrics["val_jaccard"])
        is_best = self.best.update(
            self.epoch,
            val_jaccard=metrics["val_jaccard"],
            predicted_foreground=metrics["val_predicted_foreground"],
        )
        # The record must carry the schedule of the *next* epoch.
        self.learning_rate.epoch_ended(self.epoch, metrics["val_loss"])
        record = EpochRecord(
            epoch=self.epoch,
            step=self.step,
            best_epoch=self.best.epoch,
            precision=self.precision.value,
            early_stopping=self.early_stopping.state(),
            best=self.best.state(),
            learning_rate=self.learning_rate.state(),
        )
        self.writer.start(self.model, record, training_weights=self.average.waiting_weights() if self.average else None)
        self.uncommitted = EpochResult(
            epoch=self.epoch,
            step=self.step,
            metrics=metrics,
            seconds=time.perf_counter() - started_at,
            data_wait_seconds=totals.data_wait_seconds,
            samples=validation.samples,
            histograms=validation.histograms,
            is_best=is_best,
            best_val_jaccard=math.nan if self.best.value is None else self.best.value,
            best_epoch=self.best.epoch,
        )

    # === Committing ===

    def _commit_or_stop(self) -> bool:
        self._commit_written_epoch(wait=False)
        return self.should_stop()

    def _commit_written_epoch(self, *, wait: bool) -> None:
        result = self.uncommitted
        if result is None or not (wait or self.writer.is_done()):
            return
        # A commit that fails is not tried again.
        self.uncommitted = None
        self.writer.finish()
        self.recorder.epoch(result)
        self.store.commit(result.epoch)
        if self.best.beats_baseline != self.noted_beats_baseline:
            self.noted_beats_baseline = self.best.beats_baseline
            self.recorder.note({"best_beats_baseline": self.best.beats_baseline})
        held, self.held_steps = self.held_steps, []
        for step in held:
            self.recorder.step(step)

    def _report_step(self, step: StepResult) -> None:
        if self.uncommitted is not None:
            self.held_steps.append(step)
        else:
            self.recorder.step(step)

    # === After the last epoch ===

    def _score_at_end(self) -> bool:
        """Note what is too slow for every epoch, or not to be looked at before; whether it was not stopped."""
        surfaces = surfaces_of_last_and_best(
            self.model,
            self.loss,
            self.data,
            store=self.store,
            epoch=self.epoch,
            best_epoch=self.best.epoch,
            batch_size=self._evaluation_batch_size(),
            tiles=self.config.sampling.crop_factor,
            should_stop=self.should_stop,
        )
        if surfaces is None:
            return False
        self.recorder.note(surfaces)
        if not self.config.training.test_time_augmentation and self.data.test_images is None:
            return True
        self.store.restore_best(self.model)
        scores = final_scores(
            self.model,
            self.loss,
            self.data,
            batch_size=self._evaluation_batch_size(),
            tiles=self.config.sampling.crop_factor,
            test_time_augmentation=self.config.training.test_time_augmentation,
            should_stop=self.should_stop,
        )
        if scores is None:
            return False
        self.recorder.note(scores)
        return True


def _check_data(config: RunConfig, data: TrainingData, *, sample_items: Sequence[int]) -> None:
    factor = config.sampling.crop_factor
    expected = (factor * config.image.height, factor * config.image.width, config.image.channels)
    for name, images, _ in data.parts():
        if images.shape[1:] != expected:
            raise TrainingError(
                f"Invalid {name}_images: received images of {images.shape[1:]}, expected the configured {expected}."
            )
    outside = [item for item in sample_items if not 0 <= item < len(data.validation_images)]
    if outside:
        raise TrainingError(
            f"Invalid sample_items: received {outside}, expected indices below {len(data.validation_images)}."
        )
