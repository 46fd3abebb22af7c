"""What the sides share: groups, overlapping tiles, near-duplicates; of a test set only how much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splits.leakage import SharedGroup, find_leakage, near_duplicate_pairs
from app.datasets.splits.planning import plan_split
from app.datasets.splits.split_plan import Split, SplitItem, SplitPlan, TilePlace
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.domain.split_spec import SplitSpec, SplitStrategy
from tests.datasets.splits.made_items import any_items, seeds


def items_in(*groups: str) -> list[SplitItem]:
    return [SplitItem(f"{number}", group, 0.1) for number, group in enumerate(groups)]


def tiles(*windows: tuple[int, int, int, int] | None, file: str = "a.tif", page: int | None = None) -> list[SplitItem]:
    return [SplitItem(f"{file}-{window}", "", 0.1, TilePlace(file, page, window)) for window in windows]


def one_fold(training: tuple[int, ...], validation: tuple[int, ...], test: tuple[int, ...] = ()) -> SplitPlan:
    return SplitPlan(folds=(Split(training, validation),), test=test)


def test_groups_on_both_sides_with_their_numbers() -> None:
    items = items_in("x", "x", "x", "y", "y", "z", "")
    leakage = find_leakage(items, one_fold((0, 1, 3, 6), (2, 4, 5)))
    assert leakage.groups == (SharedGroup("x", 2, 1), SharedGroup("y", 1, 1))
    [message] = leakage.messages
    assert message.startswith("2 acquisitions with 5 images are on both sides")


def test_images_without_an_acquisition_share_none() -> None:
    assert find_leakage(items_in("", "", ""), one_fold((0, 1), (2,))).messages == ()


def test_groups_of_all_folds_are_counted_once() -> None:
    items = items_in("x", "x", "y", "y")
    folds = (Split((0, 2), (1, 3)), Split((1, 3), (0, 2)))
    leakage = find_leakage(items, SplitPlan(folds=folds), near_duplicates=[("0", "1"), ("3", "2")])
    assert [group.name for group in leakage.groups] == ["x", "y"]
    assert leakage.near_duplicates == (("0", "1"), ("2", "3"))


@given(items=any_items(least_groups=3, least=8), seed=seeds)
def test_grouped_splits_share_no_group(items: list[SplitItem], seed: int) -> None:
    spec = SplitSpec(strategy=SplitStrategy.GROUPED, seed=seed, test_fraction=0.1)
    leakage = find_leakage(items, plan_split(items, spec))
    assert leakage.groups == ()
    assert leakage.test_groups == 0


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((0, 0, 10, 10), (0, 10, 10, 10), False),
        ((0, 0, 10, 10), (10, 0, 10, 10), False),
        ((0, 0, 10, 10), (9, 9, 10, 10), True),
        ((0, 0, 10, 10), (2, 2, 3, 3), True),
        ((0, 0, 10, 10), (0, 0, 10, 10), True),
        (None, (500, 500, 1, 1), True),
        (None, None, True),
    ],
)
def test_tiles_that_have_pixels_in_common(
    one: tuple[int, int, int, int] | None, other: tuple[int, int, int, int] | None, overlap: bool
) -> None:
    leakage = find_leakage([*tiles(one), *tiles(other)], one_fold((0,), (1,)))
    assert bool(leakage.overlapping_tiles) == overlap
    if overlap:
        assert leakage.overlapping_tiles == ((f"a.tif-{one}", f"a.tif-{other}"),)
        assert leakage.messages[0].startswith("1 pair of overlapping tiles is on both sides")


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 12), st.integers(1, 12)), max_size=12),
    st.integers(0, 12),
)
def test_overlaps_are_those_of_the_pixels(windows: list[tuple[int, int, int, int]], cut: int) -> None:
    items = tiles(*windows)
    training, validation = tuple(range(len(items))[:cut]), tuple(range(len(items))[cut:])
    pixels = [
        {(row, column) for row in range(top, top + height) for column in range(left, left + width)}
        for top, left, height, width in windows
    ]
    expected = [
        (items[one].name, items[other].name) for one in training for other in validation if pixels[one] & pixels[other]
    ]
    found = find_leakage(items, one_fold(training, validation)).overlapping_tiles
    assert set(found) == set(expected)


def test_tiles_of_other_files_and_pages_do_not_overlap() -> None:
    window = (0, 0, 10, 10)
    items = [*tiles(window), *tiles(window, file="b.tif"), *tiles(window, page=1), *items_in("", "")]
    assert find_leakage(items, one_fold((0,), (1, 2, 3, 4))).overlapping_tiles == ()


def test_near_duplicates_across_sides() -> None:
    items = items_in("", "", "", "")
    pairs = [("0", "2"), ("3", "1"), ("0", "1"), ("0", "gone")]
    leakage = find_leakage(items, one_fold((0, 1), (2, 3)), near_duplicates=pairs)
    assert leakage.near_duplicates == (("0", "2"), ("1", "3"))
    assert leakage.messages == (
        "2 pairs of near-duplicates are on both sides: the model is validated on what it was trained on.",
    )


def test_a_test_set_is_counted_and_not_named() -> None:
    items = [*items_in("x", "y", "x"), *tiles((0, 0, 9, 9), (5, 5, 9, 9))]
    plan = one_fold((0, 3), (1,), test=(2, 4))
    leakage = find_leakage(items, plan, near_duplicates=[("2", "0"), ("1", "0")])
    assert (leakage.test_groups, leakage.test_overlapping_tiles, leakage.test_near_duplicates) == (1, 1, 1)
    assert leakage.near_duplicates == (("0", "1"),)
    assert leakage.groups == ()
    assert leakage.overlapping_tiles == ()
    assert leakage.messages[-1] == (
        "The test set shares 1 acquisition and 1 pair of overlapping tiles and 1 pair of near-duplicates "
        "with the other items: its score will be too good."
    )


def finding(**changes: Any) -> dict[str, Any]:
    made = DataFinding(
        code=DataFindingCode.NEAR_DUPLICATE,
        severity=DataSeverity.SERIOUS,
        title="Near-duplicates",
        message="",
        fix="",
        evidence={"pairs": [["a", "b"], ["c", "d"]]},
    )
    return made.model_dump(mode="json") | changes


def test_pairs_are_read_from_stored_findings() -> None:
    other = finding(code="mask-empty", evidence={"pairs": [["x", "y"]]})
    assert near_duplicate_pairs([other, finding()]) == (("a", "b"), ("c", "d"))


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "near-duplicate",
        {},
        {"code": "near-duplicate"},
        finding(evidence=None),
        finding(evidence={}),
        finding(evidence={"pairs": None}),
        finding(evidence={"pairs": 3}),
        finding(evidence={"pairs": "ab"}),
        finding(evidence={"pairs": [["a"], ["a", 1], "ab", None, {"a": "b"}]}),
    ],
)
def test_findings_without_pairs_give_none(stored: object) -> None:
    assert near_duplicate_pairs([stored]) == ()
