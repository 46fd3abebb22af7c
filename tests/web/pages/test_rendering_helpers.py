"""Numbers for people, JSON inside a page, and the small curve of a list."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from pydantic import BaseModel

from app.domain.errors import NotFoundError
from app.domain.history import JsonNumber
from app.web.pages.rendering import (
    embedded_json,
    format_bytes,
    format_duration,
    format_jaccard,
    format_moment,
    sparkline,
    static_url,
)

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


class _Named(BaseModel):
    name: str


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "a & b", "\u2028\u2029"])
def test_embedded_json_cannot_end_its_element(text: str) -> None:
    for value in ({"name": text}, _Named(name=text)):
        written = embedded_json(value)
        assert isinstance(written, Markup)
        assert not re.search("[<>&\u2028\u2029]", written)
        assert json.loads(written) == {"name": text}


@given(_json_values)
def test_embedded_json_keeps_every_value(value: Any) -> None:
    written = embedded_json(value)
    assert not re.search("[<>&]", written)
    assert json.loads(written) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "0.000"),
        (0.0, "0.000"),
        (1, "1.000"),
        (0.12345, "0.123"),
        (0.001, "0.001"),
        (0.00012, "1.2e-4"),
        (1e-11, "1.0e-11"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("-inf", "-inf"),
    ],
)
def test_format_jaccard(value: JsonNumber, expected: str) -> None:
    assert format_jaccard(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(-0.05, "-0.050"), (-0.4, "-0.400"), (-0.00001, "-1.0e-5")])
def test_a_negative_gap_is_written_like_a_positive_one(value: float, expected: str) -> None:
    """The gap between training and validation is negative where validation is better."""
    assert format_jaccard(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (86400, "24 h 00 min"),
    ],
)
def test_format_duration(seconds: float | None, expected: str) -> None:
    assert format_duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (12_345, "12 KB"),
        (4 * 1024**3, "4.3 GB"),
        (10**13, "10000 GB"),
    ],
)
def test_format_bytes(count: int, expected: str) -> None:
    assert format_bytes(count) == expected


def test_format_moment() -> None:
    moment = datetime(2025, 10, 8, 9, 5, tzinfo=UTC)
    assert format_moment(None) == "–"
    assert format_moment(moment) == '<time datetime="2025-10-08T09:05:00+00:00">2025-10-08 09:05 UTC</time>'


def _points(drawing: Markup) -> list[tuple[float, float]]:
    element = ElementTree.fromstring(drawing)  # noqa: S314 - written by Segscope
    line = element.find("polyline")
    assert line is not None
    pairs = (point.split(",") for point in line.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_a_sparkline_rises_with_the_score() -> None:
    drawing = sparkline([0.0, 0.5, 1.0], 0.25)
    assert _points(drawing) == [(0, 24), (48, 12), (96, 0)]
    baseline = ElementTree.fromstring(drawing).find("path[@class='spark-baseline']")  # noqa: S314
    assert baseline is not None
    assert baseline.attrib["d"] == "M0 18.0H96"
    assert 'aria-label="Validation Jaccard over 3 epochs, last 1.000"' in drawing


@pytest.mark.parametrize("hole", ["nan", None])
def test_a_sparkline_leaves_out_what_is_no_number(hole: JsonNumber) -> None:
    assert _points(sparkline([0.0, hole, 1.0], None)) == [(0, 24), (96, 0)]
    assert "NaN" not in sparkline([hole, hole], None)


def test_a_sparkline_of_one_epoch_is_a_dot() -> None:
    element = ElementTree.fromstring(sparkline([0.5], None))  # noqa: S314
    assert element.find("circle") is not None
    assert element.find("polyline") is None


def test_a_run_without_an_epoch_says_so() -> None:
    assert "no epoch yet" in sparkline([], 0.1)


@given(
    st.lists(st.floats(0, 1) | st.sampled_from(["nan", "inf", "-inf", None]), min_size=1), st.none() | st.floats(0, 1)
)
def test_every_sparkline_is_well_formed_and_inside_its_box(values: list[JsonNumber], baseline: float | None) -> None:
    drawing = sparkline(values, baseline)
    element = ElementTree.fromstring(drawing)  # noqa: S314 - written by Segscope
    assert element.attrib["role"] == "img"
    if element.find("polyline") is not None:
        assert all(0 <= x <= 96 and 0 <= y <= 24 for x, y in _points(drawing))


def test_the_address_of_a_static_file_follows_its_content() -> None:
    assert re.fullmatch(r"/static/css/base\.css\?v=[0-9a-f]{12}", static_url("css/base.css"))
    with pytest.raises(NotFoundError, match="no static file"):
        static_url("css/none.css")
