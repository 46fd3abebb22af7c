"""A configuration with every feature of the engine on, data for it, and how to look at all that it leaves behind."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from app.domain.augmentation_spec import AugmentationSpec
from app.domain.configuration import RunConfig
from app.domain.loss_spec import ClassBalance, LossKind, LossSpec
from app.domain.optimization_spec import OptimizerKind, OptimizerSpec, ScheduleKind, ScheduleSpec
from app.domain.sampling_spec import SamplingSpec
from tests.worker.training.tiny_training import make_config, make_items
from worker.training.data import TrainingData

EPOCHS = 5


def everything_on(schedule: ScheduleKind = ScheduleKind.PLATEAU, *, epochs: int = EPOCHS) -> RunConfig:
    config = make_config(
        epochs=epochs,
        precise_batchnorm=True,
        ema_decay=0.9,
        reduce_lr_patience=1,
        learning_rate=0.3,
        keep_first_epochs=True,
        test_time_augmentation=True,
        deterministic=True,
        network={"dropout": 0.1, "spatial_dropout": 0.1, "deep_supervision": True},
        loss=LossSpec(
            kind=LossKind.WEIGHTED_SUM, class_balance=ClassBalance.FROM_DATA, cross_entropy_weight=1, lovasz_weight=0.2
        ),
    )
    return config.model_copy(
        update={
            "optimizer": OptimizerSpec(kind=OptimizerKind.ADAMW),
            "schedule": ScheduleSpec(kind=schedule, warmup_epochs=1),
            "augmentation": AugmentationSpec(
                rotate90=True,
                flip=True,
                rotation_degrees=20,
                scale=0.2,
                elastic_pixels=1,
                brightness=0.1,
                contrast=0.2,
                gamma=0.2,
                noise=0.05,
                blur_pixels=0.7,
            ),
            "sampling": SamplingSpec(foreground_weight=3, crop_factor=2),
        }
    )


def make_large_data() -> TrainingData:
    images, masks = make_items(10, seed=1, side=64)
    images[:3], masks[:3] = 0.1, 0
    validation = make_items(3, seed=2, side=64)
    return TrainingData(images, masks, *validation, *make_items(2, seed=4, side=64))


def all_files(folder: Path) -> dict[str, list[np.ndarray]]:
    """Every number of every checkpoint."""
    numbers = {}
    for path in sorted(folder.glob("*.keras")):
        model = keras.models.load_model(path, safe_mode=True)
        numbers[path.name] = [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            numbers[path.name] = [stored[name] for name in stored.files]
    for path in sorted(folder.glob("*.json")):
        numbers[path.name] = [np.frombuffer(path.read_bytes(), np.uint8)]
    return numbers
