"""What the best model scores after the last epoch: on the test set, and with test-time augmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras

from worker.training.data import TrainingData
from worker.training.losses.segmentation_loss import SegmentationLoss
from worker.training.prediction import dihedral_predictor, plain_predictor
from worker.training.validation import make_evaluation_step, validate


def final_scores(
    model: keras.Model,
    loss: SegmentationLoss,
    data: TrainingData,
    *,
    batch_size: int,
    tiles: int,
    test_time_augmentation: bool,
    should_stop: Callable[[], bool],
) -> dict[str, float] | None:
    """Score `model`, in inference mode.

    The test set is looked at here and nowhere else: nothing is chosen by it.

    Returns
    -------
    dict of str to float, or None
        ``test_jaccard`` and so on for every validation column of the history, if there is a test set; with test-time
        augmentation also ``tta_val_jaccard`` … and ``tta_test_jaccard`` …. None if `should_stop` became true.
    """
    parts = {"val": data}
    if data.test_images is not None and data.test_masks is not None:
        parts["test"] = replace(data, validation_images=data.test_images, validation_masks=data.test_masks)
    passes = [("", plain_predictor(model), ["test"] if "test" in parts else [])]
    if test_time_augmentation:
        passes.append(("tta_", dihedral_predictor(plain_predictor(model)), list(parts)))
    scores: dict[str, float] = {}
    for prefix, predictor, names in passes:
        if not names:
            continue
        evaluation_step = make_evaluation_step(model, loss, predictor=predictor, tiles=tiles)
        for name in names:
            result = validate(
                evaluation_step, parts[name], batch_size=batch_size, sample_items=(), should_stop=should_stop
            )
            if result is None:
                return None
            for column, value in result.as_metrics().items():
                scores[f"{prefix}{name}_{column.removeprefix('val_')}"] = value
    return scores
