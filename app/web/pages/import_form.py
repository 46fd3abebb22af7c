"""The form fields of an import specification: their names are its paths, so that errors find their field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from app.domain.dataset_import import ImportSpec, MaskRule, TilingSpec
from app.domain.errors import FieldError, InvalidInputError
from app.web.errors import field_errors

PREFIX = "import_spec."
#: Switches the tiles' fields on; without it they are ignored.
TILING_SWITCH = "import_spec.tiling"

_RULE, _LABELS = "import_spec.mask.rule", "import_spec.mask.foreground_labels"
_RANGE = re.compile(r"(-?\d{1,10})(?:\s*-\s*(-?\d{1,10}))?")
_MOST_LABELS = 256


async def form_values(request: Request) -> dict[str, str]:
    """Return the texts of a submitted form; several values of one name are joined by commas."""
    values: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, str):
            values[name] = f"{values[name]},{value}" if name in values else value
    return values


def spec_values(spec: ImportSpec) -> dict[str, str]:
    """Return the texts that a form shows for a specification."""
    tiling = spec.tiling or TilingSpec()
    return {
        "import_spec.layout": spec.layout.value,
        "import_spec.images": spec.images,
        "import_spec.masks": spec.masks,
        "import_spec.recursive": "true" if spec.recursive else "",
        "import_spec.image_suffix": spec.image_suffix,
        "import_spec.mask_suffix": spec.mask_suffix,
        "import_spec.table": spec.table,
        _RULE: spec.mask.rule.value,
        _LABELS: ", ".join(map(str, spec.mask.foreground_labels)),
        TILING_SWITCH: "true" if spec.tiling else "",
        "import_spec.tiling.size": str(tiling.size),
        "import_spec.tiling.overlap": str(tiling.overlap),
        "import_spec.tiling.minimum_foreground": f"{tiling.minimum_foreground:g}",
        "import_spec.group_pattern": spec.group_pattern,
    }


def parse_import_spec(values: Mapping[str, str], *, base: ImportSpec | None = None) -> ImportSpec:
    """Read a specification from the texts of a form.

    Parameters
    ----------
    values : mapping of str to str
        By field name. Empty texts and fields that are missing keep the default; labels count with the rule 'labels'
        only, and the tiles' fields with their switch only.
    base : ImportSpec, optional
        What the fields that the form does not have stay at.

    Raises
    ------
    InvalidInputError
        With one field error for each field that is wrong.
    """
    payload: dict[str, Any] = {} if base is None else base.model_dump(mode="json")
    if any(name.startswith("import_spec.mask.") for name in values):
        payload["mask"] = {}
    if values.get(TILING_SWITCH):
        payload["tiling"] = {}
    for name, text in values.items():
        if not name.startswith(PREFIX) or name == TILING_SWITCH:
            continue
        *parents, key = name.removeprefix(PREFIX).split(".")
        is_off = (parents == ["tiling"] and not values.get(TILING_SWITCH)) or (
            name == _LABELS and values.get(_RULE) != MaskRule.LABELS
        )
        if is_off or (not text.strip() and base is None):
            continue
        target = payload
        for parent in parents:
            target = target.setdefault(parent, {})
        target[key] = _labels(text) if name == _LABELS else text
    try:
        return ImportSpec.model_validate(payload)
    except ValidationError as error:
        fields = tuple(
            FieldError(f"{PREFIX}{item.field}", item.message) for item in field_errors(error.errors(), payload)
        )
        listing = "; ".join(f"{item.field}: {item.message}" for item in fields)
        raise InvalidInputError(f"The files cannot be read so. {listing}", fields=fields) from error


def errors_by_field(error: InvalidInputError | None, names: Iterable[str]) -> dict[str, str]:
    """Return the messages of an error by the form field beside which each belongs.

    An error of a whole (`import_spec.mask`) goes to its first field, one of a part (`….foreground_labels.0`) to the
    field that holds it.
    """
    found: dict[str, str] = {}
    known = list(names)
    for item in error.fields if error else ():
        found.setdefault(_place(item.field, known), item.message)
    return found


def _place(field: str, names: Sequence[str]) -> str:
    holders = [name for name in names if field == name or field.startswith(f"{name}.")]
    if holders:
        return max(holders, key=len)
    return next((name for name in names if name.startswith(f"{field}.")), field)


def _labels(text: str) -> list[int | str]:
    labels: list[int | str] = []
    for part in re.split(r"[,;\s]+", re.sub(r"\s*-\s*(?=\d)", "-", text.strip())):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if first <= last:
            # One more than allowed is enough for the specification to say so.
            labels += range(first, min(last, first + _MOST_LABELS) + 1)
        elif part:
            # As it is: the specification says what is wrong with it.
            labels.append(part)
    return labels
