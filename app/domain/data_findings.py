"""What a check saw in a dataset."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class DataSeverity(StrEnum):
    """How much a finding about data matters.

    Fatal findings make a training meaningless: a launch asks for their acknowledgement. Serious ones distort its
    scores. The others are worth knowing.
    """

    FATAL = "fatal"
    SERIOUS = "serious"
    WORTH_KNOWING = "worth-knowing"


class DataFindingCode(StrEnum):
    """Stable codes of the findings that dataset checks raise; `docs/data-findings.md` explains each."""

    # --- Pairing ---
    MISSING_MASK = "missing-mask"
    MISSING_IMAGE = "missing-image"
    DUPLICATE_NAME = "duplicate-name"
    SIZE_MISMATCH = "size-mismatch"
    UNREADABLE = "unreadable"
    NAMES_BY_ORDER = "names-by-order"
    PAIRS_SHUFFLED = "pairs-shuffled"
    # --- Mask values ---
    MASK_NOT_BINARY = "mask-not-binary"
    MASK_ZERO_ONE = "mask-zero-one"
    MASK_INVERTED = "mask-inverted"
    MASK_EMPTY = "mask-empty"
    MASK_FULL = "mask-full"
    MASK_LABELS = "mask-labels"
    # --- Registration ---
    MASK_SHIFTED = "mask-shifted"
    MASK_SHIFTED_SYSTEMATIC = "mask-shifted-systematic"
    # --- Intensity ---
    BIT_DEPTH_MIXED = "bit-depth-mixed"
    INTENSITY_CRUSHED = "intensity-crushed"
    IMAGE_SATURATED = "image-saturated"
    IMAGE_CONSTANT = "image-constant"
    ILLUMINATION_GRADIENT = "illumination-gradient"
    GROUP_INTENSITY_SHIFT = "group-intensity-shift"
    POLARITY_MIXED = "polarity-mixed"
    # --- Duplicates and leakage ---
    NEAR_DUPLICATE = "near-duplicate"
    DUPLICATE_LEAKAGE = "duplicate-leakage"
    TILE_OVERLAP_LEAKAGE = "tile-overlap-leakage"
    GROUP_LEAKAGE = "group-leakage"
    # --- Distribution ---
    FOREGROUND_OUTLIER = "foreground-outlier"
    OBJECT_SIZE_OUTLIER = "object-size-outlier"
    FOREGROUND_RARE = "foreground-rare"
    TWO_POPULATIONS = "two-populations"
    DOMAIN_SHIFT = "domain-shift"
    VALIDATION_COVERAGE = "validation-coverage"
    VALIDATION_TOO_SMALL = "validation-too-small"
    SCALE_MISMATCH = "scale-mismatch"
    # --- The checks themselves ---
    CHECK_FAILED = "check-failed"


class DataFinding(BaseModel):
    """A code, a severity, the items concerned and the numbers as evidence.

    Parameters
    ----------
    code, severity
        Stable code, and how much it matters.
    title : str
        A few words for a list.
    message : str
        What was seen, with the numbers, for a biologist.
    fix : str
        What to do.
    items : tuple of str
        Names of the items (or files) concerned, worst first; empty where it concerns the whole set.
    value, threshold : float or None
        The decisive number, in the unit of `threshold`, and the threshold that it crossed.
    per_item : mapping of str to float
        The decisive number of each item in `items`, where each has one.
    shift : tuple of int or None
        (dy, dx) in pixels: the translation that would bring the masks onto their images.
    shifts : mapping of str to tuple of int
        `shift` of each item, where each has one.
    evidence : mapping
        Further numbers, plain JSON.
    source : str
        Where the threshold comes from.
    """

    model_config = ConfigDict(frozen=True)

    code: DataFindingCode
    severity: DataSeverity
    title: str
    message: str
    fix: str
    items: tuple[str, ...] = ()
    value: float | None = None
    threshold: float | None = None
    per_item: dict[str, float] = Field(default_factory=dict)
    shift: tuple[int, int] | None = None
    shifts: dict[str, tuple[int, int]] = Field(default_factory=dict)
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    source: str = ""
