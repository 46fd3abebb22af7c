"""The launch form: between the flat fields of a page and the nested payload of an `ExperimentSpec`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.domain.configuration import (
    Architecture,
    ExperimentSpec,
    ImageSpec,
    NetworkSpec,
    TrainingSpec,
)
from app.domain.presets import REPORT_MODELS
from app.domain.split_spec import SplitSpec

SECTIONS: Mapping[str, type[BaseModel]] = {
    "image": ImageSpec,
    "network": NetworkSpec,
    "split": SplitSpec,
    "training": TrainingSpec,
}
#: Text even where it looks like a number.
TEXT_FIELDS = frozenset({"name", "split.strategy", "split.training", "split.validation", "split.test"})
SECTION_TITLES = {
    "image": "Image",
    "network": "Network",
    "split": "Split",
    "training": "Training",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One number of the form with its explanation and bounds."""

    name: str
    title: str
    description: str
    integer: bool
    minimum: float | None
    maximum: float | None
    default: Any


def form_fields(section: str) -> list[FormField]:
    """Return the numeric fields of a section; titles, explanations and bounds come from the model."""
    return [
        _form_field(f"{section}.{name}", info)
        for name, info in SECTIONS[section].model_fields.items()
        if info.annotation in {int, float} or section == "image"
    ]


def _form_field(name: str, info: FieldInfo) -> FormField:
    bounds = {
        key: getattr(item, key) for item in info.metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)
    }
    return FormField(
        name=name,
        title=info.title or name,
        description=info.description or "",
        integer=info.annotation is not float,
        minimum=bounds.get("ge", bounds.get("gt")),
        maximum=bounds.get("le", bounds.get("lt")),
        default=info.default,
    )


def payload_from_form(items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the payload of `ExperimentSpec` for the fields of a submitted form.

    The models are those whose ``models`` box is ticked. Unknown fields are passed on, so that the validation names
    them; text that is no number is passed on too.
    """
    payload: dict[str, Any] = {}
    chosen: list[str] = []
    settings: dict[str, dict[str, Any]] = {}
    for name, value in items:
        if name == "models":
            chosen.append(value)
            continue
        parts = name.split(".")
        if parts[0] == "models" and len(parts) == 3:
            settings.setdefault(parts[1], {})[parts[2]] = _number(value)
            continue
        if name == "queue" and not value:
            continue
        target = payload
        for part in parts[:-1]:
            branch = target.setdefault(part, {})
            if not isinstance(branch, dict):
                break
            target = branch
        target[parts[-1]] = value if name in TEXT_FIELDS else _number(value)
    payload["models"] = [{"architecture": architecture, **settings.get(architecture, {})} for architecture in chosen]
    return payload


def _number(text: str) -> Any:
    for convert in (int, float):
        try:
            return convert(text.strip())
        except ValueError:
            continue
    return text


def values_of_spec(spec: ExperimentSpec) -> dict[str, str]:
    """Return the form's fields for a specification; models that it lacks get the report's settings."""
    values: dict[str, str] = {
        "name": spec.name,
        "dataset_id": str(spec.dataset_id),
        "queue": spec.queue or "",
    }
    for section in SECTIONS:
        for name, value in getattr(spec, section).model_dump(mode="json").items():
            values[f"{section}.{name}"] = _text(value)
    chosen = {model.architecture: model for model in spec.models}
    for preset in REPORT_MODELS:
        model = chosen.get(preset.architecture, preset)
        values[f"models.{model.architecture}.learning_rate"] = _text(model.learning_rate)
        values[f"models.{model.architecture}.batch_size"] = _text(model.batch_size)
    values["models"] = ",".join(chosen)
    return values


def split_defaults() -> dict[str, str]:
    """Return what the fields of the split show where a form does not send them, because the strategy needs none."""
    return {f"split.{name}": _text(value) for name, value in SplitSpec().model_dump(mode="json").items()}


def values_of_form(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what a person typed, to show it again beside what is wrong with it."""
    values = {name: value for name, value in items if name != "models"}
    values["models"] = ",".join(value for name, value in items if name == "models")
    return values


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value)
    # `repr` keeps every digit: a clone must train with exactly the same numbers.
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def chosen_models(values: Mapping[str, str]) -> set[str]:
    """Return the architectures that are ticked."""
    return {name for name in values.get("models", "").split(",") if name in list(Architecture)}
