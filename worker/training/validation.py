"""One pass over the validation set in inference mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from app.domain.metrics import ConfusionCounts
from worker.training.counts import as_counts, count_per_image, total
from worker.training.data import TrainingData
from worker.training.pipeline import iterate_batches
from worker.training.prediction import Predictor, plain_predictor, tiled_predictor
from worker.training.probability_codec import encode_probability
from worker.training.recording import SamplePrediction

EvaluationStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What the moving statistics make of the validation set.

    Parameters
    ----------
    loss : float
        Mean over the items.
    counts : ConfusionCounts
        Summed over the items.
    item_counts : tuple of ConfusionCounts
        Of each item, in the order of the arrays.
    samples : tuple of SamplePrediction
        In the order in which they were asked for.
    """

    loss: float
    counts: ConfusionCounts
    item_counts: tuple[ConfusionCounts, ...]
    samples: tuple[SamplePrediction, ...]

    def as_metrics(self) -> dict[str, float]:
        """Return the validation columns of the history."""
        image_mean = sum(counts.jaccard for counts in self.item_counts) / len(self.item_counts)
        return {
            "val_loss": self.loss,
            **self.counts.as_metrics(prefix="val_"),
            "val_jaccard_image_mean": image_mean,
            "val_predicted_foreground": self.counts.predicted_foreground,
        }


def make_evaluation_step(
    model: keras.Model, loss: keras.losses.Loss, *, predictor: Predictor | None = None, tiles: int = 1
) -> EvaluationStep:
    """Compile the step that returns each item's loss, counts and probability map.

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

    def evaluation_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        probabilities = predict(images)
        targets = tf.cast(masks, tf.float32)[..., tf.newaxis]
        # `call` is the loss before its reduction: one value a pixel.
        losses = tf.reduce_mean(loss.call(targets, probabilities), axis=(1, 2))
        maps = tf.squeeze(probabilities, axis=-1)
        return losses, count_per_image(masks, maps), maps

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

    Only the probability maps of `sample_items` leave the device.
    """
    wanted = set(sample_items)
    losses: list[float] = []
    item_counts: list[ConfusionCounts] = []
    samples: dict[int, SamplePrediction] = {}
    order = np.arange(len(data.validation_images))
    batches = iterate_batches(data.validation_images, data.validation_masks, order=order, batch_size=batch_size)
    with contextlib.closing(batches):
        for batch in batches:
            if should_stop():
                return None
            batch_losses, batch_counts, maps = evaluation_step(batch.images, batch.masks)
            losses.extend(batch_losses.numpy().tolist())
            item_counts.extend(as_counts(row) for row in batch_counts.numpy())
            for position, item in enumerate(batch.indices.tolist()):
                if item in wanted:
                    probability = encode_probability(maps[position].numpy())
                    samples[item] = SamplePrediction(item, probability, item_counts[item])
    return ValidationResult(
        loss=sum(losses) / len(losses),
        counts=total(item_counts),
        item_counts=tuple(item_counts),
        samples=tuple(samples[item] for item in sample_items),
    )
