"""What the outlines of a run's predictions score, computed once at its end: too slow for every epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import keras
import numpy as np

from app.domain.probability_histogram import HALF
from worker.training.checkpoints import CheckpointStore
from worker.training.data import TrainingData
from worker.training.losses.segmentation_loss import SegmentationLoss
from worker.training.pipeline import iterate_batches
from worker.training.surface_metrics import SurfaceScore, surface_score
from worker.training.validation import EvaluationStep, make_evaluation_step


def surfaces_of_last_and_best(
    model: keras.Model,
    loss: SegmentationLoss,
    data: TrainingData,
    *,
    store: CheckpointStore,
    epoch: int,
    best_epoch: int,
    batch_size: int,
    tiles: int,
    should_stop: Callable[[], bool],
) -> dict[str, float | int] | None:
    """Score the outlines of the last and of the best epoch, whose weights `model` gets one after the other.

    Parameters
    ----------
    store : CheckpointStore
        Holds both: what was validated and written, not what training would have gone on with.
    epoch, best_epoch : int
        Committed.

    Returns
    -------
    dict of str to number, or None
        As of `score_surfaces`, behind ``last_`` and behind ``best_``; None if `should_stop` became true on the way.
    """
    evaluation_step = make_evaluation_step(model, loss, tiles=tiles)
    found: dict[int, dict[str, float | int]] = {}
    for each in {best_epoch, epoch}:
        store.restore(model, each)
        scores = score_surfaces(evaluation_step, data, batch_size=batch_size, prefix="", should_stop=should_stop)
        if scores is None:
            return None
        found[each] = scores
    return {
        f"{prefix}{name}": value
        for prefix, each in (("last_", epoch), ("best_", best_epoch))
        for name, value in found[each].items()
    }


def score_surfaces(
    evaluation_step: EvaluationStep,
    data: TrainingData,
    *,
    batch_size: int,
    prefix: str,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, float | int] | None:
    """Score the outlines of the validation set at the threshold 0.5; None if `should_stop` became true on the way.

    Returns
    -------
    dict of str to number, or None
        Behind `prefix`: ``boundary_f1`` and ``hausdorff_95`` (pixels), means over the items, and ``one_sided_items``,
        how many of them count with the worst distance because their mask or their prediction is empty.
    """
    scores: list[SurfaceScore] = []
    order = np.arange(len(data.validation_images))
    batches = iterate_batches(data.validation_images, data.validation_masks, order=order, batch_size=batch_size)
    with contextlib.closing(batches):
        for batch in batches:
            _, values = evaluation_step(batch.images, batch.masks)
            for prediction, item in zip(values.numpy() >= HALF, batch.indices.tolist(), strict=True):
                if should_stop():
                    return None
                scores.append(surface_score(data.validation_masks[item] > 0, prediction))
    return {
        f"{prefix}boundary_f1": sum(score.boundary_f1 for score in scores) / len(scores),
        f"{prefix}hausdorff_95": sum(score.hausdorff_95 for score in scores) / len(scores),
        f"{prefix}one_sided_items": sum(score.is_one_sided for score in scores),
    }
