"""What a person may set: the experiment's specification and the configuration of each of its runs.

The form, the JSON API and the command line validate against these models; titles, explanations and bounds
of the form's fields come from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from app.domain.augmentation_spec import AugmentationSpec
from app.domain.data_findings import DataFindingCode
from app.domain.optimization_spec import OptimizerSpec, ScheduleSpec
from app.domain.sampling_spec import SamplingSpec
from app.domain.spec import Spec
from app.domain.split_spec import SplitSpec

SIZE_MULTIPLE = 16


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


def _divisible_by_sixteen(value: int) -> int:
    if value % SIZE_MULTIPLE:
        lower = value - value % SIZE_MULTIPLE
        raise ValueError(
            f"{value} cannot be halved four times; use a multiple of {SIZE_MULTIPLE}, "
            f"such as {max(lower, 32)} or {lower + SIZE_MULTIPLE}"
        )
    return value


ImageSide = Annotated[int, Field(ge=32, le=2048), AfterValidator(_divisible_by_sixteen)]


class ImageSpec(Spec):
    """Size and channels that the network sees."""

    height: ImageSide = Field(
        256, title="Image height", description="Pixels, a multiple of 16. Images are resized with antialiasing."
    )
    width: ImageSide = Field(
        256, title="Image width", description="Pixels, a multiple of 16. Masks are resized by nearest neighbour."
    )
    channels: int = Field(
        3, ge=1, le=3, title="Channels", description="3 for colour (grey images are repeated), 1 for grey."
    )

    @model_validator(mode="after")
    def _no_two_channels(self) -> Self:
        if self.channels == 2:
            raise ValueError("channels must be 1 (grey) or 3 (colour)")
        return self


class ModelSpec(Spec):
    """One model of the experiment, with the settings that differ between models."""

    architecture: Architecture = Field(title="Architecture", description="The model family.")
    learning_rate: float = Field(1e-3, gt=0, le=1, title="Learning rate", description="Initial (or highest) step size.")
    batch_size: int = Field(
        8, ge=1, le=512, title="Batch size", description="Images a step; must not exceed the training items."
    )


class NetworkSpec(Spec):
    """Settings of the network that all models of the experiment share."""

    base_filters: int = Field(
        64,
        ge=2,
        le=128,
        title="Base filters",
        description="Filters of the first level; each deeper level doubles them. 64 in the reference, 8–16 on a CPU.",
    )
    batchnorm_momentum: float = Field(
        0.99,
        ge=0,
        lt=1,
        title="Batch-norm momentum",
        description="How slowly the moving statistics follow. 0.99 (Keras' default) needs some 500 steps to converge.",
    )


class TrainingSpec(Spec):
    """How the models are trained."""

    epochs: int = Field(
        100, ge=1, le=10_000, title="Epochs", description="Upper limit; early stopping may end a run before."
    )
    focal_gamma: float = Field(
        2.0,
        ge=0,
        le=10,
        title="Focal loss γ",
        description="Binary focal loss: how strongly easy pixels are discounted. 0 is plain cross-entropy.",
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

    @model_validator(mode="after")
    def _models_differ(self) -> Self:
        names = [model.architecture for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("models must differ: each architecture may be chosen once")
        return self

    def run_configs(self) -> tuple[RunConfig, ...]:
        """Return the configuration of each run, in the order of `models`."""
        return tuple(
            RunConfig(
                model=model,
                network=self.network,
                image=self.image,
                training=self.training,
                optimizer=self.optimizer,
                schedule=self.schedule,
                augmentation=self.augmentation,
                sampling=self.sampling,
            )
            for model in self.models
        )


class RunConfig(Spec):
    """All that one run needs beside its experiment's dataset and split."""

    model: ModelSpec
    network: NetworkSpec
    image: ImageSpec
    training: TrainingSpec
    optimizer: OptimizerSpec = Field(default_factory=OptimizerSpec)
    schedule: ScheduleSpec = Field(default_factory=ScheduleSpec)
    augmentation: AugmentationSpec = Field(default_factory=AugmentationSpec)
    sampling: SamplingSpec = Field(default_factory=SamplingSpec)
