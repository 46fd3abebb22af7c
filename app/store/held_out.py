"""The held-out test set of an experiment: hidden until a person asks for it, and the moment of that is kept.

Whoever has looked at a test set may choose by it, and then it tests nothing any more. So neither its items nor the
lists that name them leave the database before; afterwards everybody can see since when they are known.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, NotFoundError
from app.domain.split_spec import SplitStrategy
from app.store.item_queries import codes_by_item, item_view
from app.store.schema import ExperimentRow, ItemRow, utc_now
from app.store.views import ItemView


def reveal_test_set(session: Session, experiment_id: int) -> None:
    """Record that the test set is known from now on; an earlier moment stays.

    Raises
    ------
    NotFoundError
        There is no such experiment.
    ConflictError
        It has no test set.
    """
    row = _require(session, experiment_id)
    if not row.test_items:
        raise ConflictError(f"Experiment {experiment_id} has no test set: there is nothing to reveal.")
    row.test_revealed_at = row.test_revealed_at or utc_now()


def held_out_items(session: Session, experiment_id: int) -> list[ItemView]:
    """Return the items of a revealed test set, in the order of their names.

    Raises
    ------
    NotFoundError
        There is no such experiment.
    ConflictError
        The test set has not been revealed.
    """
    row = _require(session, experiment_id)
    if is_hidden(row):
        raise ConflictError(
            f"The test set of experiment {experiment_id} is held out. Reveal it first; the moment is recorded."
        )
    items = session.scalars(select(ItemRow).where(ItemRow.id.in_(row.test_items)).order_by(ItemRow.position))
    flagged = codes_by_item(row.dataset)
    return [item_view(row.dataset, item, flagged) for item in items]


def is_hidden(row: ExperimentRow) -> bool:
    """Whether the experiment has a test set that nobody has asked for yet."""
    return bool(row.test_items) and row.test_revealed_at is None


def names_its_test_set(row: ExperimentRow) -> bool:
    """Whether the experiment's specification lists the items of a hidden test set, or all others."""
    return is_hidden(row) and row.spec["split"].get("strategy") == SplitStrategy.EXPLICIT


def public_spec(row: ExperimentRow) -> dict[str, Any]:
    """Return the specification for pages and the API: lists that would tell a hidden test set are null.

    The training list is one of them, because together with the validation list it leaves the test set over.
    """
    if not names_its_test_set(row):
        return row.spec
    return row.spec | {"split": row.spec["split"] | {"training": None, "test": None}}


def _require(session: Session, experiment_id: int) -> ExperimentRow:
    row = session.get(ExperimentRow, experiment_id)
    if row is None:
        raise NotFoundError(f"There is no experiment {experiment_id}.")
    return row
