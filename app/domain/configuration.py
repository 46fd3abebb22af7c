"""What a person may set: the experiment's specification and the configuration of each of its runs.

The form, the JSON API and the command line validate against these models; titles, explanations and bounds
of the form's fields come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from app.domain.augmentation_spec import AugmentationSpec
from app.domain.batchnorm import automatic_momentum
from app.domain.data_findings import DataFindingCode
from app.domain.loss_spec import LossSpec
from app.domain.network_spec import NetworkSpec, Normalisation
from app.domain.optimization_spec import OptimizerSpec, ScheduleSpec
from app.domain.sampling_spec import SamplingSpec
from app.domain.spec import Spec
from app.domain.split_spec import SplitSpec


class Architecture(StrEnum):
    """The model families, in the order in which they are always shown."""

    UNET = "unet"
    ATTENTION_UNET = "attention-unet"
    ATTENTION_RESUNET = "attention-resunet"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            Architecture.UNET: "UNet",
            Architecture.ATTENTION_UNET: "Attention UNet",
            Architecture.ATTENTION_RESUNET: "Attention ResUNet",
        }[self]


class Precision(StrEnum):
    """The numbers that a network computes with; its weights are float32 in every case."""

    AUTO = "auto"
    FLOAT32 = "float32"
    MIXED_FLOAT16 = "mixed-float16"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            Precision.AUTO: "Automatic",
            Precision.FLOAT32: "float32",
            Precision.MIXED_FLOAT16: "Mixed float16",
        }[self]


class WorkerQueue(StrEnum):
    """The queue that a run waits in; a worker serves one or both."""

    GPU = "gpu"
    CPU = "cpu"

    @property
    def label(self) -> str:
        """Name for people."""
        return f"{self.upper()} workers only"


class ImageSpec(Spec):
    """Size and channels that the network sees."""

    height: int = Field(
        256,
        ge=32,
        le=2048,
        title="Image height",
        description="Pixels. Images are resized with antialiasing. Sides that cannot be halved often enough are "
        "mirrored at the border inside the model.",
    )
    width: int = Field(
        256, ge=32, le=2048, title="Image width", description="Pixels. Masks are resized by nearest neighbour."
    )
    channels: int = Field(
        3, ge=1, le=4, title="Channels", description="3 for colour (grey images are repeated), 1 for grey."
    )


class ModelSpec(Spec):
    """One model of the experiment, with the settings that differ between models."""

    architecture: Architecture = Field(title="Architecture", description="The model family.")
    learning_rate: float = Field(1e-3, gt=0, le=1, title="Learning rate", description="Initial (or highest) step size.")
    batch_size: int = Field(
        8, ge=1, le=512, title="Batch size", description="Images a step; must not exceed the training items."
    )


class TrainingSpec(Spec):
    """How the models are trained."""

    epochs: int = Field(
        100, ge=1, le=10_000, title="Epochs", description="Upper limit; early stopping may end a run before."
    )
    clipnorm: float = Field(
        1.0,
        gt=0,
        le=1000,
        title="Gradient clipping",
        description="The optimizer's clipnorm: each variable's gradient is scaled down to this norm.",
    )
    early_stopping_patience: int = Field(
        15,
        ge=0,
        le=10_000,
        title="Early stopping patience",
        description="Epochs without a better validation Jaccard before the run ends. 0 switches it off.",
    )
    reduce_lr_factor: float = Field(
        0.5,
        gt=0,
        lt=1,
        title="Learning-rate factor",
        description="The learning rate is multiplied by this when the validation loss stalls.",
    )
    reduce_lr_patience: int = Field(
        8,
        ge=0,
        le=10_000,
        title="Learning-rate patience",
        description="Epochs without a lower validation loss before the learning rate drops. 0 switches it off.",
    )
    min_learning_rate: float = Field(
        1e-6, ge=0, le=1, title="Lowest learning rate", description="The learning rate never drops below this."
    )
    seed: int = Field(
        42,
        ge=0,
        le=2**32 - 1,
        title="Training seed",
        description="Fixes the initial weights, the order of the items, their augmentation and dropout.",
    )
    precise_batchnorm: bool = Field(
        False,
        title="Precise batch norm",
        description="Re-estimate the moving statistics on the training images before every validation, so that a short "
        "training cannot leave them behind. Costs one forward pass an epoch.",
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Weight averaging",
        description="Validate and keep an exponential moving average of the weights with this decay, such as 0.99. "
        "0 switches it off.",
        json_schema_extra={"advanced": True},
    )
    checkpoint_warmup_epochs: int = Field(
        0,
        ge=0,
        le=10_000,
        title="Best epoch from",
        description="The first epochs cannot become the best one: their scores are often trivial.",
        json_schema_extra={"advanced": True},
    )
    keep_first_epochs: bool = Field(
        False,
        title="Keep epochs 1 to 5",
        description="Keep the checkpoints of the first five epochs, to look later at how a training began.",
        json_schema_extra={"advanced": True},
    )
    test_time_augmentation: bool = Field(
        False,
        title="Test-time augmentation",
        description="At the end, also score the best model with its predictions averaged over flips and rotations.",
        json_schema_extra={"advanced": True},
    )
    precision: Precision = Field(
        Precision.AUTO,
        title="Precision",
        description="Automatic: mixed float16 with loss scaling on GPUs that gain from it, float32 elsewhere.",
        json_schema_extra={"advanced": True},
    )
    replicas: int = Field(
        1,
        ge=1,
        le=64,
        title="GPUs",
        description="GPUs of one worker that share each batch; a worker with fewer uses what it has.",
        json_schema_extra={"advanced": True},
    )
    deterministic: bool = Field(
        False,
        title="Deterministic",
        description="Repeat a training to the last bit on the same device, at the price of slower operations.",
        json_schema_extra={"advanced": True},
    )


class ExperimentSpec(Spec):
    """One launch: a dataset, a split and the models that share them.

    The launch form draws a panel for each field that is a specification, in this order.
    """

    name: str = Field("", max_length=120, title="Name", description="Empty: named after the dataset.")
    dataset_id: int = Field(ge=1, title="Dataset", description="The registered image/mask pairs to train on.")
    queue: WorkerQueue | None = Field(
        None,
        title="Queue",
        description="Where the runs wait: any worker, GPU workers or CPU workers.",
        json_schema_extra={"empty": "Any worker"},
    )
    acknowledged_findings: tuple[DataFindingCode, ...] = Field(
        (),
        max_length=64,
        title="Acknowledged findings",
        description="Fatal findings of the dataset that the launch accepts, by code.",
    )
    image: ImageSpec = Field(default_factory=ImageSpec, title="Image")
    network: NetworkSpec = Field(default_factory=NetworkSpec, title="Network")
    loss: LossSpec = Field(default_factory=LossSpec, title="Loss")
    split: SplitSpec = Field(default_factory=SplitSpec, title="Split")
    training: TrainingSpec = Field(
        default_factory=TrainingSpec,
        title="Training",
        description="Training ends early when validation Jaccard stops improving.",
    )
    optimizer: OptimizerSpec = Field(default_factory=OptimizerSpec, title="Optimizer")
    schedule: ScheduleSpec = Field(default_factory=ScheduleSpec, title="Learning rate")
    augmentation: AugmentationSpec = Field(
        default_factory=AugmentationSpec,
        title="Augmentation",
        description="Random changes of the training images, made anew in every epoch; masks follow every movement. "
        "Validation images are never changed.",
    )
    sampling: SamplingSpec = Field(
        default_factory=SamplingSpec,
        title="Sampling",
        description="Which items and which parts of them training sees, for foreground that is rare.",
    )
    models: tuple[ModelSpec, ...] = Field(
        min_length=1, max_length=8, title="Models", description="One run is trained for each."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_versions(cls, data: Any) -> Any:
        return _with_loss_section(data)

    @model_validator(mode="after")
    def _models_differ(self) -> Self:
        names = [model.architecture for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("models must differ: each architecture may be chosen once")
        return self

    def run_configs(self, *, training_items: int) -> tuple[RunConfig, ...]:
        """Return the configuration of each run, in the order of `models`, with nothing left automatic.

        Parameters
        ----------
        training_items : int
            Items that train; with the batch size, they give the steps to which momentum is fitted.
        """
        return tuple(
            RunConfig(
                model=model,
                network=self._resolved_network(model, training_items=training_items),
                loss=self.loss,
                image=self.image,
                training=self.training,
                optimizer=self.optimizer,
                schedule=self.schedule,
                augmentation=self.augmentation,
                sampling=self.sampling,
            )
            for model in self.models
        )

    def _resolved_network(self, model: ModelSpec, *, training_items: int) -> NetworkSpec:
        if self.network.batchnorm_momentum is not None:
            return self.network
        momentum = automatic_momentum(
            steps_per_epoch=-(-training_items // model.batch_size),
            epochs=self.training.epochs,
            early_stopping_patience=self.training.early_stopping_patience,
        )
        return self.network.model_copy(update={"batchnorm_momentum": momentum})


class RunConfig(Spec):
    """All that one run needs beside its experiment's dataset and split; nothing in it is left automatic."""

    model: ModelSpec
    network: NetworkSpec
    loss: LossSpec = Field(default_factory=LossSpec)
    image: ImageSpec
    training: TrainingSpec
    optimizer: OptimizerSpec = Field(default_factory=OptimizerSpec)
    schedule: ScheduleSpec = Field(default_factory=ScheduleSpec)
    augmentation: AugmentationSpec = Field(default_factory=AugmentationSpec)
    sampling: SamplingSpec = Field(default_factory=SamplingSpec)

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_versions(cls, data: Any) -> Any:
        return _with_loss_section(data)

    @model_validator(mode="after")
    def _nothing_is_automatic(self) -> Self:
        if self.network.batchnorm_momentum is None:
            raise ValueError("network.batchnorm_momentum of a run must be a number: `run_configs` chooses one")
        return self

    @property
    def batchnorm_momentum(self) -> float:
        """Momentum of every batch normalisation of this run."""
        momentum = self.network.batchnorm_momentum
        if momentum is None:
            raise AssertionError  # the validation above
        return momentum

    @property
    def moving_average_momentum(self) -> float | None:
        """Momentum of the averages that validation depends on; None if it depends on none.

        Nothing is batch-normalised, or the statistics are re-estimated before every validation.
        """
        if self.network.normalisation != Normalisation.BATCH or self.training.precise_batchnorm:
            return None
        return self.batchnorm_momentum

    def with_class_balance(self, foreground_fraction: float) -> RunConfig:
        """Return this configuration with the weights of the loss taken from the training masks, if they are to be.

        Parameters
        ----------
        foreground_fraction : float
            Share of the pixels of all training masks that is foreground, 0 to 1.
        """
        return self.model_copy(update={"loss": self.loss.balanced(foreground_fraction)})


def _with_loss_section(data: Any) -> Any:
    """Read what was stored before losses could be chosen: the focal loss's γ stood among the training's settings."""
    training = data.get("training") if isinstance(data, Mapping) else None
    if not isinstance(training, Mapping) or "focal_gamma" not in training or "loss" in data:
        return data
    rest = {name: value for name, value in training.items() if name != "focal_gamma"}
    return {**data, "training": rest, "loss": {"focal_gamma": training["focal_gamma"]}}
