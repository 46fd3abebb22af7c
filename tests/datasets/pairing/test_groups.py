"""The acquisition of an item: from its name, from a table, or by a person's pattern that cannot hang anything."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.datasets.items.source import ItemSource
from app.datasets.pairing.group_pattern import match_groups
from app.datasets.pairing.groups import group_sources, infer_group
from app.domain.errors import InvalidInputError


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("160x_2025-05-29_001_grid_r0_c1", "160x_2025-05-29_001"),
        ("slide_r3_c12", "slide"),
        ("slide-tile12", "slide"),
        ("slide_tile_3", "slide"),
        ("slide_row3_col1", "slide"),
        ("slide_x512_y0", "slide"),
        ("slide_y0x512", "slide"),
        ("slide-Patch-7", "slide"),
        ("plate 1/slide_r3_c12", "plate 1/slide"),
        ("plain", "plain"),
        ("car_c1", "car_c1"),
        ("_r3_c1", "_r3_c1"),
    ],
)
def test_group_from_the_name(name: str, group: str) -> None:
    assert infer_group(name) == group


def sources(*names: str) -> list[ItemSource]:
    return [ItemSource(name, "", f"{name}.png", f"{name}_mask.png") for name in names]


def test_a_pattern_comes_before_a_table_and_that_before_the_name() -> None:
    table = [ItemSource("a_1_r0_c0", "from the table", "i", "m"), *sources("b_2_r0_c0", "c_r0_c0")]
    assert [source.group for source in group_sources(table, pattern="")] == ["from the table", "b_2", "c"]
    assert [source.group for source in group_sources(table, pattern=r"_(\d)_")] == ["1", "2", "c"]


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"^[a-z]+", ["ab", "cd"]),
        (r"^([a-z])", ["a", "c"]),
        (r"(x)?[0-9]", [None, None]),
        (r"(?P<day>\d)$", ["1", "2"]),
        (r"q*", [None, None]),
    ],
)
def test_first_group_or_whole_match(pattern: str, groups: list[str | None]) -> None:
    assert match_groups(["ab1", "cd2"], pattern=pattern) == groups


@pytest.mark.parametrize("pattern", ["(", "[a", "(?P<x", "*", "(?<=a+)b", "\\"])
def test_no_pattern_at_all_is_said_with_the_reason(pattern: str) -> None:
    with pytest.raises(InvalidInputError, match=r"received .*\(.+\), expected a regular expression") as caught:
        match_groups(["a"], pattern=pattern)
    assert caught.value.fields[0].field == "import_spec.group_pattern"


def test_a_pattern_that_never_ends_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(InvalidInputError, match=r"more than 0\.5 s"):
        match_groups(["a" * 60 + "!"], pattern=r"^(a+)+$", seconds=0.5)
    assert time.monotonic() - started < 5


def test_a_long_pattern_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at most 512"):
        match_groups(["a"], pattern="a" * 513)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=10), max_size=5))
def test_any_names_come_through(names: list[str]) -> None:
    # Lone surrogates cannot be in a name that was listed.
    names = [name.encode("utf-8", "replace").decode() for name in names]
    assert match_groups(names, pattern=r"(?s)^.*$") == [name or None for name in names]
