"""Masks whose stored values do not mean what a training takes them for: fractions, 0/1, labels, nothing, everything."""

from __future__ import annotations

from collections.abc import Sequence

from app.datasets.checks.measures import ItemMeasures
from app.datasets.checks.wording import count, listed, percent
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

#: Share of a mask's pixels strictly between background and foreground (CAUSES, *mask-interpolated*: share > 0.1 %).
FRACTIONAL_SHARE = 0.001

#: Lossy compression leaves values within this share of the full scale of either end; resizing leaves all in between.
_NEAR_END = 0.1
#: … and if so many of the fractional pixels are that near, it was compression.
_COMPRESSED_SHARE = 0.8

#: An image whose most distinct structures stand out this far shows objects; noise alone is around 4
#: (`ItemMeasures.distinctness`; benchmarks/checks).
_CLEAR_OBJECTS = 10.0

#: From this share of empty (or full) masks on the set cannot teach what an object is.
_MOST = 0.9


def check_not_binary(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks hold values in between, as interpolation, anti-aliasing and JPEG leave them.

    Serious: trained on as they are, they cap every overlap score; Segscope cuts them at its mask rule, which moves the
    objects' edges by up to a pixel.
    """
    found = sorted(
        (item for item in items if item.fractional_share > FRACTIONAL_SHARE),
        key=lambda item: -item.fractional_share,
    )
    if not found:
        return []
    compressed = [item for item in found if _is_compressed(item)]
    cause = (
        "lossy compression, as JPEG does it"
        if 2 * len(compressed) > len(found)
        else "resizing with interpolation or anti-aliased drawing"
    )
    worst = found[0]
    return [
        DataFinding(
            code=DataFindingCode.MASK_NOT_BINARY,
            severity=DataSeverity.SERIOUS,
            title="Masks with values in between",
            message=(
                f"{count(len(found), 'mask')} of {len(items)} hold values between background and foreground, up to "
                f"{percent(worst.fractional_share)} of the pixels in '{worst.name}' and {worst.mask_distinct} "
                f"different values. That comes from {cause}. Read as fractions they make every edge uncertain."
            ),
            fix=(
                "Export the masks again without interpolation, as PNG or TIFF with two values. Until then Segscope "
                "cuts them by the mask rule that the dataset's page shows."
            ),
            items=tuple(item.name for item in found),
            value=worst.fractional_share,
            threshold=FRACTIONAL_SHARE,
            per_item={item.name: item.fractional_share for item in found},
            evidence={"compressed": len(compressed), "share_of_masks": len(found) / len(items)},
            source="more than 0.1 % of fractional pixels (catalogue of causes, mask-interpolated)",
        )
    ]


def _is_compressed(item: ItemMeasures) -> bool:
    full = item.mask_max
    between = {value: pixels for value, pixels in item.mask_values.items() if 0.01 * full < value < 0.99 * full}
    total = sum(between.values())
    near = sum(pixels for value, pixels in between.items() if min(value, full - value) <= _NEAR_END * full)
    return total > 0 and near >= _COMPRESSED_SHARE * total


def check_zero_one(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks hold 0 and 1 where 0 and 255 is usual.

    Serious beside masks of 0 and 255, because one rule then loses one of the two kinds; else worth knowing, because
    programs that divide masks by 255 make nothing of them.
    """
    marked = [item for item in items if item.mask_max > 0]
    found = [item for item in marked if item.mask_max == 1 and item.mask_dtype.startswith(("uint", "int"))]
    if not found:
        return []
    lost = [item.name for item in found if item.foreground_fraction == 0]
    mixed = len(found) < len(marked)
    what = f"{count(len(found), 'mask')} of {len(items)} hold the values 0 and 1"
    message = (
        f"{what}, the others larger ones. One rule for all of them loses the foreground of {count(len(lost), 'mask')}."
        if mixed
        else f"{what}. A program that divides masks by 255 would take them for empty: the score then sits on its floor."
    )
    return [
        DataFinding(
            code=DataFindingCode.MASK_ZERO_ONE,
            severity=DataSeverity.SERIOUS if mixed else DataSeverity.WORTH_KNOWING,
            title="Masks of 0 and 1" if not mixed else "Masks of 0 and 1 beside others",
            message=message,
            fix=(
                "Export all masks with the same two values, 0 and 255; or cut these masks at 0.5 in a new version."
                if mixed
                else "Nothing to do here: Segscope cuts them at 0.5. Mind it where other programs read them."
            ),
            items=tuple(sorted(lost) + sorted(item.name for item in found if item.name not in set(lost))),
            value=float(len(found)),
            threshold=1.0,
            per_item={item.name: item.foreground_fraction for item in found},
            evidence={"mixed": mixed, "lost": lost},
            source="exact: the largest stored value is 1 (catalogue of causes, mask-scale)",
        )
    ]


def check_labels(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks hold labels: several values that are no fractions.

    Worth knowing: everything above zero counts as foreground unless labels are chosen.
    """
    found = [item for item in items if item.mask_distinct > 2 and item.fractional_share == 0]
    if not found:
        return []
    totals: dict[float, int] = {}
    for item in found:
        for value, pixels in item.mask_values.items():
            totals[value] = totals.get(value, 0) + pixels
    pixels_in_all = sum(totals.values())
    shown = [f"{value:g} ({percent(pixels / pixels_in_all)})" for value, pixels in sorted(totals.items())]
    return [
        DataFinding(
            code=DataFindingCode.MASK_LABELS,
            severity=DataSeverity.WORTH_KNOWING,
            title="Masks with labels",
            message=(
                f"{count(len(found), 'mask')} of {len(items)} hold more than two values: {listed(shown, most=8)} of "
                "the pixels. They look like labels of objects or classes; all of them above zero count as foreground."
            ),
            fix="If only some labels are the objects that you mean, choose them with the mask rule 'labels'.",
            items=tuple(item.name for item in sorted(found, key=lambda item: -item.mask_distinct)),
            value=float(max(item.mask_distinct for item in found)),
            threshold=2.0,
            per_item={item.name: float(item.mask_distinct) for item in found},
            evidence={"values": {f"{value:g}": pixels for value, pixels in sorted(totals.items())[:256]}},
            source="exact: more than two stored values (catalogue of causes, mask-labels)",
        )
    ]


def check_empty(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks have no foreground.

    Fatal if nearly all are empty, serious where images without a mask clearly show objects, else worth knowing: an
    image without objects is a fair example.
    """
    found = [item for item in items if item.foreground_fraction == 0]
    if not found:
        return []
    objects = [item for item in found if item.distinctness >= _CLEAR_OBJECTS]
    share = len(found) / len(items)
    severity = DataSeverity.WORTH_KNOWING
    if share >= _MOST:
        severity = DataSeverity.FATAL
    elif objects:
        severity = DataSeverity.SERIOUS
    doubt = f" {count(len(objects), 'image')} of them clearly shows something" if len(objects) == 1 else ""
    if len(objects) > 1:
        doubt = f" {len(objects)} of their images clearly show something"
    ordered = sorted(found, key=lambda item: -item.distinctness)
    return [
        DataFinding(
            code=DataFindingCode.MASK_EMPTY,
            severity=severity,
            title="Empty masks",
            message=(
                f"{count(len(found), 'mask')} of {len(items)} {'has' if len(found) == 1 else 'have'} no foreground."
                + (f"{doubt}: {listed([item.name for item in objects])}." if doubt else "")
                + " An empty mask scores 1 for an empty prediction and 0 for any other."
            ),
            fix="Annotate the objects, or leave these items out; keep them only if the images really show none.",
            items=tuple(item.name for item in ordered),
            value=share,
            threshold=0.0,
            per_item={item.name: item.distinctness for item in ordered},
            evidence={"with_clear_objects": [item.name for item in objects]},
            source="exact; objects count as clear from a distinctness of 10 on (benchmarks/checks)",
        )
    ]


def check_full(items: Sequence[ItemMeasures]) -> list[DataFinding]:
    """Tell which masks are foreground everywhere; fatal if nearly all are, else serious."""
    found = [item for item in items if item.foreground_fraction == 1]
    if not found:
        return []
    share = len(found) / len(items)
    return [
        DataFinding(
            code=DataFindingCode.MASK_FULL,
            severity=DataSeverity.FATAL if share >= _MOST else DataSeverity.SERIOUS,
            title="Masks that are all foreground",
            message=(
                f"{count(len(found), 'mask')} of {len(items)} {'is' if len(found) == 1 else 'are'} foreground in every "
                "pixel: nothing is left to tell apart."
            ),
            fix="Check the mask rule and the export; leave these items out or annotate them again.",
            items=tuple(item.name for item in found),
            value=share,
            threshold=0.0,
            evidence={"share_of_masks": share},
            source="exact",
        )
    ]
