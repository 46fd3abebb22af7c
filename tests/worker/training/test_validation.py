"""What a validation says of the moving statistics' predictions, against the same computed from the saved model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from app.domain.metrics import ConfusionCounts
from app.domain.probability_histogram import item_histograms
from tests.worker.training.tiny_training import ListRecorder, make_config, make_data, run_training
from worker.training.data import TrainingData
from worker.training.probability_codec import encode_probability
from worker.training.surface_metrics import surface_score

EPOCHS = 6
LAST = f"epoch-{EPOCHS:06d}.keras"


@dataclass(frozen=True)
class Validated:
    recorder: ListRecorder
    data: TrainingData
    folder: Path

    def probabilities(self, file: str) -> NDArray[np.float32]:
        model = keras.models.load_model(self.folder / file, safe_mode=True)
        # As the engine does it: a batch of another size may round otherwise.
        parts = [model(images, training=False).numpy() for images in np.split(self.data.validation_images, [4])]
        maps: NDArray[np.float32] = np.concatenate(parts)[..., 0]
        return maps


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Validated:
    """Six epochs that learn, of which the last is not the best; five validation items in batches of four."""
    recorder, data, folder = ListRecorder(), make_data(), tmp_path_factory.mktemp("validated")
    network = {"levels": 3, "final_batchnorm": False}
    config = make_config(epochs=EPOCHS, learning_rate=0.06, batchnorm_momentum=0.5, network=network)
    run_training(config, folder, recorder=recorder, data=data, sample_items=(2,))
    return Validated(recorder, data, folder)


def test_histograms_are_those_of_the_saved_model(validated: Validated) -> None:
    values = encode_probability(validated.probabilities(LAST))
    histograms = validated.recorder.epochs[-1].histograms
    assert histograms.shape == (5, 2, 256)
    assert histograms.dtype == np.uint32
    expected = item_histograms(values, validated.data.validation_masks)
    # A pixel at the edge of a value may fall on the other side.
    assert np.abs(histograms.astype(int) - expected).sum() <= 0.002 * values.size
    np.testing.assert_array_equal(histograms.sum(axis=2), expected.sum(axis=2))
    (sample,) = validated.recorder.epochs[-1].samples
    np.testing.assert_array_equal(
        item_histograms(sample.probability[None], validated.data.validation_masks[2:3])[0], histograms[2]
    )


def test_every_metric_is_that_of_the_pixels(validated: Validated) -> None:
    probabilities = validated.probabilities(LAST)
    masks = validated.data.validation_masks > 0
    metrics = validated.recorder.history[-1]
    half = ConfusionCounts.from_arrays(masks, probabilities > 0.5)
    for name, value in half.as_metrics(prefix="val_").items():
        assert metrics[name] == pytest.approx(value, abs=1e-3)
    assert metrics["val_specificity"] == pytest.approx(
        half.true_negative / (half.true_negative + half.false_positive), abs=1e-3
    )
    assert metrics["val_average_precision"] == pytest.approx(
        average_precision_score(masks.ravel(), probabilities.ravel()), abs=5e-3
    )
    at_best = ConfusionCounts.from_arrays(masks, probabilities > metrics["val_best_threshold"])
    assert metrics["val_best_threshold_jaccard"] == pytest.approx(at_best.jaccard, abs=1e-3)
    assert metrics["val_best_threshold_jaccard"] >= metrics["val_jaccard"]
    scores = [
        ConfusionCounts.from_arrays(mask, item > 0.5).jaccard for mask, item in zip(masks, probabilities, strict=True)
    ]
    low, mean, high = (metrics[f"val_jaccard_image_{name}"] for name in ("low", "mean", "high"))
    assert mean == pytest.approx(np.mean(scores), abs=1e-3)
    assert min(scores) - 1e-3 <= low <= mean <= high <= max(scores) + 1e-3
    assert low < high
    bins = np.clip((probabilities * 16).astype(int), 0, 15)
    gaps = [abs((masks[bins == b] - probabilities[bins == b]).sum()) for b in range(16)]
    assert metrics["val_calibration_error"] == pytest.approx(sum(gaps) / masks.size, abs=3e-3)


@pytest.mark.parametrize(("which", "file"), [("last", LAST), ("best", "best.keras")])
def test_outlines_are_scored_once_at_the_end(which: str, file: str, validated: Validated) -> None:
    predictions = validated.probabilities(file) > 0.5
    scores = [
        surface_score(mask > 0, prediction)
        for mask, prediction in zip(validated.data.validation_masks, predictions, strict=True)
    ]
    notes = validated.recorder.notes
    assert notes[f"{which}_boundary_f1"] == pytest.approx(np.mean([score.boundary_f1 for score in scores]), abs=0.02)
    assert notes[f"{which}_hausdorff_95"] == pytest.approx(np.mean([score.hausdorff_95 for score in scores]), abs=1)
    assert notes[f"{which}_one_sided_items"] == sum(score.is_one_sided for score in scores)


def test_the_example_is_worth_looking_at(validated: Validated) -> None:
    last = validated.recorder.epochs[-1]
    assert last.best_epoch < EPOCHS
    assert 0.3 < last.metrics["val_jaccard"] < 0.95
