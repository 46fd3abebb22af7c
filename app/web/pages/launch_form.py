"""The launch form: between the flat fields of a page and the nested payload of an `ExperimentSpec`.

The sections are those fields of `ExperimentSpec` that are specifications themselves: a new one appears in the form as
soon as it is a field there, with its title and explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from app.domain.configuration import Architecture, ExperimentSpec, ModelSpec
from app.domain.presets import REPORT_MODELS
from app.web.pages.form_fields import FormField, fields_of, form_field, number_or_text, text_of

SECTIONS: Mapping[str, type[BaseModel]] = {
    name: info.annotation
    for name, info in ExperimentSpec.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
}

#: Settings that have elements of their own in the page: cards of models, boxes for the dataset's fatal findings.
_CHOICES = ("models", "acknowledged_findings")

#: Settings of the experiment itself.
_OWN_FIELDS = {
    name: form_field(name, info)
    for name, info in ExperimentSpec.model_fields.items()
    if name not in SECTIONS and name not in _CHOICES
}
_SECTION_FIELDS = {section: fields_of(model, prefix=f"{section}.") for section, model in SECTIONS.items()}
_MODEL_FIELDS = {
    name: form_field(name, info) for name, info in ModelSpec.model_fields.items() if name != "architecture"
}
_FIELDS = {**_OWN_FIELDS, **{field.name: field for fields in _SECTION_FIELDS.values() for field in fields}}


@dataclass(frozen=True, slots=True)
class FormSection:
    """One panel of the form.

    Parameters
    ----------
    fields, advanced : tuple of FormField
        Those in sight, and those behind the disclosure.
    """

    name: str
    title: str
    description: str
    fields: tuple[FormField, ...]
    advanced: tuple[FormField, ...]


def form_sections() -> tuple[FormSection, ...]:
    """Return the panels of the form in their order."""
    return tuple(
        FormSection(
            name=section,
            title=ExperimentSpec.model_fields[section].title or section.replace("_", " ").capitalize(),
            description=ExperimentSpec.model_fields[section].description or "",
            fields=tuple(field for field in fields if not field.advanced),
            advanced=tuple(field for field in fields if field.advanced),
        )
        for section, fields in _SECTION_FIELDS.items()
    )


def form_fields(section: str) -> list[FormField]:
    """Return all fields of a section."""
    return list(_SECTION_FIELDS[section])


def own_fields() -> dict[str, FormField]:
    """Return the fields that belong to no section, such as the name."""
    return dict(_OWN_FIELDS)


def model_fields(architecture: Architecture) -> list[FormField]:
    """Return the fields of one model's card."""
    return fields_of(ModelSpec, prefix=f"models.{architecture}.")[1:]


def payload_from_form(items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the payload of `ExperimentSpec` for the fields of a submitted form.

    The models are those whose ``models`` box is ticked. Unknown fields are passed on, so that the validation names
    them; text that is no number is passed on too. A switch sends ``false``, and ``true`` behind it when it is on: the
    last value of a name counts.
    """
    payload: dict[str, Any] = {"acknowledged_findings": []}
    chosen: list[str] = []
    settings: dict[str, dict[str, Any]] = {}
    for name, value in items:
        if name == "models":
            chosen.append(value)
            continue
        if name == "acknowledged_findings":
            payload[name].append(value)
            continue
        parts = name.split(".")
        if parts[0] == "models" and len(parts) == 3:
            settings.setdefault(parts[1], {})[parts[2]] = _parsed(_MODEL_FIELDS.get(parts[2]), value)
            continue
        target = payload
        for part in parts[:-1]:
            branch = target.setdefault(part, {})
            if not isinstance(branch, dict):
                break
            target = branch
        target[parts[-1]] = _parsed(_FIELDS.get(name), value)
    payload["models"] = [{"architecture": architecture, **settings.get(architecture, {})} for architecture in chosen]
    return payload


def _parsed(field: FormField | None, text: str) -> Any:
    return number_or_text(text) if field is None else field.parse(text)


def values_of_spec(spec: ExperimentSpec) -> dict[str, str]:
    """Return the form's fields for a specification; models that it lacks get the report's settings."""
    values = {name: text_of(getattr(spec, name)) for name in _OWN_FIELDS}
    for section in SECTIONS:
        for name, value in getattr(spec, section).model_dump(mode="json").items():
            values[f"{section}.{name}"] = text_of(value)
    chosen = {model.architecture: model for model in spec.models}
    for preset in REPORT_MODELS:
        model = chosen.get(preset.architecture, preset)
        for name in _MODEL_FIELDS:
            values[f"models.{model.architecture}.{name}"] = text_of(getattr(model, name))
    values["models"] = ",".join(chosen)
    values["acknowledged_findings"] = ",".join(spec.acknowledged_findings)
    return values


def summary_query(architecture: Architecture, values: Mapping[str, str]) -> str:
    """Return the query of the model's summary with the form's values."""
    sized = [(name, value) for name, value in values.items() if name.startswith(("image.", "network."))]
    return urlencode([("architecture", architecture), *sized])


def values_of_form(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what a person typed, to show it again beside what is wrong with it."""
    entered = list(items)
    values = {name: value for name, value in entered if name not in _CHOICES}
    for choice in _CHOICES:
        values[choice] = ",".join(value for name, value in entered if name == choice)
    return values


def chosen_models(values: Mapping[str, str]) -> set[str]:
    """Return the architectures that are ticked."""
    return {name for name in values.get("models", "").split(",") if name in list(Architecture)}
