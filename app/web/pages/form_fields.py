"""What a form needs to know of a setting, read from its pydantic model.

A whole number, number, switch, choice, text, list of numbers or list of texts (one a line), each optional or not,
becomes a field without a line of template code. Beside title, description and bounds, `json_schema_extra` of a setting
may say:

- ``advanced: True``: shown behind a disclosure;
- ``empty: "automatic"``: what an optional setting means when nothing is entered;
- ``only_for: {"name": ["focal"]}``: of use only while another setting of the same section has one of these values.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


class FieldKind(StrEnum):
    """How a setting is entered; the page's JavaScript reads the same words."""

    INTEGER = "integer"
    NUMBER = "number"
    NUMBERS = "numbers"
    SWITCH = "switch"
    CHOICE = "choice"
    TEXT = "text"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a choice, its name for people and, where it needs one, an explanation of its own."""

    value: str
    label: str
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class FormField:
    """One setting of the form with its explanation and bounds.

    Parameters
    ----------
    name : str
        Dotted path, as the specification and the error messages name it.
    optional : bool
        Whether nothing may be entered; `empty` says what that means.
    minimum, maximum : float or None
        Bounds of a number, whether inclusive or not.
    only_for : tuple of str
        Values of the field `only_for_field` for which this one is of use; empty if it always is.
    """

    name: str
    title: str
    description: str
    kind: FieldKind
    optional: bool
    empty: str
    choices: tuple[Choice, ...]
    minimum: float | None
    maximum: float | None
    default: Any
    advanced: bool
    only_for_field: str
    only_for: tuple[str, ...]

    @property
    def integer(self) -> bool:
        """Whether only whole numbers are accepted."""
        return self.kind == FieldKind.INTEGER

    @property
    def default_text(self) -> str:
        """The default as the form writes it."""
        return text_of(self.default)

    def parse(self, text: str) -> Any:
        """Return the value that a person entered; what cannot be understood is passed on for the validation to name."""
        stripped = text.strip()
        if self.optional and not stripped:
            return None
        match self.kind:
            case FieldKind.INTEGER | FieldKind.NUMBER:
                return number_or_text(text)
            case FieldKind.NUMBERS:
                return [number_or_text(part) for part in stripped.replace(",", " ").split()]
            case FieldKind.LINES:
                return [line.strip() for line in text.splitlines() if line.strip()]
            case FieldKind.SWITCH:
                return {"true": True, "false": False}.get(stripped, text)
            case _:
                return text


def number_or_text(text: str) -> int | float | str:
    """Return the number that `text` writes, or `text` itself."""
    for convert in (int, float):
        try:
            return convert(text.strip())
        except ValueError:
            continue
    return text


def text_of(value: Any) -> str:
    """Write a value as the form shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            # `repr` keeps every digit: a clone must train with exactly the same numbers.
            return repr(value).removesuffix(".0")
        case list() | tuple() if value and all(isinstance(part, str) for part in value):
            return "\n".join(value)
        case list() | tuple():
            return ", ".join(text_of(part) for part in value)
        case _:
            return str(value)


def fields_of(model: type[BaseModel], *, prefix: str = "") -> list[FormField]:
    """Return the form's fields for the settings of `model`.

    Raises
    ------
    TypeError
        A setting has a type that no field can enter.
    """
    return [form_field(f"{prefix}{name}", info) for name, info in model.model_fields.items()]


def form_field(name: str, info: FieldInfo) -> FormField:
    """Return the form's field for one setting."""
    annotation, optional, metadata = _unwrapped(info.annotation, info.metadata)
    kind, choices = _kind_and_choices(name, annotation)
    bounds = {key: getattr(item, key) for item in metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)}
    extra: Mapping[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    other, values = next(iter(extra.get("only_for", {}).items()), ("", ()))
    section, dot, _ = name.rpartition(".")
    return FormField(
        name=name,
        title=info.title or name,
        description=info.description or "",
        kind=kind,
        optional=optional,
        empty=str(extra.get("empty", "")),
        choices=choices,
        minimum=bounds.get("ge", bounds.get("gt")),
        maximum=bounds.get("le", bounds.get("lt")),
        default=None if info.is_required() else info.get_default(call_default_factory=True, validated_data={}),
        advanced=bool(extra.get("advanced", False)),
        only_for_field=f"{section}{dot}{other}" if other else "",
        only_for=tuple(str(value) for value in values),
    )


def _unwrapped(annotation: Any, metadata: Sequence[Any]) -> tuple[Any, bool, list[Any]]:
    """Return the type without `None` and `Annotated`, whether `None` was allowed, and all constraints on the way."""
    found = [*metadata]
    optional = False
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation = arguments[0]
            for item in arguments[1:]:
                found.extend(item.metadata if isinstance(item, FieldInfo) else [item])
        elif get_origin(annotation) in {Union, types.UnionType} and types.NoneType in arguments and len(arguments) == 2:
            annotation = next(part for part in arguments if part is not types.NoneType)
            optional = True
        else:
            return annotation, optional, found


def _kind_and_choices(name: str, annotation: Any) -> tuple[FieldKind, tuple[Choice, ...]]:
    simple = {
        bool: FieldKind.SWITCH,
        int: FieldKind.INTEGER,
        float: FieldKind.NUMBER,
        str: FieldKind.TEXT,
        tuple[int, ...]: FieldKind.NUMBERS,
        tuple[float, ...]: FieldKind.NUMBERS,
    }
    if annotation in simple:
        return simple[annotation], ()
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return FieldKind.CHOICE, tuple(
            Choice(member.value, _label(member), getattr(member, "explanation", "")) for member in annotation
        )
    if get_origin(annotation) is tuple and get_args(annotation)[1:] == (Ellipsis,):
        part, _, _ = _unwrapped(get_args(annotation)[0], ())
        if part is str:
            return FieldKind.LINES, ()
    raise TypeError(
        f"Invalid setting {name}: received the type {annotation}, expected int, float, bool, str, a StrEnum or a tuple "
        "of numbers or texts, each optional or not. Give it such a type, or teach `app.web.pages.form_fields` the new "
        "one."
    )


def _label(member: StrEnum) -> str:
    label = getattr(member, "label", None)
    return label if isinstance(label, str) else member.value.replace("-", " ").capitalize()
