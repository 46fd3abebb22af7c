"""Between the flat fields of the form and the nested specification."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.configuration import (
    Architecture,
    ExperimentSpec,
    ImageSpec,
    ModelSpec,
    TrainingSpec,
    WorkerQueue,
)
from app.domain.errors import InvalidInputError
from app.domain.loss_spec import ClassBalance, LossKind, LossSpec
from app.domain.network_spec import NetworkSpec, Normalisation
from app.domain.presets import REPORT_MODELS, collapse_demo, report_preset
from app.domain.split_spec import MAX_FOLDS, SplitSpec, SplitStrategy
from app.web.launching import parse_spec
from app.web.pages.form_fields import FieldKind, FormField
from app.web.pages.launch_form import (
    SECTIONS,
    chosen_models,
    form_fields,
    form_sections,
    payload_from_form,
    values_of_form,
    values_of_spec,
)

Items = list[tuple[str, str]]


def submitted(values: dict[str, str]) -> Items:
    """Return what a browser sends for a form that shows `values`."""
    choices = ("models", "acknowledged_findings")
    boxes = [(choice, name) for choice in choices for name in values[choice].split(",") if name]
    return [(name, value) for name, value in values.items() if name not in choices] + boxes


def printed(low: float, high: float) -> st.SearchStrategy[float]:
    """Return numbers as people type them: at most six significant digits."""
    numbers = st.floats(low, high, allow_nan=False, allow_subnormal=False).map(lambda value: float(f"{value:g}"))
    return numbers.filter(lambda value: low <= value <= high)


sides = st.integers(32, 2048)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
#: Names of files: no line breaks, and no blanks at their ends.
item_names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)
lists = st.lists(item_names | st.sampled_from(["007", "1e3"]), max_size=4).map(tuple)
models = st.lists(
    st.builds(
        ModelSpec,
        architecture=st.sampled_from(Architecture),
        learning_rate=printed(1e-8, 1),
        batch_size=st.integers(1, 512),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda model: model.architecture,
)
splits = st.builds(
    SplitSpec,
    strategy=st.sampled_from([strategy for strategy in SplitStrategy if strategy is not SplitStrategy.EXPLICIT]),
    validation_fraction=printed(1e-3, 0.999),
    test_fraction=printed(0, 0.999),
    folds=st.integers(0, MAX_FOLDS),
    seed=st.integers(0, 2**32 - 1),
) | st.builds(SplitSpec, strategy=st.just(SplitStrategy.EXPLICIT), training=lists, validation=lists, test=lists)
specs = st.builds(
    ExperimentSpec,
    name=texts,
    dataset_id=st.integers(1, 10**9),
    queue=st.sampled_from([None, *WorkerQueue]),
    split=splits,
    image=st.builds(ImageSpec, height=sides, width=sides, channels=st.integers(1, 4)),
    network=st.builds(
        NetworkSpec,
        base_filters=st.integers(2, 128),
        levels=st.integers(2, 6),
        normalisation=st.sampled_from(Normalisation),
        batchnorm_momentum=st.none() | printed(0, 0.9999),
        final_batchnorm=st.booleans(),
        dropout=printed(0, 0.5),
        deep_supervision=st.booleans(),
    ),
    loss=st.builds(
        LossSpec,
        kind=st.sampled_from(LossKind),
        focal_gamma=printed(0, 10),
        class_balance=st.sampled_from(ClassBalance),
        jaccard_weight=printed(0.5, 100),
    ),
    training=st.builds(
        TrainingSpec,
        epochs=st.integers(1, 10_000),
        clipnorm=printed(1e-3, 1000),
        early_stopping_patience=st.integers(0, 10_000),
        reduce_lr_factor=printed(1e-3, 0.999),
        reduce_lr_patience=st.integers(0, 10_000),
        min_learning_rate=printed(0, 1),
        seed=st.integers(0, 2**32 - 1),
    ),
    models=models.map(tuple),
)


def in_form_order(spec: ExperimentSpec) -> ExperimentSpec:
    return spec.model_copy(update={"models": tuple(sorted(spec.models, key=lambda model: model.architecture))})


@given(specs)
def test_a_specification_survives_the_form(spec: ExperimentSpec) -> None:
    payload = payload_from_form(submitted(values_of_spec(spec)))
    assert in_form_order(parse_spec(payload)) == in_form_order(spec)


@given(st.floats(1e-8, 1, exclude_min=True, allow_subnormal=False), st.floats(0, 1, exclude_max=True))
def test_no_digit_of_a_number_is_lost_in_a_clone(learning_rate: float, momentum: float) -> None:
    spec = report_preset(1).model_copy(
        update={
            "network": NetworkSpec(batchnorm_momentum=momentum),
            "models": (ModelSpec(architecture=Architecture.UNET, learning_rate=learning_rate),),
        }
    )
    assert parse_spec(payload_from_form(submitted(values_of_spec(spec)))) == spec


@pytest.mark.parametrize("spec", [report_preset(3), collapse_demo(3)], ids=["report", "collapse"])
def test_the_presets_survive_the_form(spec: ExperimentSpec) -> None:
    values = values_of_spec(spec)
    assert parse_spec(payload_from_form(submitted(values))) == spec
    assert chosen_models(values) == {model.architecture for model in spec.models}


def test_models_that_are_not_chosen_show_the_settings_of_the_report() -> None:
    spec = ExperimentSpec(
        dataset_id=1, models=(ModelSpec(architecture=Architecture.UNET, learning_rate=0.5, batch_size=2),)
    )
    values = values_of_spec(spec)
    assert values["models"] == "unet"
    assert (values["models.unet.learning_rate"], values["models.unet.batch_size"]) == ("0.5", "2")
    for preset in REPORT_MODELS[1:]:
        assert float(values[f"models.{preset.architecture}.learning_rate"]) == preset.learning_rate
        assert int(values[f"models.{preset.architecture}.batch_size"]) == preset.batch_size


def test_only_ticked_models_are_launched() -> None:
    payload = payload_from_form(
        [
            ("models.unet.batch_size", "4"),
            ("models.attention-unet.batch_size", "9"),
            ("models.attention-unet.learning_rate", " 1e-4 "),
            ("models", "attention-unet"),
        ]
    )
    assert payload["models"] == [{"architecture": "attention-unet", "batch_size": 9, "learning_rate": 1e-4}]


def test_text_that_is_no_number_reaches_the_validation() -> None:
    payload = payload_from_form([("training.epochs", "many"), ("dataset_id", ""), ("models.unet.learning_rate", "abc")])
    assert payload["training"] == {"epochs": "many"}
    assert payload["dataset_id"] == ""
    assert payload["models"] == []


def test_a_name_of_digits_stays_a_name() -> None:
    payload = payload_from_form([("name", "2025"), ("dataset_id", "1"), ("models", "unet")])
    assert parse_spec(payload).name == "2025"


def test_any_worker_is_no_queue() -> None:
    assert payload_from_form([("queue", "")])["queue"] is None
    assert payload_from_form([("queue", "gpu")])["queue"] == "gpu"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training.epohcs", "3"),
        ("surprise", "3"),
        ("name.first", "x"),
        ("image.height.pixels", "64"),
        ("models.unet.momentum", "0.9"),
        ("models.nonsense.batch_size", "1"),
        ("training", "3"),
    ],
)
def test_unknown_fields_are_refused_or_ignored_but_never_a_crash(name: str, value: str) -> None:
    items = [*submitted(values_of_spec(report_preset(1))), (name, value)]
    if name == "models.nonsense.batch_size":
        assert parse_spec(payload_from_form(items)) == report_preset(1)
        return
    with pytest.raises(InvalidInputError) as caught:
        parse_spec(payload_from_form(items))
    assert caught.value.fields


names = st.lists(
    st.sampled_from(["name", "queue", "image", "height", "training", "epochs", "models", "unet", "x", ""]),
    min_size=1,
    max_size=4,
).map(".".join)


@given(st.lists(st.tuples(names, st.sampled_from(["", "1", "0.5", "nan", "1e999", "unet", "<b>", "٣"]))))
def test_no_form_makes_the_validation_crash(items: Items) -> None:
    with pytest.raises(InvalidInputError):
        parse_spec(payload_from_form([*items, ("unknown_field", "1")]))


@given(st.dictionaries(names.filter(lambda name: name != "models"), st.text(max_size=20)))
def test_what_was_typed_is_shown_again_as_it_was(typed: dict[str, str]) -> None:
    ticked = [("models", "unet"), ("models", "attention-resunet"), ("acknowledged_findings", "mask-empty")]
    values = values_of_form([*typed.items(), *ticked])
    assert values == {**typed, "models": "unet,attention-resunet", "acknowledged_findings": "mask-empty"}
    assert chosen_models(values) == {Architecture.UNET, Architecture.ATTENTION_RESUNET}


def test_boxes_that_are_no_model_are_not_chosen() -> None:
    assert chosen_models({"models": "unet,<b>,"}) == {Architecture.UNET}
    assert chosen_models({}) == set()


def enterable(field: FormField) -> set[str]:
    if field.kind == FieldKind.INTEGER:
        return {str(number) for number in range(int(field.minimum or 0), int(field.maximum or 0) + 1)}
    return {choice.value for choice in field.choices} or {"true", "false"}


def json_ready(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("section", list(SECTIONS))
def test_every_setting_of_a_section_has_a_field_with_words_and_a_valid_default(section: str) -> None:
    fields = {field.name: field for field in form_fields(section)}
    settings: dict[str, Any] = {
        f"{section}.{name}": value for name, value in SECTIONS[section]().model_dump(mode="json").items()
    }
    assert set(fields) == set(settings)
    for name, field in fields.items():
        assert field.title
        assert field.title != name.rsplit(".", 1)[1]
        assert field.description.endswith(".")
        assert json_ready(field.default) == settings[name]
        assert field.parse(field.default_text) == settings[name]
        if field.kind in {FieldKind.INTEGER, FieldKind.NUMBER}:
            assert field.minimum is not None
            assert field.maximum is not None
            assert math.isfinite(field.maximum)
            if field.default is not None:
                assert field.minimum <= field.default <= field.maximum
        if field.only_for:
            assert set(field.only_for) <= enterable(fields[field.only_for_field])


def test_every_section_has_a_panel_that_holds_all_its_fields() -> None:
    panels = {panel.name: panel for panel in form_sections()}
    assert set(panels) == set(SECTIONS)
    for name, panel in panels.items():
        assert panel.title
        assert sorted(field.name for field in panel.fields + panel.advanced) == sorted(
            field.name for field in form_fields(name)
        )
