"""The configuration of a run for people: the titles of the form, and only what had an effect in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from app.domain.configuration import ExperimentSpec, RunConfig
from app.web.pages.form_fields import FieldKind, FormField, fields_of, text_of


@dataclass(frozen=True, slots=True)
class SettingInWords:
    """One setting: its title and what it was set to."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class SettingsSection:
    """The settings of one part of the configuration.

    Parameters
    ----------
    shown : tuple of SettingInWords
        Those that had an effect and are either basic or not at their default.
    others : tuple of SettingInWords
        The rest.
    """

    title: str
    shown: tuple[SettingInWords, ...]
    others: tuple[SettingInWords, ...]


def settings_in_words(config: RunConfig) -> tuple[SettingsSection, ...]:
    """Describe every setting of a run, section by section."""
    return tuple(
        _section(name, getattr(config, name)) for name in type(config).model_fields if _is_section(config, name)
    )


def _is_section(config: RunConfig, name: str) -> bool:
    return isinstance(getattr(config, name), BaseModel)


def _section(name: str, settings: BaseModel) -> SettingsSection:
    fields = fields_of(type(settings))
    values = {field.name: text_of(getattr(settings, field.name)) for field in fields}
    shown = [field for field in fields if _had_effect(field, values) and _is_worth_showing(field, values)]
    others = [field for field in fields if field not in shown]
    info = ExperimentSpec.model_fields.get(name)
    title = info.title if info is not None and info.title else name.replace("_", " ").capitalize()
    return SettingsSection(title, _in_words(shown, values), _in_words(others, values))


def _had_effect(field: FormField, values: dict[str, str]) -> bool:
    return not field.only_for or values[field.only_for_field] in field.only_for


def _is_worth_showing(field: FormField, values: dict[str, str]) -> bool:
    return not field.advanced or values[field.name] != field.default_text


def _in_words(fields: Sequence[FormField], values: dict[str, str]) -> tuple[SettingInWords, ...]:
    return tuple(SettingInWords(field.title, _text(field, values[field.name])) for field in fields)


def _text(field: FormField, value: str) -> str:
    if field.kind == FieldKind.SWITCH and value:
        return "on" if value == "true" else "off"
    labels = {choice.value: choice.label for choice in field.choices}
    return labels.get(value, value) or field.empty or "–"
