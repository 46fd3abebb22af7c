"""One pass over the validation set in inference mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.bootstrap import mean_interval
from app.domain.metrics import ConfusionCounts
from app.domain.probability_histogram import (
    average_precision,
    best_threshold,
    calibration_error,
    counts_from,
    item_histograms,
)
from worker.training.counts import total
from worker.training.data import TrainingData
from worker.training.losses.segmentation_loss import SegmentationLoss
from worker.training.pipeline import iterate_batches
from worker.training.prediction import Predictor, plain_predictor, tiled_predictor
from worker.training.probability_codec import encode_in_graph
from worker.training.recording import SamplePrediction

#: Images and masks → the loss of each item, float32 (batch,), and encoded probabilities, uint8 (batch, height, width).
EvaluationStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What the moving statistics make of the validation set.

    Parameters
    ----------
    loss : float
        Mean over the items.
    histograms : ndarray of uint32, shape (items, 2, 256)
        Of each item, in the order of the arrays; see `app.domain.probability_histogram`.
    samples : tuple of SamplePrediction
        In the order in which they were asked for.
    """

    loss: float
    histograms: NDArray[np.uint32]
    samples: tuple[SamplePrediction, ...]

    @property
    def item_counts(self) -> tuple[ConfusionCounts, ...]:
        """Of each item, at the threshold 0.5."""
        return tuple(counts_from(histogram) for histogram in self.histograms)

    @property
    def counts(self) -> ConfusionCounts:
        """Summed over the items, at the threshold 0.5."""
        return total(self.item_counts)

    def as_metrics(self) -> dict[str, float]:
        """Return the validation columns of the history."""
        item_scores = [counts.jaccard for counts in self.item_counts]
        counts = self.counts
        summed = self.histograms.sum(axis=0, dtype=np.int64)
        threshold, threshold_jaccard = best_threshold(summed)
        low, high = mean_interval(item_scores)
        return {
            "val_loss": self.loss,
            **counts.as_metrics(prefix="val_"),
            "val_jaccard_image_mean": sum(item_scores) / len(item_scores),
            "val_predicted_foreground": counts.predicted_foreground,
            "val_specificity": counts.specificity,
            "val_average_precision": average_precision(summed),
            "val_best_threshold": threshold,
            "val_best_threshold_jaccard": threshold_jaccard,
            "val_calibration_error": calibration_error(summed),
            "val_jaccard_image_low": low,
            "val_jaccard_image_high": high,
        }


def make_evaluation_step(
    model: keras.Model, loss: SegmentationLoss, *, predictor: Predictor | None = None, tiles: int = 1
) -> EvaluationStep:
    """Compile the step that returns each item's loss and encoded probability map.

    The batch axis is left open, so that a smaller last batch does not trace a second graph.

    Parameters
    ----------
    predictor : callable, optional
        What predicts images of the network's size; the network itself if not given.
    tiles : int
        Images are this many times as high and wide as the network's input; see `tiled_predictor`.
    """
    height, width, channels = model.input_shape[1:]
    height, width = tiles * height, tiles * width
    predict = tiled_predictor(predictor or plain_predictor(model), factor=tiles)

    def evaluation_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        probabilities = predict(images)
        targets = tf.cast(masks, tf.float32)[..., tf.newaxis]
        return loss.call(targets, probabilities), encode_in_graph(tf.squeeze(probabilities, axis=-1))

    compiled: EvaluationStep = tf.function(
        evaluation_step,
        input_signature=(
            tf.TensorSpec((None, height, width, channels), tf.float32),
            tf.TensorSpec((None, height, width), tf.uint8),
        ),
        jit_compile=False,
    )
    return compiled


def validate(
    evaluation_step: EvaluationStep,
    data: TrainingData,
    *,
    batch_size: int,
    sample_items: Sequence[int],
    should_stop: Callable[[], bool] = lambda: False,
) -> ValidationResult | None:
    """Score the validation set; None if `should_stop` became true on the way.

    A byte a pixel leaves the device; the histograms are counted beside it.
    """
    wanted = set(sample_items)
    losses: list[float] = []
    histograms: list[NDArray[np.uint32]] = []
    samples: dict[int, SamplePrediction] = {}
    order = np.arange(len(data.validation_images))
    batches = iterate_batches(data.validation_images, data.validation_masks, order=order, batch_size=batch_size)
    with contextlib.closing(batches):
        for batch in batches:
            if should_stop():
                return None
            batch_losses, batch_values = evaluation_step(batch.images, batch.masks)
            losses.extend(batch_losses.numpy().tolist())
            values = batch_values.numpy()
            histograms.extend(item_histograms(values, data.validation_masks[batch.indices]))
            for position, item in enumerate(batch.indices.tolist()):
                if item in wanted:
                    samples[item] = SamplePrediction(item, values[position], counts_from(histograms[item]))
    return ValidationResult(
        loss=sum(losses) / len(losses),
        histograms=np.stack(histograms),
        samples=tuple(samples[item] for item in sample_items),
    )
