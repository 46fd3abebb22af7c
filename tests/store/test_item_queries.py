from __future__ import annotations

from typing import Any

import pytest

from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.domain.errors import InvalidInputError, NotFoundError
from app.store.database import Database
from app.store.dataset_queries import get_dataset
from app.store.item_queries import MOST_ITEMS, item_statistics, list_items
from app.store.schema import DatasetRow
from tests.factories import create_dataset


def finding(code: DataFindingCode, *items: str, severity: DataSeverity = DataSeverity.SERIOUS) -> dict[str, Any]:
    return DataFinding(code=code, severity=severity, title="t", message="m", fix="f", items=items).model_dump(
        mode="json"
    )


@pytest.fixture
def dataset(database: Database) -> int:
    with database.write() as session:
        row = create_dataset(session, items=6)
        for item, objects in zip(row.items, [3, 1, 2, None, 5, 4], strict=True):
            item.foreground_fraction = 0.1 * item.position
            item.group = "even" if item.position % 2 == 0 else "odd"
            item.statistics = {"family": "item-#"} if objects is None else {"object_count": objects, "family": "item-#"}
        row.findings = [
            finding(DataFindingCode.MASK_SHIFTED, "item-1", "item-2"),
            finding(DataFindingCode.MASK_EMPTY, "item-2", severity=DataSeverity.FATAL),
            finding(DataFindingCode.VALIDATION_TOO_SMALL, severity=DataSeverity.WORTH_KNOWING),
        ]
        return row.id


def names(database: Database, dataset: int, **query: Any) -> list[str]:
    return [item.name.removeprefix("item-") for item in list_items(database, dataset, **query).items]


def test_items_come_by_name_in_pages(database: Database, dataset: int) -> None:
    page = list_items(database, dataset, offset=4, limit=10)
    assert (page.total, [item.name for item in page.items]) == (6, ["item-4", "item-5"])


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("name", "012345"),
        ("-name", "543210"),
        ("-foreground_fraction", "543210"),
        # Item 3 has no such number.
        ("object_count", "120543"),
        ("-object_count", "450213"),
        ("group", "024135"),
    ],
)
def test_every_sort_puts_unknown_values_last(database: Database, dataset: int, sort: str, order: str) -> None:
    assert "".join(names(database, dataset, sort=sort)) == order


def test_a_sort_that_does_not_exist_is_named(database: Database, dataset: int) -> None:
    with pytest.raises(InvalidInputError, match=r"'size'.*object_count"):
        list_items(database, dataset, sort="size")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"finding": "mask-shifted"}, "12"),
        ({"finding": "mask-empty"}, "2"),
        ({"finding": "flagged"}, "12"),
        ({"finding": "unflagged"}, "0345"),
        ({"finding": "pairs-shuffled"}, ""),
        ({"group": "odd"}, "135"),
        ({"group": "odd", "finding": "flagged"}, "1"),
        ({"text": "EM-4"}, "4"),
        ({"text": "%"}, ""),
        ({"names": ["item-0", "item-2"], "finding": "flagged"}, "2"),
    ],
)
def test_filters_combine(database: Database, dataset: int, query: dict[str, Any], expected: str) -> None:
    page = list_items(database, dataset, **query)
    assert "".join(names(database, dataset, **query)) == expected
    assert page.total == len(expected)


def test_filtered_items_come_in_pages_too(database: Database, dataset: int) -> None:
    page = list_items(database, dataset, finding="unflagged", sort="-name", offset=1, limit=2)
    assert (page.total, [item.name for item in page.items]) == (4, ["item-4", "item-3"])


def test_an_item_says_which_findings_name_it(database: Database, dataset: int) -> None:
    by_name = {item.name: item.findings for item in list_items(database, dataset).items}
    assert by_name["item-2"] == ["mask-shifted", "mask-empty"]
    assert by_name["item-0"] == []


def test_an_answer_is_bounded(database: Database) -> None:
    with database.write() as session:
        dataset = create_dataset(session, items=MOST_ITEMS + 1).id
    page = list_items(database, dataset, limit=10 * MOST_ITEMS)
    assert (page.total, len(page.items)) == (MOST_ITEMS + 1, MOST_ITEMS)


def test_statistics_are_columns_of_every_item(database: Database, dataset: int) -> None:
    columns = item_statistics(database, dataset).columns
    assert columns["object_count"] == [3, 1, 2, None, 5, 4]
    assert columns["group"] == ["even", "odd"] * 3
    assert {len(column) for column in columns.values()} == {6}


def test_a_dataset_says_how_healthy_it_is(database: Database, dataset: int) -> None:
    view = get_dataset(database, dataset)
    assert view.health is not None
    assert (view.health.fatal, view.health.serious, view.health.worth_knowing) == (1, 1, 1)
    assert [entry.code for entry in view.findings] == ["mask-shifted", "mask-empty", "validation-too-small"]


def test_a_dataset_that_is_being_read_has_no_health(database: Database, dataset: int) -> None:
    with database.write() as session:
        session.get_one(DatasetRow, dataset).state = "indexing"
    assert get_dataset(database, dataset).health is None


def test_a_dataset_that_is_gone_is_said(database: Database) -> None:
    with pytest.raises(NotFoundError):
        list_items(database, 4711)
