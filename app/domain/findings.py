"""What a detector or a check saw."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Evidence = dict[str, float | int | str | None]


class Severity(StrEnum):
    """How much a finding matters, from good to know to needs a person now."""

    INFO = "info"
    WARNING = "warning"
    SERIOUS = "serious"


class FindingCode(StrEnum):
    """Stable codes of the findings that detectors raise; `docs/findings.md` explains each."""

    COLLAPSE = "collapse"
    AT_TRIVIAL_BASELINE = "at-trivial-baseline"
    NON_FINITE = "non-finite"
    LOSS_JACCARD_DISSOCIATION = "loss-jaccard-dissociation"
    NEVER_BEAT_BASELINE = "never-beat-baseline"
    BATCHNORM_WARM_UP = "batchnorm-warm-up"
    DIVERGENCE = "divergence"
    OVERFITTING = "overfitting"
    INSTABILITY = "instability"
    BEST_EPOCH_TOO_EARLY = "best-epoch-too-early"
    QUANTISED_METRIC = "quantised-metric"
    PLATEAU = "plateau"
    LEARNING_RATE_CHANGE = "learning-rate-change"


class Finding(BaseModel):
    """A code, a severity, the epochs it spans and the numbers as evidence.

    A finding whose condition no longer holds is closed (`until_epoch` is set), never deleted.
    Epochs count from 1.
    """

    model_config = ConfigDict(frozen=True)

    code: FindingCode
    severity: Severity
    epoch: int = Field(ge=1)
    until_epoch: int | None = Field(default=None, ge=1)
    title: str
    message: str
    evidence: Evidence = Field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether the condition still holds at the last epoch seen."""
        return self.until_epoch is None
