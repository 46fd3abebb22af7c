"""The form's texts become an import specification, and every error finds its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dataset_import import ImportSpec, Layout, MaskRule, MaskSpec, TilingSpec
from app.domain.errors import FieldError, InvalidInputError
from app.web.pages.import_form import errors_by_field, parse_import_spec, spec_values

DEFAULTS = spec_values(ImportSpec())


def parse(**values: str) -> ImportSpec:
    return parse_import_spec({f"import_spec.{name.replace('__', '.')}": text for name, text in values.items()})


SPECS = st.builds(
    ImportSpec,
    layout=st.sampled_from(Layout),
    images=st.sampled_from(["images", "a b/ü", "x.tif"]),
    recursive=st.booleans(),
    mask_suffix=st.sampled_from(["", "_mask"]),
    mask=st.one_of(
        st.builds(MaskSpec, rule=st.sampled_from([MaskRule.AUTO, MaskRule.HALF, MaskRule.NONZERO])),
        st.builds(
            MaskSpec,
            rule=st.just(MaskRule.LABELS),
            foreground_labels=st.lists(st.integers(-5, 300), min_size=1, max_size=5).map(tuple),
        ),
    ),
    tiling=st.one_of(st.none(), st.builds(TilingSpec, size=st.integers(64, 512), overlap=st.integers(0, 63))),
    group_pattern=st.sampled_from(["", r"^(\d+)_", "a,b"]),
)


@given(SPECS)
def test_what_a_form_shows_is_what_it_sends(spec: ImportSpec) -> None:
    assert parse_import_spec(spec_values(spec)) == spec


def test_an_untouched_form_is_the_default() -> None:
    assert parse_import_spec({}) == ImportSpec()
    assert parse_import_spec(DEFAULTS) == ImportSpec()


@pytest.mark.parametrize(
    ("text", "labels"),
    [("1", (1,)), ("1, 3,5-7", (1, 3, 5, 6, 7)), ("3 - 5;9\n11", (3, 4, 5, 9, 11)), ("0,-1", (0, -1)), ("2,2", (2, 2))],
)
def test_labels(text: str, labels: tuple[int, ...]) -> None:
    assert parse(mask__rule="labels", mask__foreground_labels=text).mask.foreground_labels == labels


def test_fields_that_do_not_apply_are_ignored() -> None:
    assert parse(mask__rule="half", mask__foreground_labels="nonsense") == ImportSpec(mask=MaskSpec(rule=MaskRule.HALF))
    assert parse(tiling__size="nonsense") == ImportSpec()
    assert parse(tiling="true", tiling__size="64", tiling__overlap="") == ImportSpec(tiling=TilingSpec(size=64))


def test_a_base_keeps_what_the_form_does_not_have() -> None:
    base = ImportSpec(images="x", group_pattern="a", tiling=TilingSpec(), mask=MaskSpec(rule=MaskRule.HALF))
    values = {"import_spec.group_pattern": "", "import_spec.mask.rule": "auto"}
    assert parse_import_spec(values, base=base) == ImportSpec(images="x", tiling=TilingSpec())
    assert parse_import_spec({"import_spec.group_pattern": "b"}, base=base).mask.rule is MaskRule.HALF


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"layout": "guess"}, "import_spec.layout", "auto"),
        ({"mask__rule": "labels"}, "import_spec.mask.rule", "at least one"),
        ({"mask__rule": "labels", "mask__foreground_labels": "1, x"}, "import_spec.mask.foreground_labels", "'x'"),
        ({"mask__rule": "labels", "mask__foreground_labels": "9-5"}, "import_spec.mask.foreground_labels", "'9-5'"),
        ({"mask__rule": "labels", "mask__foreground_labels": "0-9999999"}, "import_spec.mask.foreground_labels", "256"),
        ({"tiling": "true", "tiling__size": "8"}, "import_spec.tiling.size", "at least 32"),
        ({"tiling": "true", "tiling__size": "64", "tiling__overlap": "64"}, "import_spec.tiling", "less than the tile"),
        ({"tiling": "true", "tiling__minimum_foreground": "nan"}, "import_spec.tiling.minimum_foreground", "number"),
        ({"images": "x" * 1025}, "import_spec.images", "1024"),
        ({"unknown": "x"}, "import_spec.unknown", "Unknown field"),
    ],
)
def test_errors_stand_beside_their_fields(values: dict[str, str], field: str, says: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(**values)
    placed = errors_by_field(caught.value, DEFAULTS)
    assert list(placed) == [field]
    assert says in placed[field]


def test_an_error_without_a_field_keeps_its_name() -> None:
    error = InvalidInputError("x", fields=[FieldError("upload", "no file"), FieldError("root", "no folder")])
    assert errors_by_field(error, ["root"]) == {"upload": "no file", "root": "no folder"}
    assert errors_by_field(None, DEFAULTS) == {}
