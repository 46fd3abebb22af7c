"""How the weights are changed: the optimizer, and the schedule of its learning rate."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.domain.spec import Spec


class OptimizerKind(StrEnum):
    """The update rules."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            OptimizerKind.ADAM: "Adam",
            OptimizerKind.ADAMW: "AdamW (decoupled weight decay)",
            OptimizerKind.SGD: "SGD with momentum",
        }[self]


class ScheduleKind(StrEnum):
    """How the learning rate changes while a run trains."""

    CONSTANT = "constant"
    PLATEAU = "plateau"
    COSINE = "cosine"
    ONE_CYCLE = "one-cycle"
    CYCLICAL = "cyclical"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            ScheduleKind.CONSTANT: "Constant",
            ScheduleKind.PLATEAU: "Reduce on plateau",
            ScheduleKind.COSINE: "Cosine decay",
            ScheduleKind.ONE_CYCLE: "One cycle",
            ScheduleKind.CYCLICAL: "Cyclical (triangular)",
        }[self]


class OptimizerSpec(Spec):
    """The update rule; gradients are clipped to `training.clipnorm` in all of them."""

    kind: OptimizerKind = Field(
        OptimizerKind.ADAM,
        title="Optimizer",
        description="Adam suits most trainings; AdamW also shrinks the weights; SGD needs a higher learning rate.",
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Weight decay",
        description="AdamW only: at each step, convolution weights shrink by this share of the learning rate.",
        json_schema_extra={"only_for": {"kind": [OptimizerKind.ADAMW]}},
    )
    momentum: float = Field(
        0.9,
        ge=0,
        lt=1,
        title="Momentum",
        description="SGD only: how much of the last step's direction is kept.",
        json_schema_extra={"only_for": {"kind": [OptimizerKind.SGD]}},
    )
    nesterov: bool = Field(
        True,
        title="Nesterov momentum",
        description="SGD only: look ahead along the momentum before the step.",
        json_schema_extra={"only_for": {"kind": [OptimizerKind.SGD]}},
    )


class ScheduleSpec(Spec):
    """The course of the learning rate; a model's learning rate is where it starts or the highest that it reaches."""

    kind: ScheduleKind = Field(
        ScheduleKind.PLATEAU,
        title="Schedule",
        description="Reduce on plateau lowers the rate when the validation loss stalls (factor and patience are set "
        "under Training). Cosine falls smoothly to the lowest rate over the planned epochs. One cycle rises, then "
        "falls to almost nothing. Cyclical rises and falls again and again.",
    )
    warmup_epochs: int = Field(
        0,
        ge=0,
        le=1000,
        title="Warm-up",
        description="Epochs over which the rate rises in equal steps from near zero (constant, plateau and cosine).",
        json_schema_extra={"only_for": {"kind": [ScheduleKind.CONSTANT, ScheduleKind.PLATEAU, ScheduleKind.COSINE]}},
    )
    one_cycle_rise: float = Field(
        0.3,
        gt=0,
        lt=1,
        title="One-cycle rise",
        description="One cycle only: share of the training in which the rate rises.",
        json_schema_extra={"only_for": {"kind": [ScheduleKind.ONE_CYCLE]}},
    )
    one_cycle_start_divisor: float = Field(
        25.0,
        ge=1,
        le=1e6,
        title="One-cycle start divisor",
        description="One cycle only: the rate starts at the highest rate divided by this.",
        json_schema_extra={"only_for": {"kind": [ScheduleKind.ONE_CYCLE]}},
    )
    one_cycle_end_divisor: float = Field(
        1e4,
        ge=1,
        le=1e9,
        title="One-cycle end divisor",
        description="One cycle only: the rate ends at the starting rate divided by this.",
        json_schema_extra={"only_for": {"kind": [ScheduleKind.ONE_CYCLE]}},
    )
    cycle_epochs: int = Field(
        8,
        ge=1,
        le=10_000,
        title="Cycle length",
        description="Cyclical only: epochs of one rise and fall.",
        json_schema_extra={"only_for": {"kind": [ScheduleKind.CYCLICAL]}},
    )
    cycle_low_fraction: float = Field(
        0.25,
        gt=0,
        le=1,
        title="Cycle low point",
        description="Cyclical only: the lowest rate of a cycle as a share of the highest.",
        json_schema_extra={"only_for": {"kind": [ScheduleKind.CYCLICAL]}},
    )
