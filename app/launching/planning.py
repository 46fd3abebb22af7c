"""From a specification to the items on each side: what a launch would train on, or why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.datasets.splits.planning import plan_split
from app.datasets.splits.split_plan import SplitItem, SplitPlan, TilePlace
from app.domain.configuration import ExperimentSpec
from app.domain.errors import FieldError, InvalidInputError
from app.domain.estimate import FoldSize, check_against_dataset
from app.domain.run_states import DatasetState
from app.store.experiments import Fold
from app.store.schema import DatasetRow, ItemRow

#: What `app.datasets` can make of any image; networks take 1 to 4.
READABLE_CHANNELS = (1, 3)


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """A dataset and how its items are divided.

    Parameters
    ----------
    dataset : DatasetRow
        Ready.
    items : sequence of SplitItem
        Its items, sorted by name.
    split : SplitPlan
        Positions in `items`.
    """

    dataset: DatasetRow
    items: Sequence[SplitItem]
    split: SplitPlan

    @property
    def folds(self) -> list[Fold]:
        """The folds as ids of items."""
        return [Fold(self.ids(fold.training), self.ids(fold.validation)) for fold in self.split.folds]

    @property
    def smallest_fold(self) -> FoldSize:
        """The size of the fold that trains on the fewest items."""
        return min(FoldSize(len(fold.training), len(fold.validation)) for fold in self.split.folds)

    def ids(self, positions: Sequence[int]) -> list[int]:
        """Return the ids of the items at `positions`."""
        rows = self.dataset.items
        return [rows[position].id for position in positions]


def plan_launch(session: Session, spec: ExperimentSpec) -> LaunchPlan:
    """Divide the items of the dataset that `spec` names.

    Raises
    ------
    InvalidInputError
        There is no such dataset, it is not ready, its images cannot be read with as many channels, its items cannot be
        divided as asked, or a batch is larger than a training set.
    """
    dataset = session.get(DatasetRow, spec.dataset_id)
    if dataset is None:
        message = f"There is no dataset {spec.dataset_id}; choose a registered one."
        raise InvalidInputError(message, fields=[FieldError("dataset_id", message)])
    if dataset.state != DatasetState.READY:
        message = (
            f"Dataset {dataset.name!r} is not ready ({dataset.state}); wait until it is indexed "
            "or look at its page for what went wrong."
        )
        raise InvalidInputError(message, fields=[FieldError("dataset_id", message)])
    if spec.image.channels not in READABLE_CHANNELS:
        message = f"Received {spec.image.channels}, expected 1 (grey) or 3 (colour): images are read as one of these."
        raise InvalidInputError(message, fields=[FieldError("image.channels", message)])
    items = [split_item(row) for row in dataset.items]
    split = plan_split(items, spec.split)
    check_against_dataset(spec, folds=[FoldSize(len(fold.training), len(fold.validation)) for fold in split.folds])
    return LaunchPlan(dataset, items, split)


def split_item(row: ItemRow) -> SplitItem:
    """Return what a split needs to know of an item."""
    window = None
    if row.window is not None:
        top, left, height, width = (int(value) for value in row.window)
        window = (top, left, height, width)
    return SplitItem(row.name, row.group, row.foreground_fraction, TilePlace(row.image_path, row.image_page, window))
