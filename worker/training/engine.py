"""The training loop.

Not `keras.Model.fit`: a run must be resumable after every epoch to the bit, report every step while it runs,
and stop within one step. An epoch is trained, validated, written to disk, and only then handed to the
recorder, which commits it; what happens after the last commit never happened.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from app.domain.configuration import RunConfig
from app.domain.metrics import Baselines, ConfusionCounts
from app.domain.run_states import StopReason
from worker.models.building import build_model, count_batchnorm_layers
from worker.training.checkpoints import CheckpointStore, EpochRecord
from worker.training.counts import as_counts, total
from worker.training.data import TrainingData
from worker.training.devices import training_device_name
from worker.training.early_stopping import EarlyStopping
from worker.training.errors import TrainingError
from worker.training.final_surfaces import score_surfaces
from worker.training.losses.building import make_loss
from worker.training.losses.objective import make_objective
from worker.training.optimization import compile_model, make_training_step
from worker.training.pipeline import count_batches, epoch_order, iterate_batches
from worker.training.recording import EpochResult, Recorder, StepResult, TrainingFacts
from worker.training.reduce_lr import ReduceLearningRate
from worker.training.validation import EvaluationStep, make_evaluation_step, validate

logger = logging.getLogger(__name__)

#: Steps over which `images_per_second` is measured.
RATE_WINDOW_STEPS = 8


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a training ended.

    Parameters
    ----------
    stop_reason : StopReason
        ``completed``, ``early-stopping`` or ``cancelled``.
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


@dataclass(frozen=True, slots=True)
class _EpochTotals:
    """Train-mode sums of one epoch."""

    loss: float
    counts: ConfusionCounts


def train(
    config: RunConfig,
    data: TrainingData,
    *,
    recorder: Recorder,
    checkpoint_dir: Path,
    sample_items: Sequence[int],
    resume_epoch: int = 0,
    should_stop: Callable[[], bool],
) -> TrainingOutcome:
    """Train one run to its end, or until `should_stop`.

    Parameters
    ----------
    config : RunConfig
        The run's configuration; must be the same in every attempt of a run.
    data : TrainingData
        Arrays of the configured size.
    recorder : Recorder
        Hears of the facts once, of every step and of every epoch. What it raises ends the training.
    checkpoint_dir : Path
        The run's own folder.
    sample_items : sequence of int
        Validation items whose probability maps go into each `EpochResult`.
    resume_epoch : int, optional
        The last epoch that the recorder committed; 0 starts anew **and deletes** the folder's checkpoints.
    should_stop : callable
        Asked before every step and every validation batch. The unfinished epoch is discarded.

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
    config = config.with_class_balance(float(data.training_masks.mean()))
    with _explaining_exhausted_memory(config):
        training = _Training(
            config, data, recorder=recorder, store=CheckpointStore(checkpoint_dir), should_stop=should_stop
        )
        return training.run(sample_items=sample_items, resume_epoch=resume_epoch)


class _Training:
    """One attempt: the model, its compiled steps and the two state machines."""

    def __init__(
        self,
        config: RunConfig,
        data: TrainingData,
        *,
        recorder: Recorder,
        store: CheckpointStore,
        should_stop: Callable[[], bool],
    ) -> None:
        self.started_at = time.perf_counter()
        self.config = config
        self.data = data
        self.recorder = recorder
        self.store = store
        self.should_stop = should_stop
        self.early_stopping = EarlyStopping(config.training.early_stopping_patience)
        self.reduce_lr = ReduceLearningRate(
            factor=config.training.reduce_lr_factor,
            patience=config.training.reduce_lr_patience,
            min_learning_rate=config.training.min_learning_rate,
        )
        self.step = 0

    def run(self, *, sample_items: Sequence[int], resume_epoch: int) -> TrainingOutcome:
        """Train from the epoch after `resume_epoch`."""
        config = self.config
        model = self._restored_or_new_model(resume_epoch)
        loss = make_loss(config.loss)
        objective = make_objective(model, loss, auxiliary_weight=config.network.auxiliary_weight)
        self.training_step = make_training_step(model, objective)
        evaluation_step = make_evaluation_step(model, loss)
        self.recorder.started(self._facts(model))

        epoch = resume_epoch
        while epoch < config.training.epochs and not self.early_stopping.should_stop:
            epoch_started_at = time.perf_counter()
            learning_rate = float(model.optimizer.learning_rate.numpy())
            totals = self._train_epoch(epoch + 1, learning_rate=learning_rate)
            if totals is None:
                return self._outcome(StopReason.CANCELLED, epoch)
            validation = validate(
                evaluation_step,
                self.data,
                batch_size=config.model.batch_size,
                sample_items=sample_items,
                should_stop=self.should_stop,
            )
            if validation is None:
                return self._outcome(StopReason.CANCELLED, epoch)

            epoch += 1
            metrics = {
                "loss": totals.loss,
                **totals.counts.as_metrics(),
                "learning_rate": learning_rate,
                **validation.as_metrics(),
            }
            is_best = self.early_stopping.update(epoch, metrics["val_jaccard"])
            # The checkpoint must carry the learning rate of the *next* epoch: it is lowered before the write.
            model.optimizer.learning_rate = self.reduce_lr.update(metrics["val_loss"], learning_rate=learning_rate)
            self.store.write(
                model,
                EpochRecord(
                    epoch=epoch,
                    step=self.step,
                    best_epoch=self.early_stopping.best_epoch,
                    early_stopping=self.early_stopping.state(),
                    reduce_lr=self.reduce_lr.state(),
                ),
            )
            self.recorder.epoch(
                EpochResult(
                    epoch=epoch,
                    step=self.step,
                    metrics=metrics,
                    seconds=time.perf_counter() - epoch_started_at,
                    samples=validation.samples,
                    histograms=validation.histograms,
                    is_best=is_best,
                    best_val_jaccard=self._best_val_jaccard(),
                    best_epoch=self.early_stopping.best_epoch,
                )
            )
            self.store.commit(epoch)

        if not self._score_surfaces(evaluation_step, epoch=epoch):
            return self._outcome(StopReason.CANCELLED, epoch)
        completed = epoch >= config.training.epochs
        return self._outcome(StopReason.COMPLETED if completed else StopReason.EARLY_STOPPING, epoch)

    def _score_surfaces(self, evaluation_step: EvaluationStep, *, epoch: int) -> bool:
        """Note what the outlines of the last and the best epoch score; whether it was not stopped."""
        steps = {"last_": evaluation_step}
        best = self.early_stopping.best_epoch
        if best != epoch:
            steps["best_"] = make_evaluation_step(self.store.load_model(best), make_loss(self.config.loss))
        notes: dict[str, float | int] = {}
        for prefix, step in steps.items():
            scores = score_surfaces(
                step,
                self.data,
                batch_size=self.config.model.batch_size,
                prefix=prefix,
                should_stop=self.should_stop,
            )
            if scores is None:
                return False
            notes |= scores
        if best == epoch:
            notes |= {name.replace("last_", "best_", 1): value for name, value in notes.items()}
        self.recorder.note(notes)
        return True

    def _restored_or_new_model(self, resume_epoch: int) -> keras.Model:
        record = self.store.prepare(resume_epoch)
        keras.utils.set_random_seed(self.config.training.seed)
        if record is not None:
            self.early_stopping.restore(record.early_stopping)
            self.reduce_lr.restore(record.reduce_lr)
            self.step = record.step
            logger.info("Resuming after epoch %d, step %d", record.epoch, record.step)
            return self.store.load_model(resume_epoch)
        model = build_model(
            architecture=self.config.model.architecture,
            image=self.config.image,
            network=self.config.network,
        )
        compile_model(model, self.config)
        return model

    def _facts(self, model: keras.Model) -> TrainingFacts:
        masks = self.data.validation_masks
        foreground = int(np.count_nonzero(masks))
        return TrainingFacts(
            parameters=model.count_params(),
            trainable_parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
            batchnorm_layers=count_batchnorm_layers(model),
            device=training_device_name(),
            steps_per_epoch=count_batches(len(self.data.training_images), self.config.model.batch_size),
            baselines=Baselines.of_masks(foreground_pixels=foreground, pixels=masks.size),
            training_items=len(self.data.training_images),
            validation_items=len(masks),
            validation_pixels=masks.size,
            validation_foreground_pixels=foreground,
            training_foreground=float(self.data.training_masks.mean()),
        )

    def _train_epoch(self, epoch: int, *, learning_rate: float) -> _EpochTotals | None:
        """Train one epoch and report its steps; None if `should_stop` became true on the way.

        A step's numbers are fetched after the next step was handed to the device: fetching at once would make
        a GPU wait for Python after every step.
        """
        losses: list[float] = []
        sizes: list[int] = []
        step_counts: list[ConfusionCounts] = []
        unread: tuple[tf.Tensor, tf.Tensor, float] | None = None
        # (time, images of the epoch until then): an entry for the window's start and one for each step in it.
        progress = deque([(time.perf_counter(), 0)], maxlen=RATE_WINDOW_STEPS + 1)

        def read(loss: tf.Tensor, counts: tf.Tensor, images_per_second: float) -> None:
            losses.append(float(loss.numpy()))
            step_counts.append(as_counts(counts.numpy()))
            self.step += 1
            self.recorder.step(
                StepResult(
                    step=self.step,
                    epoch=epoch,
                    loss=losses[-1],
                    jaccard=step_counts[-1].jaccard,
                    learning_rate=learning_rate,
                    images_per_second=images_per_second,
                    elapsed_seconds=time.perf_counter() - self.started_at,
                )
            )

        items = len(self.data.training_images)
        batches = iterate_batches(
            self.data.training_images,
            self.data.training_masks,
            order=epoch_order(items, seed=self.config.training.seed, epoch=epoch),
            batch_size=self.config.model.batch_size,
        )
        with contextlib.closing(batches):
            for batch in batches:
                if self.should_stop():
                    return None
                loss, counts = self.training_step(batch.images, batch.masks)
                sizes.append(len(batch))
                progress.append((time.perf_counter(), sum(sizes)))
                seconds = progress[-1][0] - progress[0][0]
                rate = (progress[-1][1] - progress[0][1]) / seconds if seconds > 0 else 0.0
                if unread is not None:
                    read(*unread)
                unread = (loss, counts, rate)
        if unread is not None:
            read(*unread)
        mean_loss = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / items
        return _EpochTotals(mean_loss, total(step_counts))

    def _best_val_jaccard(self) -> float:
        # A Jaccard from counts is always a number, so the first epoch has set it.
        return math.nan if self.early_stopping.best is None else self.early_stopping.best

    def _outcome(self, reason: StopReason, epochs: int) -> TrainingOutcome:
        return TrainingOutcome(reason, epochs, self.early_stopping.best_epoch, self.early_stopping.best)


def _check_data(config: RunConfig, data: TrainingData, *, sample_items: Sequence[int]) -> None:
    expected = (config.image.height, config.image.width, config.image.channels)
    for name, images in (("training", data.training_images), ("validation", data.validation_images)):
        if images.shape[1:] != expected:
            raise TrainingError(
                f"Invalid {name}_images: received images of {images.shape[1:]}, expected the configured {expected}."
            )
    outside = [item for item in sample_items if not 0 <= item < len(data.validation_images)]
    if outside:
        raise TrainingError(
            f"Invalid sample_items: received {outside}, expected indices below {len(data.validation_images)}."
        )


@contextlib.contextmanager
def _explaining_exhausted_memory(config: RunConfig) -> Iterator[None]:
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        image = config.image
        raise TrainingError(
            f"The memory of {training_device_name()} is too small for {config.model.architecture.label} with "
            f"batch size {config.model.batch_size}, images of {image.height}×{image.width} and "
            f"{config.network.base_filters} base filters. Reduce the batch size first, then the image size "
            "or the base filters."
        ) from error
