"""Images whose grey values a network cannot use well: mixed depths, crushed ranges, clipping, nothing, uneven light."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: A typical image that uses less of the range that becomes 0 to 1 is crushed: some 8 of 256 grey levels (choice; images
#: of 8 bits are never measured against another range).
CRUSHED_SPREAD = 0.03

#: Share of pixels at the highest value from which objects lose their shape (choice: one pixel in a hundred).
SATURATED_SHARE = 0.01

#: Range of the fitted background over its level from which a global threshold fails (choice; the demo, whose light is
#: uneven on purpose, stays below).
STRONG_GRADIENT = 0.6

#: Distance of an acquisition's mean grey value from the others', in standard deviations within acquisitions …
GROUP_SHIFT_DEVIATIONS = 4.0
#: … and in grey values (0 to 1), because alike images make any distance look large.
GROUP_SHIFT_GREY = 0.1

_FEWEST_IN_GROUP = 3


def check_bit_depth(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell whether images of different types are mixed; serious, because one range cannot fit both."""
    types = Counter(item.image_dtype for item in items)
    if len(types) < 2:
        return []
    usual, number = types.most_common(1)[0]
    found = [item for item in items if item.image_dtype != usual]
    kinds = ", ".join(f"{amount} {name}" for name, amount in types.most_common())
    return [
        DataFinding(
            code=DataFindingCode.BIT_DEPTH_MIXED,
            severity=DataSeverity.SERIOUS,
            title="Image types are mixed",
            message=(
                f"The images are of different types: {kinds}. All of them are scaled by one range, so that those with "
                "fewer bits come out almost black."
            ),
            fix="Export all images with the same type, or register each type as a dataset of its own.",
            items=tuple(item.name for item in found),
            value=1 - number / len(items),
            threshold=0.0,
            evidence={"types": dict(types)},
            source="exact (catalogue of causes, image-scale)",
        )
    ]


def check_crushed(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell whether the range that becomes 0 to 1 crushes the images, as one hot pixel in 16-bit data does."""
    deep = [item for item in items if item.image_dtype != "uint8"]
    if not deep:
        return []
    spreads = {item.name: float(item.image_percentiles[4] - item.image_percentiles[0]) for item in deep}
    typical = float(np.median(list(spreads.values())))
    if typical >= CRUSHED_SPREAD:
        return []
    worst = sorted(spreads, key=lambda name: spreads[name])
    brightest = max(deep, key=lambda item: item.stored_max)
    return [
        DataFinding(
            code=DataFindingCode.INTENSITY_CRUSHED,
            severity=DataSeverity.SERIOUS,
            title="Grey values are crushed",
            message=(
                f"Half of the images use less than {percent(typical)} of the range that becomes 0 to 1. The largest "
                f"value of the set, {brightest.stored_max:g} in '{brightest.name}', stretches it for all of them."
            ),
            fix="Remove hot pixels, or rescale the images to their own range before the import.",
            items=tuple(worst),
            value=typical,
            threshold=CRUSHED_SPREAD,
            per_item=spreads,
            evidence={"stored_max": brightest.stored_max, "brightest": brightest.name},
            source="1st to 99th percentile of the typical image below 3 % of the range (choice)",
        )
    ]


def check_saturated(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which images are clipped at the highest value of their type; worth knowing."""
    found = sorted((item for item in items if item.bright_share > SATURATED_SHARE), key=lambda item: -item.bright_share)
    if not found:
        return []
    return [
        DataFinding(
            code=DataFindingCode.IMAGE_SATURATED,
            severity=DataSeverity.WORTH_KNOWING,
            title="Clipped images",
            message=(
                f"{count(len(found), 'image')} of {len(items)} {'is' if len(found) == 1 else 'are'} clipped at the "
                f"highest value: {listed([f'{item.name} {percent(item.bright_share)}' for item in found])}. What was "
                "brighter looks the same."
            ),
            fix="Expose shorter next time; there is no mending afterwards. Leave out what has lost its objects.",
            items=tuple(item.name for item in found),
            value=found[0].bright_share,
            threshold=SATURATED_SHARE,
            per_item={item.name: item.bright_share for item in found},
            source="more than one pixel in a hundred at the type's highest value (choice)",
        )
    ]


def check_constant(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which images have one grey value only; serious, because nothing can be seen in them."""
    found = [item for item in items if item.stored_min == item.stored_max or item.image_std == 0]
    if not found:
        return []
    return [
        DataFinding(
            code=DataFindingCode.IMAGE_CONSTANT,
            severity=DataSeverity.FATAL if len(found) == len(items) else DataSeverity.SERIOUS,
            title="Images without content",
            message=(
                f"{count(len(found), 'image')} of {len(items)} {'has' if len(found) == 1 else 'have'} the same value "
                f"in every pixel: {listed([item.name for item in found])}."
            ),
            fix="Leave them out, or export them again.",
            items=tuple(item.name for item in found),
            value=float(len(found)),
            threshold=0.0,
            source="exact",
        )
    ]


def check_illumination(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which images are lit very unevenly; worth knowing."""
    found = sorted((item for item in items if item.gradient > STRONG_GRADIENT), key=lambda item: -item.gradient)
    if not found:
        return []
    return [
        DataFinding(
            code=DataFindingCode.ILLUMINATION_GRADIENT,
            severity=DataSeverity.WORTH_KNOWING,
            title="Uneven illumination",
            message=(
                f"In {count(len(found), 'image')} of {len(items)} the background's brightness changes by up to "
                f"{percent(found[0].gradient)} of its level over the picture: "
                f"{listed([item.name for item in found])}."
            ),
            fix="Correct with a flat-field image, or subtract the background; or train with brightness augmentation.",
            items=tuple(item.name for item in found),
            value=found[0].gradient,
            threshold=STRONG_GRADIENT,
            per_item={item.name: item.gradient for item in found},
            source="range of a second-order surface fitted to the background over its mean (choice)",
        )
    ]


def check_group_shift(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which acquisitions are much brighter or darker than the others; worth knowing."""
    groups: dict[str, list[ItemMeasures]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    large = {name: members for name, members in groups.items() if len(members) >= _FEWEST_IN_GROUP}
    if len(large) < _FEWEST_IN_GROUP:
        return []
    within = float(np.sqrt(np.mean([np.var([item.image_mean for item in members]) for members in large.values()])))
    means = {name: float(np.mean([item.image_mean for item in members])) for name, members in large.items()}
    middle = float(np.median(list(means.values())))
    far = {
        name: mean - middle
        for name, mean in means.items()
        if abs(mean - middle) > GROUP_SHIFT_GREY and abs(mean - middle) > GROUP_SHIFT_DEVIATIONS * within
    }
    if not far:
        return []
    ordered = sorted(far, key=lambda name: -abs(far[name]))
    shown = [f"'{name}' {far[name]:+.2f}" for name in ordered]
    return [
        DataFinding(
            code=DataFindingCode.GROUP_INTENSITY_SHIFT,
            severity=DataSeverity.WORTH_KNOWING,
            title="Acquisitions of other brightness",
            message=(
                f"{count(len(far), 'acquisition')} of {len(large)} {'differs' if len(far) == 1 else 'differ'} in mean "
                f"grey value (0 to 1) from the others: {listed(shown)}. Within an acquisition it varies by "
                f"{within:.2g}."
            ),
            fix="Have every kind on the training side, or train with brightness and contrast augmentation.",
            items=tuple(item.name for name in ordered for item in large[name]),
            value=max(abs(shift) for shift in far.values()),
            threshold=GROUP_SHIFT_GREY,
            evidence={"groups": dict(far), "within_deviation": within},
            source="more than 4 standard deviations within acquisitions, and 0.1 of the range (choice)",
        )
    ]
