"""The sides of a split, for looking at a dataset before anything is launched on it."""

from __future__ import annotations

from enum import StrEnum

from app.datasets.splits.planning import plan_split
from app.domain.split_spec import SplitSpec
from app.launching.planning import split_item
from app.store.database import Database
from app.store.dataset_queries import load_dataset


class Side(StrEnum):
    """A side that pages may show; a held-out test set is none."""

    TRAINING = "training"
    VALIDATION = "validation"


def side_names(db: Database, dataset_id: int, *, split: SplitSpec, side: Side) -> set[str]:
    """Return the names of the items on one side of the (first fold of the) split.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    InvalidInputError
        The items cannot be divided as `split` asks.
    """
    with db.read() as session:
        items = [split_item(row) for row in load_dataset(session, dataset_id).items]
    fold = plan_split(items, split).folds[0]
    positions = fold.training if side is Side.TRAINING else fold.validation
    return {items[position].name for position in positions}
