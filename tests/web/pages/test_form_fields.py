"""Any setting, from its pydantic model to a field and from what a person enters back to a value."""

from __future__ import annotations

from enum import StrEnum
from html.parser import HTMLParser
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.web.errors import field_errors
from app.web.pages.form_fields import FieldKind, FormField, fields_of, text_of
from app.web.pages.launch_form import FormSection
from app.web.pages.rendering import templates


class Season(StrEnum):
    SPRING = "spring"
    LATE_SUMMER = "late-summer"


class Mood(StrEnum):
    CALM = "calm"

    @property
    def label(self) -> str:
        return "At ease"


class Sample(BaseModel):
    """Every kind of setting, with and without a default of `None`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    count: int = Field(3, ge=1, le=9, title="Count", description="How many.")
    rate: float = Field(0.5, gt=0, lt=1, title="Rate", description="How fast.")
    on: bool = Field(True, title="On", description="Whether.")
    season: Season = Field(Season.SPRING, title="Season", description="When.")
    note: str = Field("", title="Note", description="What else.")
    steps: tuple[int, ...] = Field((2, 4), title="Steps", description="Where.")
    limit: Annotated[int, Field(ge=2)] | None = Field(
        None, le=50, title="Limit", description="At most.", json_schema_extra={"empty": "no limit", "advanced": True}
    )
    weight: float | None = Field(None, ge=0, title="Weight", description="How much.")
    forced: bool | None = Field(None, title="Forced", description="Or by itself.")
    mood: Mood | None = Field(
        None, title="Mood", description="How.", json_schema_extra={"only_for": {"season": ["late-summer"]}}
    )


FIELDS = {field.name: field for field in fields_of(Sample, prefix="sample.")}


def test_the_kind_of_a_field_is_that_of_its_type() -> None:
    assert {name.removeprefix("sample."): (field.kind, field.optional) for name, field in FIELDS.items()} == {
        "count": (FieldKind.INTEGER, False),
        "rate": (FieldKind.NUMBER, False),
        "on": (FieldKind.SWITCH, False),
        "season": (FieldKind.CHOICE, False),
        "note": (FieldKind.TEXT, False),
        "steps": (FieldKind.NUMBERS, False),
        "limit": (FieldKind.INTEGER, True),
        "weight": (FieldKind.NUMBER, True),
        "forced": (FieldKind.SWITCH, True),
        "mood": (FieldKind.CHOICE, True),
    }


def test_bounds_words_and_hints_come_from_the_model() -> None:
    assert (FIELDS["sample.rate"].minimum, FIELDS["sample.rate"].maximum) == (0, 1)
    limit = FIELDS["sample.limit"]
    # One bound inside the optional type, the other outside.
    assert (limit.minimum, limit.maximum, limit.empty, limit.advanced) == (2, 50, "no limit", True)
    mood = FIELDS["sample.mood"]
    assert (mood.only_for_field, mood.only_for) == ("sample.season", ("late-summer",))
    assert [choice.label for choice in mood.choices] == ["At ease"]
    assert [choice.label for choice in FIELDS["sample.season"].choices] == ["Spring", "Late summer"]


def test_a_type_that_cannot_be_entered_is_refused_by_name() -> None:
    class Odd(BaseModel):
        table: dict[str, int] = Field(default_factory=dict)

    with pytest.raises(TypeError, match=r"Invalid setting odd\.table: received the type dict"):
        fields_of(Odd, prefix="odd.")


samples = st.builds(
    Sample,
    count=st.integers(1, 9),
    rate=st.floats(0, 1, exclude_min=True, exclude_max=True),
    on=st.booleans(),
    season=st.sampled_from(Season),
    note=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    steps=st.lists(st.integers(0, 10**6), max_size=4).map(tuple),
    limit=st.none() | st.integers(2, 50),
    weight=st.none() | st.floats(0, 1e9),
    forced=st.sampled_from([None, True, False]),
    mood=st.sampled_from([None, Mood.CALM]),
)


@given(samples)
def test_every_value_survives_being_shown_and_sent(sample: Sample) -> None:
    shown = {name: text_of(value) for name, value in sample.model_dump(mode="json").items()}
    sent = {name: FIELDS[f"sample.{name}"].parse(text) for name, text in shown.items()}
    assert Sample.model_validate(sent) == sample


@pytest.mark.parametrize(
    ("name", "text"),
    [("count", "many"), ("count", ""), ("rate", "fast"), ("on", "perhaps"), ("season", "winter"), ("limit", "x")],
)
def test_what_cannot_be_understood_is_named_by_the_validation(name: str, text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({name: FIELDS[f"sample.{name}"].parse(text)})
    assert caught.value.errors()[0]["loc"] == (name,)


def test_an_error_in_a_list_stands_at_the_field_of_the_list() -> None:
    payload = {"steps": FIELDS["sample.steps"].parse("1, two 3")}
    assert payload == {"steps": [1, "two", 3]}
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(payload)
    (error,) = field_errors(caught.value.errors(), payload)
    assert error.field == "steps"
    assert "'two'" in error.message


# === The panel ===


class _Reader(HTMLParser):
    """Collects the start tags of a page as (tag, attributes)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def having(self, **wanted: str) -> list[tuple[str, dict[str, str | None]]]:
        return [(tag, found) for tag, found in self.tags if wanted.items() <= found.items()]


def _panel(values: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> _Reader:
    fields = tuple(FIELDS.values())
    section = FormSection(
        name="sample",
        title="Sample",
        description="",
        fields=tuple(field for field in fields if not field.advanced),
        advanced=tuple(field for field in fields if field.advanced),
    )
    macro = templates.env.get_template("macros/fields.html").module.section_panel  # type: ignore[attr-defined]
    return _Reader(str(macro(section, values or {}, errors or {})))


def _sent(page: _Reader) -> dict[str, str | None]:
    """Return what a browser without JavaScript sends: the last value of each name counts."""
    sent: dict[str, str | None] = {}
    name: str | None = None
    for tag, found in page.tags:
        if tag == "input" and not (found.get("type") == "checkbox" and "checked" not in found):
            sent[str(found["name"])] = found["value"]
        elif tag == "select":
            name = str(found["name"])
        elif tag == "option" and name is not None and ("selected" in found or name not in sent):
            sent[name] = found["value"]
    return sent


@given(samples)
def test_a_browser_without_javascript_sends_back_what_the_panel_shows(sample: Sample) -> None:
    values = {f"sample.{name}": text_of(value) for name, value in sample.model_dump(mode="json").items()}
    sent = _sent(_panel(values))
    assert set(sent) == set(FIELDS)
    parsed = {name.removeprefix("sample."): FIELDS[name].parse(text or "") for name, text in sent.items()}
    assert Sample.model_validate(parsed) == sample


def test_a_field_without_a_value_shows_its_default() -> None:
    sent = _sent(_panel())
    parsed = {name.removeprefix("sample."): FIELDS[name].parse(text or "") for name, text in sent.items()}
    assert Sample.model_validate(parsed) == Sample()


@pytest.mark.parametrize("field", FIELDS.values(), ids=list(FIELDS))
def test_an_error_is_tied_to_its_field_and_what_was_typed_is_kept(field: FormField) -> None:
    page = _panel({field.name: "w<r>ong"}, {field.name: "Not so."})
    identifier = f"field-{field.name.replace('.', '-')}"
    ((_, attributes),) = page.having(id=identifier)
    assert attributes["aria-invalid"] == "true"
    assert f"{identifier}-error" in str(attributes["aria-describedby"]).split()
    assert page.having(id=f"{identifier}-error")
    if field.kind in {FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.NUMBERS, FieldKind.TEXT, FieldKind.CHOICE}:
        assert _sent(page)[field.name] == "w<r>ong"


def test_the_script_finds_kinds_and_conditions_in_the_page() -> None:
    page = _panel()
    kinds: dict[str, Any] = {str(found["name"]): found["data-kind"] for _, found in page.tags if "data-kind" in found}
    assert kinds == {name: field.kind.value for name, field in FIELDS.items()}
    optional = {str(found["name"]) for _, found in page.tags if "data-optional" in found}
    assert optional == {name for name, field in FIELDS.items() if field.optional}
    ((_, mood),) = page.having(**{"data-field": "sample.mood"})
    assert (mood["data-only-for-field"], mood["data-only-for"]) == ("sample.season", "late-summer")


@pytest.mark.parametrize(
    ("values", "errors", "is_open"),
    [
        ({}, {}, False),
        ({"sample.limit": "7"}, {}, True),
        ({"sample.count": "7"}, {}, False),
        ({}, {"sample.limit": "Too much."}, True),
    ],
    ids=["untouched", "changed", "changed elsewhere", "wrong"],
)
def test_the_disclosure_hides_nothing_that_was_changed_or_is_wrong(
    values: dict[str, str], errors: dict[str, str], is_open: bool
) -> None:
    ((_, details),) = [(tag, found) for tag, found in _panel(values, errors).tags if tag == "details"]
    assert ("open" in details) is is_open
