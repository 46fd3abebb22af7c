"""Which items a training sees how often, and which part of them."""

from __future__ import annotations

from pydantic import Field

from app.domain.spec import Spec


class SamplingSpec(Spec):
    """Against foreground that is rare: items and crops that have some are drawn more often."""

    foreground_weight: float = Field(
        1.0,
        ge=1,
        le=100,
        title="Weight of items with foreground",
        description="How many times as often an item with foreground is drawn as one without. 1: every item once an "
        "epoch.",
    )
    crop_factor: int = Field(
        1,
        ge=1,
        le=8,
        title="Crops",
        description="Read images this many times larger than the network's input: training sees random crops, "
        "validation sees every part of each image and puts the parts together. 1: whole images.",
    )
    foreground_crops: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Crops on foreground",
        description="Share of the crops that are centred on a foreground pixel; the others are anywhere.",
        json_schema_extra={"advanced": True, "only_for": {"crop_factor": ["2", "3", "4", "5", "6", "7", "8"]}},
    )
