"""Whether validation shows all kinds of items that training has, and the reverse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.populations import Populations
from app.datasets.checks.wording import count, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: So many items of one side beyond the last of the other: half of what it was made of has no counterpart. A choice.
UNCOVERED_SHARE = 0.5

#: … or so many that this share of random splits leaves as many uncovered (precedence test: Nelson 1963, Technometrics
#: 5, 491).
UNCOVERED_P_VALUE = 0.001

#: … and the typical uncovered item has so many times more or less than the last covered one.
UNCOVERED_FACTOR = 1.5

_FEWEST = 3


@dataclass(frozen=True, slots=True)
class _Characteristic:
    key: str
    label: str
    read: Callable[[ItemMeasures], float]
    write: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class _Gap:
    text: str
    names: tuple[str, ...]
    share: float
    evidence: dict[str, float | str]


_CHARACTERISTICS = (
    _Characteristic("foreground", "foreground", lambda item: item.foreground_fraction, percent),
    _Characteristic("object_area", "objects", lambda item: item.object_area_median, lambda area: f"{area:,.0f} pixels"),
)


def check_validation_coverage(
    items: Sequence[ItemMeasures], *, populations: Populations | None, sides: SplitSides
) -> list[DataFinding]:
    """Tell which part of the training set has no counterpart in validation, and the reverse.

    Worth knowing: nobody sees how the network does on the missing part. Looked at are the ends of the range of
    foreground and of object size, and the two populations if the set has them.
    """
    training = [item for item in items if item.name in sides.training]
    validation = [item for item in items if item.name in sides.validation]
    if min(len(training), len(validation)) < _FEWEST:
        return []
    groups = {item.group for item in training}
    is_random = any(item.group in groups for item in validation)
    gaps = [
        gap
        for characteristic in _CHARACTERISTICS
        for gap in _gaps(characteristic, training, validation, is_random=is_random)
    ]
    gaps += _missing_population(items, populations, sides=sides)
    if not gaps:
        return []
    gaps.sort(key=lambda gap: -gap.share)
    return [
        DataFinding(
            code=DataFindingCode.VALIDATION_COVERAGE,
            severity=DataSeverity.WORTH_KNOWING,
            title="Validation and training do not cover the same range",
            message=" ".join(gap.text for gap in gaps),
            fix="Use a stratified split, so that both sides hold little and much foreground alike; or choose other "
            "acquisitions for validation.",
            items=tuple(dict.fromkeys(name for gap in gaps for name in gap.names)),
            value=gaps[0].share,
            threshold=UNCOVERED_SHARE,
            evidence={
                "gaps": [{**gap.evidence, "items": list(gap.names)} for gap in gaps],
                "p_value_threshold": UNCOVERED_P_VALUE,
                "least_factor": UNCOVERED_FACTOR,
            },
            source="precedence test (Nelson 1963); the share and the factor are a choice",
        )
    ]


def precedence_p_value(uncovered: int, *, own: int, other: int) -> float:
    """Return the probability that the `uncovered` smallest of all values belong to a side of `own` items by chance.

    Parameters
    ----------
    uncovered : int
        Items of the side below the smallest of the other side.
    own, other : int
        Items of both sides.
    """
    total = own + other
    return math.prod((own - index) / (total - index) for index in range(uncovered))


def _gaps(
    characteristic: _Characteristic,
    training: Sequence[ItemMeasures],
    validation: Sequence[ItemMeasures],
    *,
    is_random: bool,
) -> list[_Gap]:
    # Empty masks have a finding of their own and no place on a logarithmic scale.
    kept = [[item for item in side if characteristic.read(item) > 0] for side in (training, validation)]
    if min(len(side) for side in kept) < _FEWEST:
        return []
    found: list[_Gap] = []
    for own, other, is_training in ((kept[0], kept[1], True), (kept[1], kept[0], False)):
        for is_low in (True, False):
            gap = _end(characteristic, own, other, is_training=is_training, is_low=is_low, is_random=is_random)
            if gap is not None:
                found.append(gap)
    return found


def _end(
    characteristic: _Characteristic,
    own: Sequence[ItemMeasures],
    other: Sequence[ItemMeasures],
    *,
    is_training: bool,
    is_low: bool,
    is_random: bool,
) -> _Gap | None:
    """Look at one end: the items of `own` beyond the last of `other`."""
    values, others = (_logarithms(side, characteristic) for side in (own, other))
    limit = float(others.min() if is_low else others.max())
    beyond = np.flatnonzero(values < limit if is_low else values > limit)
    if not len(beyond):
        return None
    share = len(beyond) / len(own)
    p_value = precedence_p_value(len(beyond), own=len(own), other=len(other))
    # Whole acquisitions are no independent draws: there, only the share counts.
    if share < UNCOVERED_SHARE and not (is_random and p_value <= UNCOVERED_P_VALUE):
        return None
    typical = float(np.median(values[beyond]))
    if abs(typical - limit) < math.log(UNCOVERED_FACTOR):
        return None
    side, counterpart = ("training", "validation") if is_training else ("validation", "training")
    less = "less" if is_low else "more"
    if characteristic.key == "object_area":
        less = "smaller" if is_low else "larger"
    typical_text, limit_text = (characteristic.write(math.exp(value)) for value in (typical, limit))
    order = np.argsort(values[beyond] if is_low else -values[beyond])
    return _Gap(
        text=f"{count(len(beyond), f'{side} item')} ({percent(share)} of that side) have {less} {characteristic.label} "
        f"(typically {typical_text}) than any {counterpart} item ({limit_text}).",
        names=tuple(own[index].name for index in beyond[order].tolist()),
        share=share,
        evidence={
            "characteristic": characteristic.key,
            "side": side,
            "end": "low" if is_low else "high",
            "share": share,
            "p_value": p_value,
            "typical": math.exp(typical),
            "limit": math.exp(limit),
        },
    )


def _logarithms(side: Sequence[ItemMeasures], characteristic: _Characteristic) -> NDArray[np.float64]:
    return np.asarray(np.log([characteristic.read(item) for item in side]), np.float64)


def _missing_population(
    items: Sequence[ItemMeasures], populations: Populations | None, *, sides: SplitSides
) -> list[_Gap]:
    if populations is None:
        return []
    found: list[_Gap] = []
    for part in (populations.minority, ~populations.minority):
        members = [item.name for item, inside in zip(items, part, strict=True) if inside]
        for side, own, other in (
            ("training", sides.training, sides.validation),
            ("validation", sides.validation, sides.training),
        ):
            names = tuple(sorted(name for name in members if name in own))
            if names and not any(name in other for name in members):
                missing_in = "validation" if side == "training" else "training"
                found.append(
                    _Gap(
                        text=f"The {count(len(names), f'{side} item')} of one of the two populations have no "
                        f"counterpart in {missing_in}.",
                        names=names,
                        share=len(names) / len(own),
                        evidence={"characteristic": "population", "side": side, "share": len(names) / len(own)},
                    )
                )
    return found
