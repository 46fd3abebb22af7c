"""A statement: what is claimed, how sure it is, the arithmetic, and what else could explain the numbers."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, model_serializer

Scalar = float | int | str | bool | None
Json = Scalar | list[int] | list[dict[str, Scalar]]


class Certainty(StrEnum):
    """How sure a statement is."""

    PROVED = "proved"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Argument(StrEnum):
    """The arguments, in the order in which a person would read them."""

    FLOOR_INVERSION = "floor_inversion"
    FOREGROUND_PLATEAU = "foreground_plateau"
    FOREGROUND_SHARE = "foreground_share"
    FRACTIONAL_MASKS = "fractional_masks"
    VALIDATION_SIZE = "validation_size"
    BATCH_MEANS = "batch_means"
    MOVING_STATISTICS = "moving_statistics"


class Statement(BaseModel):
    """One conclusion from the numbers of a history.

    Parameters
    ----------
    claim : str
        What is concluded, in a sentence or two.
    certainty : Certainty
        *Proved*: arithmetic, given the usual definitions of the metrics. *Likely*: it needs an assumption that the
        numbers support. *Possible*: it needs one that they do not.
    arithmetic : str
        The calculation, so that it can be redone by hand.
    uncertainty : str
        How far off the figures can be, and why.
    alternatives : tuple of str
        What else could explain the same numbers.
    values : dict
        The figures. In JSON they stand beside the texts, not below a key of their own.
    """

    model_config = ConfigDict(frozen=True)

    claim: str
    certainty: Certainty
    arithmetic: str
    uncertainty: str
    alternatives: tuple[str, ...] = ()
    values: dict[str, Json] = {}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        return {
            "claim": self.claim,
            "certainty": self.certainty.value,
            **self.values,
            "arithmetic": self.arithmetic,
            "uncertainty": self.uncertainty,
            "alternatives": list(self.alternatives),
        }
