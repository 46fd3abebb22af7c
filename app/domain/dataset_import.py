"""How a dataset is read: where its pairs are, which mask values are foreground, and how items are cut."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)


class Layout(StrEnum):
    """Where images and their masks lie."""

    AUTO = "auto"
    FOLDERS = "folders"
    SUFFIXES = "suffixes"
    TABLE = "table"
    STACKS = "stacks"


class MaskRule(StrEnum):
    """Which mask values are foreground."""

    AUTO = "auto"
    HALF = "half"
    NONZERO = "nonzero"
    LABELS = "labels"


class MaskSpec(_Spec):
    """Which mask values are foreground."""

    rule: MaskRule = Field(
        MaskRule.AUTO,
        title="Mask rule",
        description="Auto takes 0/1 masks at 0.5, masks over most of their range at its half, and others as labels.",
    )
    foreground_labels: tuple[int, ...] = Field(
        (),
        max_length=256,
        title="Foreground labels",
        description="With the rule 'labels': the values that count as foreground.",
    )

    @model_validator(mode="after")
    def _labels_go_with_their_rule(self) -> Self:
        if (self.rule is MaskRule.LABELS) != bool(self.foreground_labels):
            raise ValueError("foreground_labels go with the rule 'labels', and that rule needs at least one")
        return self


class TilingSpec(_Spec):
    """Large images cut into overlapping tiles, which become items; the files are never changed."""

    size: int = Field(512, ge=32, le=8192, title="Tile size", description="Height and width of a tile in pixels.")
    overlap: int = Field(
        0, ge=0, le=4096, title="Overlap", description="Pixels that neighbouring tiles share; less than the size."
    )
    minimum_foreground: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Least foreground",
        description="Tiles whose mask has a smaller share of foreground are left out. 0 keeps all.",
    )

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError("overlap must be less than the tile size")
        return self


class ImportSpec(_Spec):
    """How a folder or an upload is read. Paths are relative to its root, with forward slashes."""

    layout: Layout = Field(Layout.AUTO, title="Layout", description="Where images and their masks lie.")
    images: str = Field(
        "images", max_length=1024, title="Images", description="Folder of the images, or the stack of images."
    )
    masks: str = Field("masks", max_length=1024, title="Masks", description="Folder of the masks, or the stack.")
    recursive: bool = Field(
        False, title="Nested folders", description="Also read subfolders; a pair needs the same path in both."
    )
    image_suffix: str = Field(
        "", max_length=64, title="Image suffix", description="End of the image names before the file type, if any."
    )
    mask_suffix: str = Field(
        "", max_length=64, title="Mask suffix", description="End of the mask names, as _mask. Empty: the usual ones."
    )
    table: str = Field(
        "", max_length=1024, title="Table", description="CSV file with the columns image and mask, optionally group."
    )
    mask: MaskSpec = Field(default_factory=MaskSpec)
    tiling: TilingSpec | None = None
    group_pattern: str = Field(
        "",
        max_length=512,
        title="Group pattern",
        description="Regular expression; its first group (or whole match) in an item's name is its acquisition. "
        "Empty: inferred from the names.",
    )
