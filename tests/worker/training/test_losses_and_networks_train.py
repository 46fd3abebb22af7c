"""Every loss learns, and every option of the networks trains, is saved and resumes."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from app.domain.configuration import Architecture, ImageSpec
from app.domain.loss_spec import ClassBalance, LossKind, LossSpec
from tests.worker.training.tiny_training import ListRecorder, make_config, make_data, make_items, run_training
from worker.training.data import TrainingData


@pytest.fixture(scope="module", autouse=True)
def _deterministic_operations() -> None:
    tf.config.experimental.enable_op_determinism()


@pytest.mark.parametrize(
    "loss",
    [
        *(LossSpec(kind=kind, dice_weight=1, lovasz_weight=0.5) for kind in LossKind),
        LossSpec(class_balance=ClassBalance.FROM_DATA),
        LossSpec(kind=LossKind.CROSS_ENTROPY, class_balance=ClassBalance.FROM_DATA),
    ],
    ids=lambda loss: f"{loss.kind}, balance {loss.class_balance}",
)
def test_every_loss_learns(loss: LossSpec, tmp_path: Path) -> None:
    recorder = ListRecorder()
    config = make_config(epochs=6, loss=loss, base_filters=4, network={"levels": 3, "final_batchnorm": False})
    run_training(config, tmp_path, recorder=recorder)
    losses = [metrics["loss"] for metrics in recorder.history]
    assert all(math.isfinite(value) for metrics in recorder.history for value in metrics.values())
    assert losses[-1] < 0.97 * losses[0]
    assert recorder.history[-1]["jaccard"] > 1.5 * recorder.facts[0].baselines.all_foreground


def test_the_class_balance_is_that_of_the_training_masks(tmp_path: Path) -> None:
    recorder, data = ListRecorder(), make_data()
    config = make_config(epochs=1, loss=LossSpec(class_balance=ClassBalance.FROM_DATA), network={"levels": 2})
    run_training(config, tmp_path, recorder=recorder, data=data)
    fraction = float(data.training_masks.mean())
    assert recorder.facts[0].training_foreground == pytest.approx(fraction)
    saved = keras.models.load_model(tmp_path / "best.keras", safe_mode=True).loss
    assert saved.alpha == pytest.approx(1 - fraction)


@pytest.mark.parametrize("architecture", [Architecture.UNET, Architecture.ATTENTION_RESUNET])
def test_options_of_the_network_train_validate_and_resume(architecture: Architecture, tmp_path: Path) -> None:
    """Deep supervision, padding and group normalisation, interrupted after the first of two epochs."""
    network = {"levels": 4, "normalisation": "group", "deep_supervision": True}
    config = make_config(architecture, epochs=2, network=network)
    config = config.model_copy(update={"image": ImageSpec(height=36, width=33)})
    images, masks = make_items(6, seed=4, side=36)
    data = TrainingData(images[:4, :, :33], masks[:4, :, :33], images[4:, :, :33], masks[4:, :, :33])
    straight, resumed = ListRecorder(), ListRecorder()
    run_training(config, tmp_path / "straight", recorder=straight, data=data)
    run_training(
        config, tmp_path / "resumed", recorder=resumed, data=data, should_stop=lambda: len(resumed.epochs) == 1
    )
    assert len(resumed.epochs) == 1
    run_training(config, tmp_path / "resumed", recorder=resumed, data=data, resume_epoch=1)
    assert resumed.history == straight.history
    assert straight.facts[0].batchnorm_layers == 0
