"""What a person may set: the experiment's specification and the configuration of each of its runs.

The form, the JSON API and the command line validate against these models; titles, explanations and bounds
of the form's fields come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from app.domain.batchnorm import automatic_momentum
from app.domain.loss_spec import LossSpec
from app.domain.network_spec import NetworkSpec
from app.domain.spec import Spec


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


class SplitStrategy(StrEnum):
    """How items are divided."""

    RANDOM = "random"


class WorkerQueue(StrEnum):
    """The queue that a run waits in; a worker serves one or both."""

    GPU = "gpu"
    CPU = "cpu"

    @property
    def label(self) -> str:
        """Name for people."""
        return f"{self.upper()} workers only"


class SplitSpec(Spec):
    """Which share of the items validates, and the seed that picks them."""

    strategy: SplitStrategy = Field(
        SplitStrategy.RANDOM,
        title="Strategy",
        description="Random over the items sorted by name: the same choice as scikit-learn's train_test_split.",
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Validation share",
        description="Share of the items that only validate. Few items make every score uncertain.",
    )
    seed: int = Field(
        42, ge=0, le=2**32 - 1, title="Split seed", description="The same seed always picks the same items."
    )


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
    learning_rate: float = Field(1e-3, gt=0, le=1, title="Learning rate", description="Adam's initial step size.")
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
        description="Adam's clipnorm: each variable's gradient is scaled down to this norm.",
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
        description="Fixes the initial weights and the order of the items.",
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
    image: ImageSpec = Field(default_factory=ImageSpec, title="Image")
    network: NetworkSpec = Field(default_factory=NetworkSpec, title="Network")
    loss: LossSpec = Field(default_factory=LossSpec, title="Loss")
    split: SplitSpec = Field(default_factory=SplitSpec, title="Split")
    training: TrainingSpec = Field(
        default_factory=TrainingSpec,
        title="Training",
        description="Adam. Training ends early when validation Jaccard stops improving.",
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
