"""What the training minimises."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from app.domain.spec import Spec


class LossKind(StrEnum):
    """The losses; each is a mean over the images of a batch."""

    FOCAL = "focal"
    CROSS_ENTROPY = "cross-entropy"
    DICE = "dice"
    CROSS_ENTROPY_DICE = "cross-entropy-dice"
    TVERSKY = "tversky"
    FOCAL_TVERSKY = "focal-tversky"
    LOVASZ = "lovasz"
    JACCARD = "jaccard"
    WEIGHTED_SUM = "weighted-sum"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            LossKind.FOCAL: "Binary focal",
            LossKind.CROSS_ENTROPY: "Binary cross-entropy",
            LossKind.DICE: "Dice",
            LossKind.CROSS_ENTROPY_DICE: "Cross-entropy + Dice",
            LossKind.TVERSKY: "Tversky",
            LossKind.FOCAL_TVERSKY: "Focal Tversky",
            LossKind.LOVASZ: "Lovász hinge",
            LossKind.JACCARD: "Soft Jaccard",
            LossKind.WEIGHTED_SUM: "Weighted sum",
        }[self]


class ClassBalance(StrEnum):
    """Where the weights of foreground and background pixels come from."""

    NONE = "none"
    FIXED = "fixed"
    FROM_DATA = "from-data"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            ClassBalance.NONE: "None",
            ClassBalance.FIXED: "Fixed weights",
            ClassBalance.FROM_DATA: "From the training masks",
        }[self]


#: Class balance does not follow foreground that is rarer than this: the weight of a foreground pixel is then 1000.
LEAST_FRACTION = 1 / 1001

#: The kinds that a weighted sum can add, with the setting that holds the weight.
SUMMANDS = {
    LossKind.FOCAL: "focal_weight",
    LossKind.CROSS_ENTROPY: "cross_entropy_weight",
    LossKind.DICE: "dice_weight",
    LossKind.TVERSKY: "tversky_weight",
    LossKind.FOCAL_TVERSKY: "focal_tversky_weight",
    LossKind.LOVASZ: "lovasz_weight",
    LossKind.JACCARD: "jaccard_weight",
}


def _for(*kinds: LossKind, advanced: bool = False) -> JsonDict:
    extra: JsonDict = {"only_for": {"kind": [*kinds, LossKind.WEIGHTED_SUM]}}
    return extra | {"advanced": True} if advanced else extra


def _weight(name: str) -> float:
    weight: float = Field(
        0.0,
        ge=0,
        le=100,
        title=f"Weight of {name}",
        description="Its factor in the weighted sum. 0 leaves it out.",
        json_schema_extra={"only_for": {"kind": [LossKind.WEIGHTED_SUM]}},
    )
    return weight


class LossSpec(Spec):
    """The loss and its parameters; those of losses that are not chosen have no effect."""

    kind: LossKind = Field(
        LossKind.FOCAL,
        title="Loss",
        description="Focal and cross-entropy count pixels; Dice, Tversky, Jaccard and Lovász score the overlap of each "
        "image, which suits small foregrounds.",
    )
    focal_gamma: float = Field(
        2.0,
        ge=0,
        le=10,
        title="Focal γ",
        description="How strongly pixels that are already right are discounted. 0 is plain cross-entropy.",
        json_schema_extra=_for(LossKind.FOCAL),
    )
    class_balance: ClassBalance = Field(
        ClassBalance.NONE,
        title="Class balance",
        description="Weighs foreground against background in focal loss and cross-entropy. None: every pixel counts "
        "alike. From the training masks: each class counts by the share of the other, so that both weigh the same.",
        json_schema_extra=_for(LossKind.FOCAL, LossKind.CROSS_ENTROPY, LossKind.CROSS_ENTROPY_DICE),
    )
    focal_alpha: float = Field(
        0.25,
        gt=0,
        lt=1,
        title="Focal α",
        description="With fixed weights: factor of foreground pixels; background pixels have 1 − α.",
        json_schema_extra=_for(LossKind.FOCAL, advanced=True),
    )
    positive_weight: float = Field(
        1.0,
        gt=0,
        le=1000,
        title="Foreground weight",
        description="With fixed weights: factor of foreground pixels in the cross-entropy; background pixels have 1.",
        json_schema_extra=_for(LossKind.CROSS_ENTROPY, LossKind.CROSS_ENTROPY_DICE, advanced=True),
    )
    tversky_alpha: float = Field(
        0.3,
        ge=0,
        le=1,
        title="Tversky α",
        description="Price of a pixel that is falsely painted. α = β = 0.5 is Dice, α = β = 1 is Jaccard.",
        json_schema_extra=_for(LossKind.TVERSKY, LossKind.FOCAL_TVERSKY),
    )
    tversky_beta: float = Field(
        0.7,
        ge=0,
        le=1,
        title="Tversky β",
        description="Price of a pixel that is missed. Above α: rather paint too much than miss something.",
        json_schema_extra=_for(LossKind.TVERSKY, LossKind.FOCAL_TVERSKY),
    )
    focal_tversky_gamma: float = Field(
        4 / 3,
        ge=1,
        le=3,
        title="Focal Tversky γ",
        description="The loss is (1 − Tversky index) to the power of 1/γ: above 1, images that are almost right keep "
        "more of their weight.",
        json_schema_extra=_for(LossKind.FOCAL_TVERSKY),
    )
    smoothing: float = Field(
        1.0,
        ge=1e-6,
        le=1000,
        title="Smoothing",
        description="Pixels added to both sides of an overlap's fraction, so that an empty mask that is left empty "
        "scores 1. Dice, Tversky and Jaccard losses use it; metrics never do.",
        json_schema_extra=_for(
            LossKind.DICE,
            LossKind.CROSS_ENTROPY_DICE,
            LossKind.TVERSKY,
            LossKind.FOCAL_TVERSKY,
            LossKind.JACCARD,
            advanced=True,
        ),
    )
    focal_weight: float = _weight("binary focal")
    cross_entropy_weight: float = _weight("cross-entropy")
    dice_weight: float = _weight("Dice")
    tversky_weight: float = _weight("Tversky")
    focal_tversky_weight: float = _weight("focal Tversky")
    lovasz_weight: float = _weight("Lovász hinge")
    jaccard_weight: float = _weight("soft Jaccard")

    @model_validator(mode="after")
    def _something_to_minimise(self) -> Self:
        if self.kind == LossKind.WEIGHTED_SUM and not self.weights():
            raise ValueError("a weighted sum needs a weight above 0; give one of the losses a weight")
        if self.tversky_alpha == self.tversky_beta == 0:
            raise ValueError("Tversky α and β must not both be 0: nothing would be wrong then; raise one of them")
        return self

    def weights(self) -> dict[LossKind, float]:
        """Return the weights above 0 of the losses that a weighted sum adds."""
        values = {kind: float(getattr(self, name)) for kind, name in SUMMANDS.items()}
        return {kind: weight for kind, weight in values.items() if weight > 0}

    def balanced(self, foreground_fraction: float) -> LossSpec:
        """Return the loss with its class balance taken from the data, if it is to be: nothing is left open then.

        Foreground pixels get the weight 1 − f and background pixels f, so that both classes weigh the same in all;
        for the cross-entropy, whose background pixels weigh 1, this is (1 − f) / f.

        Parameters
        ----------
        foreground_fraction : float
            f, the share of the pixels of all training masks that is foreground, 0 to 1. Kept within the bounds of the
            settings, so that masks that are empty, or full, give finite weights.
        """
        if self.class_balance != ClassBalance.FROM_DATA:
            return self
        fraction = min(max(foreground_fraction, LEAST_FRACTION), 1 - LEAST_FRACTION)
        return self.model_copy(
            update={
                "class_balance": ClassBalance.FIXED,
                "focal_alpha": 1 - fraction,
                "positive_weight": (1 - fraction) / fraction,
            }
        )
