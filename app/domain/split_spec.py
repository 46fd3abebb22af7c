"""Which items train, which validate, and which are held out until somebody asks for them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, ValidationInfo, field_validator

from app.domain.spec import Spec

#: More folds than this train a model more often than anybody waits for.
MAX_FOLDS = 20


class SplitStrategy(StrEnum):
    """How items are divided, in the order in which the strategies are shown."""

    RANDOM = "random"
    STRATIFIED = "stratified"
    GROUPED = "grouped"
    STRATIFIED_GROUPED = "stratified-grouped"
    EXPLICIT = "explicit"

    @property
    def label(self) -> str:
        """Name for people."""
        return {
            SplitStrategy.RANDOM: "Random",
            SplitStrategy.STRATIFIED: "Stratified by foreground",
            SplitStrategy.GROUPED: "Grouped by acquisition",
            SplitStrategy.STRATIFIED_GROUPED: "Grouped and stratified",
            SplitStrategy.EXPLICIT: "Explicit lists",
        }[self]

    @property
    def explanation(self) -> str:
        """What it does, in one sentence."""
        return {
            SplitStrategy.RANDOM: (
                "Random over the items sorted by name: the same choice as scikit-learn's train_test_split or KFold."
            ),
            SplitStrategy.STRATIFIED: "Random, with little and much foreground on every side.",
            SplitStrategy.GROUPED: "An acquisition is never on two sides, so that validation meets new ones.",
            SplitStrategy.STRATIFIED_GROUPED: (
                "An acquisition is never on two sides, and they are chosen so that all sides have about the same "
                "foreground."
            ),
            SplitStrategy.EXPLICIT: "Exactly the items that you name.",
        }[self]

    @property
    def keeps_groups(self) -> bool:
        """Whether items of one acquisition stay together."""
        return self in {SplitStrategy.GROUPED, SplitStrategy.STRATIFIED_GROUPED}


def _names_from_lines(value: Any) -> Any:
    # A form sends one text, with a name in each line.
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


ItemName = Annotated[str, Field(min_length=1, max_length=1024)]
ItemNames = Annotated[tuple[ItemName, ...], BeforeValidator(_names_from_lines), Field(max_length=100_000)]

#: The form shows these settings only beside the strategies that use them.
_DRAWN: dict[str, JsonValue] = {
    "only_for": {"strategy": [name.value for name in SplitStrategy if name != SplitStrategy.EXPLICIT]}
}
_LISTED: dict[str, JsonValue] = {"only_for": {"strategy": [SplitStrategy.EXPLICIT.value]}}


class SplitSpec(Spec):
    """How the items of a dataset are divided; with the dataset's content it decides every item's side.

    `validation_fraction` is of no use with folds, where each fold validates on an equal part; neither it nor `seed` are
    with explicit lists.
    """

    strategy: SplitStrategy = Field(
        SplitStrategy.RANDOM,
        title="Strategy",
        description="How the items are divided; the preview says which one it recommends, and why.",
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Validation share",
        description="Share of all items that only validate. Few items make every score uncertain.",
        json_schema_extra=_DRAWN,
    )
    test_fraction: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Test share",
        description="Share of all items held out: no run sees them, no page names them before you ask. 0: none.",
        json_schema_extra=_DRAWN,
    )
    folds: int = Field(
        0,
        ge=0,
        le=MAX_FOLDS,
        title="Folds",
        description=(
            "From 2 on: k-fold, one run for each model and fold, each item validates once, and the validation share "
            "does not count. 0: a single split."
        ),
        json_schema_extra=_DRAWN,
    )
    seed: int = Field(
        42,
        ge=0,
        le=2**32 - 1,
        title="Split seed",
        description="The same seed always picks the same items.",
        json_schema_extra=_DRAWN,
    )
    training: ItemNames = Field(
        (),
        title="Training items",
        description="One name in each line. Empty: all items that are in no other list.",
        json_schema_extra=_LISTED,
    )
    validation: ItemNames = Field(
        (), title="Validation items", description="One name in each line.", json_schema_extra=_LISTED
    )
    test: ItemNames = Field(
        (),
        title="Test items",
        description="One name in each line: held out, no run sees them. Empty: none.",
        json_schema_extra=_LISTED,
    )

    @field_validator("training", "validation", "test")
    @classmethod
    def _lists_are_explicit(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        strategy = info.data.get("strategy", SplitStrategy.EXPLICIT)
        if names and strategy != SplitStrategy.EXPLICIT:
            raise ValueError(f"lists are for the strategy explicit, not {strategy}; empty this one or choose explicit")
        return names

    @field_validator("folds")
    @classmethod
    def _explicit_is_one_split(cls, folds: int, info: ValidationInfo) -> int:
        if folds > 1 and info.data.get("strategy") == SplitStrategy.EXPLICIT:
            raise ValueError(f"explicit lists are one split, not {folds} folds; set this to 0")
        return folds

    @field_validator("test_fraction")
    @classmethod
    def _explicit_names_its_test(cls, fraction: float, info: ValidationInfo) -> float:
        if fraction and info.data.get("strategy") == SplitStrategy.EXPLICIT:
            raise ValueError("with explicit lists the test items are named, not drawn; set this to 0")
        return fraction

    @property
    def fold_count(self) -> int:
        """How many splits there are: 1, or the folds of a k-fold split."""
        return max(self.folds, 1)
