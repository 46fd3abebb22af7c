"""Reads of a dataset's items: pages for the gallery, columns for the plots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.domain.corrections import Correction
from app.domain.errors import InvalidInputError
from app.domain.history import JsonNumber, number_to_json
from app.store.artifacts import artifact_url
from app.store.database import Database
from app.store.dataset_queries import findings_of, load_dataset
from app.store.schema import DatasetRow, ItemRow
from app.store.views import Columns, ItemPage, ItemView

#: Most items in one answer: some twenty screens, and a fraction of a megabyte.
MOST_ITEMS = 500

#: Numbers of an item that the gallery sorts by and the plots show, and the names people read.
ITEM_STATISTICS: dict[str, str] = {
    "foreground_fraction": "Foreground",
    "object_count": "Objects",
    "object_area_median": "Object area (px)",
    "image_mean": "Mean intensity",
    "image_std": "Intensity spread",
    "contrast": "Contrast of the objects",
    "gradient": "Illumination gradient",
    "sharpness": "Sharpness",
    "fractional_share": "In-between mask values",
    "shift_magnitude": "Shift of the mask (px)",
}

_OWN_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "name": ItemRow.position.expression,
    "group": ItemRow.group.expression,
    "foreground_fraction": ItemRow.foreground_fraction.expression,
    "fractional_share": ItemRow.fractional_share.expression,
}


class Flag(StrEnum):
    """Filters of the gallery beside the codes of findings."""

    ANY = "flagged"
    NONE = "unflagged"


def thumbnail_path(dataset_id: int, position: int, kind: str) -> str:
    """Return the artifact path of a thumbnail, `kind` being ``image.jpg`` or ``mask.png``."""
    return f"datasets/{dataset_id}/thumbnails/{position}-{kind}"


def list_items(
    db: Database,
    dataset_id: int,
    *,
    offset: int = 0,
    limit: int = 100,
    sort: str = "name",
    finding: str = "",
    group: str = "",
    text: str = "",
    names: Collection[str] | None = None,
) -> ItemPage:
    """Return some items of a dataset.

    Parameters
    ----------
    offset, limit : int
        Which of the admitted items; at most `MOST_ITEMS`.
    sort : str
        ``name``, ``group`` or a key of `ITEM_STATISTICS`, with ``-`` before it to descend. Unknown values come last.
    finding : str
        Code of a finding that must name the item, or a `Flag`; empty admits all.
    group : str
        Acquisition; empty admits all.
    text : str
        Part of the name.
    names : collection of str, optional
        The only items admitted, such as one side of a split.
    """
    with db.read() as session:
        row = load_dataset(session, dataset_id)
        flagged = codes_by_item(row)
        query = select(ItemRow).where(ItemRow.dataset_id == dataset_id)
        if group:
            query = query.where(ItemRow.group == group)
        if text.strip():
            query = query.where(ItemRow.name.icontains(text.strip(), autoescape=True))
        admitted = _admitted(flagged, finding=finding, names=names)
        query = query.order_by(*_order(sort))
        total, items = _page(session, query, admitted=admitted, offset=offset, limit=min(limit, MOST_ITEMS))
        return ItemPage(total=total, offset=offset, items=[item_view(row, item, flagged) for item in items])


def item_statistics(db: Database, dataset_id: int) -> Columns:
    """Return the numbers of every item by column, in the order of the names."""
    with db.read() as session:
        load_dataset(session, dataset_id)
        rows = session.execute(
            select(ItemRow.group, ItemRow.foreground_fraction, ItemRow.fractional_share, ItemRow.statistics)
            .where(ItemRow.dataset_id == dataset_id)
            .order_by(ItemRow.position)
        )
        columns: dict[str, list[JsonNumber]] = defaultdict(list)
        for acquisition, foreground, fractional, statistics in rows:
            columns["group"].append(acquisition)
            columns["family"].append(statistics.get("family", ""))
            known = {**statistics, "foreground_fraction": foreground, "fractional_share": fractional}
            for key in ITEM_STATISTICS:
                columns[key].append(_number(known.get(key)))
        return Columns(columns=dict(columns))


def _number(value: Any) -> JsonNumber:
    # Five digits are finer than a pixel of a chart, and halve what travels.
    return number_to_json(float(f"{value:.5g}")) if isinstance(value, int | float) else None


def codes_by_item(dataset: DatasetRow) -> dict[str, list[str]]:
    """Return the codes of the findings that name each item."""
    codes: dict[str, list[str]] = defaultdict(list)
    for finding in findings_of(dataset):
        for name in finding.items:
            if finding.code not in codes[name]:
                codes[name].append(finding.code)
    return codes


def _admitted(
    flagged: Mapping[str, list[str]], *, finding: str, names: Collection[str] | None
) -> tuple[set[str] | None, set[str]]:
    """Return the only names admitted (None: all) and those that are not."""
    only = None if names is None else set(names)
    if finding == Flag.NONE:
        return only, set(flagged)
    if finding:
        matching = {name for name, codes in flagged.items() if finding == Flag.ANY or finding in codes}
        only = matching if only is None else only & matching
    return only, set()


def _order(sort: str) -> list[ColumnElement[Any]]:
    key = sort.removeprefix("-")
    if key in _OWN_COLUMNS:
        column = _OWN_COLUMNS[key]
    elif key in ITEM_STATISTICS:
        column = ItemRow.statistics[key].as_float()
    else:
        known = ", ".join(dict.fromkeys([*_OWN_COLUMNS, *ITEM_STATISTICS]))
        raise InvalidInputError(f"Invalid sort: received {sort!r}, expected one of {known}.")
    direction = column.desc() if sort.startswith("-") else column.asc()
    return [direction.nulls_last(), ItemRow.position.expression]


def _page(
    session: Session,
    query: Select[ItemRow],
    *,
    admitted: tuple[set[str] | None, set[str]],
    offset: int,
    limit: int,
) -> tuple[int, list[ItemRow]]:
    only, refused = admitted
    if only is None and not refused:
        total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
        return total, list(session.scalars(query.offset(offset).limit(limit)))
    # Thousands of names do not fit into one statement's parameters: names are sifted here, rows loaded for one page.
    rows = session.execute(query.with_only_columns(ItemRow.id, ItemRow.name))
    ids = [item_id for item_id, name in rows if (only is None or name in only) and name not in refused]
    chosen = ids[offset : offset + limit]
    loaded = {item.id: item for item in session.scalars(select(ItemRow).where(ItemRow.id.in_(chosen)))}
    return len(ids), [loaded[item_id] for item_id in chosen]


def item_view(dataset: DatasetRow, item: ItemRow, flagged: Mapping[str, list[str]]) -> ItemView:
    """Return one item; `flagged` has the codes of the findings that name items."""
    return ItemView(
        id=item.id,
        position=item.position,
        name=item.name,
        group=item.group,
        height=item.height,
        width=item.width,
        channels=item.channels,
        image_dtype=item.image_dtype,
        mask_dtype=item.mask_dtype,
        foreground_fraction=item.foreground_fraction,
        fractional_share=item.fractional_share,
        statistics=item.statistics,
        correction=Correction.model_validate(item.correction),
        findings=flagged.get(item.name, []),
        thumbnail_url=artifact_url(thumbnail_path(dataset.id, item.position, "image.jpg")),
        mask_thumbnail_url=artifact_url(thumbnail_path(dataset.id, item.position, "mask.png")),
    )
