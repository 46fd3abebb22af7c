"""The run's epoch table: which columns it has and how a value that is not finite travels as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping

TRAINING_COLUMNS = ("loss", "jaccard", "dice", "precision", "recall", "accuracy")
VALIDATION_COLUMNS = tuple(f"val_{name}" for name in TRAINING_COLUMNS)

#: Columns of `history.csv`, in order: those of Keras' `CSVLogger` for the same metrics, then Segscope's own.
HISTORY_COLUMNS = (
    "epoch",
    *TRAINING_COLUMNS,
    "learning_rate",
    *VALIDATION_COLUMNS,
    "val_jaccard_image_mean",
    "val_predicted_foreground",
    "val_specificity",
    "val_average_precision",
    "val_best_threshold",
    "val_best_threshold_jaccard",
    "val_calibration_error",
    "val_jaccard_image_low",
    "val_jaccard_image_high",
)

#: Columns of the step table. `elapsed_seconds` counts from the start of the attempt.
STEP_COLUMNS = ("loss", "jaccard", "learning_rate", "images_per_second", "elapsed_seconds")

JsonNumber = float | int | str | None


def number_to_json(value: float | None) -> JsonNumber:
    """Return `value` as JSON can carry it: NaN and ±∞ become the strings `nan`, `inf` and `-inf`."""
    if value is None or math.isfinite(value):
        return value
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"


def number_from_json(value: JsonNumber) -> float | None:
    """Undo `number_to_json`."""
    return None if value is None else float(value)


def metrics_to_json(metrics: Mapping[str, float | None]) -> dict[str, JsonNumber]:
    """Apply `number_to_json` to every value of `metrics`."""
    return {name: number_to_json(value) for name, value in metrics.items()}


def metrics_from_json(metrics: Mapping[str, JsonNumber]) -> dict[str, float | None]:
    """Undo `metrics_to_json`."""
    return {name: number_from_json(value) for name, value in metrics.items()}
