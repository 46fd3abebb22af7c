"""The network that all models of an experiment share, beside their architecture."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field
from pydantic.config import JsonDict

from app.domain.spec import Spec

_BATCH_ONLY: JsonDict = {"normalisation": ["batch"]}


class Normalisation(StrEnum):
    """What follows each convolution of a block, before its ReLU."""

    BATCH = "batch"
    GROUP = "group"
    LAYER = "layer"
    NONE = "none"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            Normalisation.BATCH: "Batch normalisation",
            Normalisation.GROUP: "Group normalisation",
            Normalisation.LAYER: "Layer normalisation",
            Normalisation.NONE: "None",
        }[self]

    @property
    def layer_suffix(self) -> str:
        """Return what names its layers in a model, such as the ``bn`` of ``encoder_1_bn_1``."""
        return {
            Normalisation.BATCH: "bn",
            Normalisation.GROUP: "gn",
            Normalisation.LAYER: "ln",
            Normalisation.NONE: "",
        }[self]


class NetworkSpec(Spec):
    """Settings of the network that all models of the experiment share."""

    base_filters: int = Field(
        64,
        ge=2,
        le=128,
        title="Base filters",
        description="Filters of the first level; each deeper level doubles them. 64 in the reference, 8–16 on a CPU.",
    )
    levels: int = Field(
        5,
        ge=2,
        le=6,
        title="Levels",
        description="Resolutions from full size down; each halves the one above. 5 in the reference. Fewer see less "
        "of the image at once and train faster.",
    )
    normalisation: Normalisation = Field(
        Normalisation.BATCH,
        title="Normalisation",
        description="Batch keeps moving statistics that validation depends on. Group and layer normalise each image by "
        "itself: training and validation compute the same.",
    )
    batchnorm_momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        title="Batch-norm momentum",
        description="How slowly the moving statistics follow. Automatic: as slow as converges in the steps of the run, "
        "0.9 at most. 0.99 (Keras' default) needs some 500 steps.",
        json_schema_extra={"empty": "automatic", "only_for": _BATCH_ONLY},
    )
    final_batchnorm: bool = Field(
        True,
        title="Final batch normalisation",
        description="Normalise the last convolution before the sigmoid, as the reference does. A moving statistic that "
        "lags there moves every probability at once.",
        json_schema_extra={"advanced": True, "only_for": _BATCH_ONLY},
    )
    groups: int = Field(
        8,
        ge=1,
        le=32,
        title="Groups",
        description="Channels are normalised in this many groups; layers whose channels it does not divide use the "
        "largest number of groups that does.",
        json_schema_extra={"advanced": True, "only_for": {"normalisation": ["group"]}},
    )
    dropout: float = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Dropout",
        description="Share of the values that each block sets to 0 while training. 0 switches it off.",
        json_schema_extra={"advanced": True},
    )
    spatial_dropout: float = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Spatial dropout",
        description="Share of the channels that each block sets to 0 as a whole while training. 0 switches it off.",
        json_schema_extra={"advanced": True},
    )
    deep_supervision: bool = Field(
        False,
        title="Deep supervision",
        description="Each decoder stage predicts the mask too, and its loss is added. Validation and predictions use "
        "the last stage alone.",
        json_schema_extra={"advanced": True},
    )
    auxiliary_weight: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Auxiliary weight",
        description="Weight of the loss of the stage before the last; each deeper stage weighs this share of the one "
        "above it.",
        json_schema_extra={"advanced": True, "only_for": {"deep_supervision": ["true"]}},
    )

    @property
    def size_multiple(self) -> int:
        """Sides that are a multiple of this are halved without a remainder; others are padded inside the model."""
        return 1 << (self.levels - 1)

    @property
    def has_final_batchnorm(self) -> bool:
        """Whether the head normalises: a batch normalisation that nothing else in the network is would be odd."""
        return self.final_batchnorm and self.normalisation == Normalisation.BATCH
