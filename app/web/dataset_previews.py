"""What a registration would find, before it is made: pairs, problems and groups, by names alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fastapi import Request
from pydantic import BaseModel

from app.datasets.files.roots import confine
from app.datasets.items.tiling import pair_name
from app.datasets.pairing.group_pattern import match_groups
from app.datasets.pairing.layout import find_pairs, resolve_layout
from app.datasets.pairing.outcome import Pairing, Problem
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import FieldError, InvalidInputError
from app.store.dataset_reading import get_reading, item_origins
from app.web.state import services_of

_NAMES_SHOWN = 5
_PROBLEMS_SHOWN = 20
_GROUPS_SHOWN = 200


class ProblemPreview(BaseModel):
    """A file that would not become part of an item, and why."""

    code: str
    name: str
    message: str


class LayoutPreview(BaseModel):
    """What lies in a folder: the layout with its folders or files, the pairs and what is left out."""

    layout: Layout
    images: str
    masks: str
    table: str
    pairs: int
    names: list[str]
    groups: int
    problems: dict[str, int]
    first_problems: list[ProblemPreview]


class GroupPreview(BaseModel):
    """One acquisition and the number of its pairs or, for a registered dataset, of its items."""

    name: str
    count: int


class GroupsPreview(BaseModel):
    """The acquisitions that a pattern makes, largest first; `unmatched` pairs keep the group of their name."""

    pairs: int
    unmatched: int
    groups_total: int
    groups: list[GroupPreview]


def existing_folder(request: Request, root: str) -> Path:
    """Return the folder that a form or the API names, if it may be registered.

    Raises
    ------
    InvalidInputError
        It is missing, no folder, or outside the configured roots.
    """
    if not root.strip():
        message = "Enter the folder that holds the images and the masks."
        raise InvalidInputError(message, fields=[FieldError("root", message)])
    return confine(root.strip(), services_of(request).settings.root_paths)


def preview_layout(request: Request, *, root: str, import_spec: ImportSpec) -> LayoutPreview:
    """Say what registering a folder would find.

    Raises
    ------
    InvalidInputError
        The registration would be refused for the same reason.
    """
    folder = existing_folder(request, root)
    spec = resolve_layout(folder, import_spec)
    pairing = find_pairs(folder, spec)
    return LayoutPreview(
        layout=spec.layout,
        images=spec.images,
        masks=spec.masks,
        table=spec.table,
        pairs=len(pairing.pairs),
        names=[source.name for source in pairing.pairs[:_NAMES_SHOWN]],
        groups=len({source.group for source in pairing.pairs}),
        problems=dict(Counter(problem.code.value for problem in pairing.problems).most_common()),
        first_problems=[_problem(problem) for problem in pairing.problems[:_PROBLEMS_SHOWN]],
    )


def preview_groups(request: Request, *, root: str, import_spec: ImportSpec) -> GroupsPreview:
    """Say which groups the pattern of an import specification would make of a folder.

    Raises
    ------
    InvalidInputError
        The folder cannot be registered so, or the pattern is wrong or takes too long.
    """
    pairing = _ungrouped(existing_folder(request, root), import_spec)
    return _groups(pairing, pattern=import_spec.group_pattern, counts=Counter(pair.name for pair in pairing.pairs))


def preview_dataset_groups(request: Request, *, dataset_id: int, pattern: str) -> GroupsPreview:
    """Say which groups a pattern would make of a registered dataset's items.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    InvalidInputError
        Its files are gone, or the pattern is wrong or takes too long.
    """
    database = services_of(request).database
    reading = get_reading(database, dataset_id)
    is_tiled = reading.import_spec.tiling is not None
    counts = Counter(
        pair_name(origin.name, is_tile=is_tiled, is_page=origin.is_page)
        for origin in item_origins(database, dataset_id)
    )
    return _groups(_ungrouped(reading.root, reading.import_spec), pattern=pattern, counts=counts)


def _ungrouped(root: Path, spec: ImportSpec) -> Pairing:
    return find_pairs(root, spec.model_copy(update={"group_pattern": ""}))


def _groups(pairing: Pairing, *, pattern: str, counts: Counter[str]) -> GroupsPreview:
    pairs = [source for source in pairing.pairs if counts[source.name]]
    names = [source.name for source in pairs]
    matched = match_groups(names, pattern=pattern) if pattern else [None] * len(names)
    groups: Counter[str] = Counter()
    for source, found in zip(pairs, matched, strict=True):
        groups[found or source.group] += counts[source.name]
    return GroupsPreview(
        pairs=len(pairs),
        unmatched=matched.count(None) if pattern else 0,
        groups_total=len(groups),
        groups=[GroupPreview(name=name, count=count) for name, count in groups.most_common(_GROUPS_SHOWN)],
    )


def _problem(problem: Problem) -> ProblemPreview:
    return ProblemPreview(code=problem.code.value, name=problem.name, message=problem.message)
