"""A test set is hidden until somebody asks for it, and the moment is kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.domain.configuration import ExperimentSpec
from app.domain.errors import ConflictError, NotFoundError
from app.store import experiments
from app.store.database import Database
from app.store.held_out import held_out_items, reveal_test_set
from app.store.queries import get_experiment, list_experiments
from app.store.schema import ExperimentRow
from tests import factories

EXPLICIT = {"strategy": "explicit", "training": ["item-0"], "validation": ["item-1"], "test": ["item-2", "item-3"]}


def create(session: Session, *, split: dict[str, Any], test_items: slice = slice(2, 4)) -> ExperimentRow:
    """Write an experiment on four items; the last two test, unless `test_items` says otherwise."""
    dataset = factories.create_dataset(session)
    ids = [item.id for item in dataset.items]
    spec = ExperimentSpec.model_validate(
        {"dataset_id": dataset.id, "split": split, "models": [{"architecture": "unet", "batch_size": 1}]}
    )
    return experiments.create_experiment(
        session, spec, dataset=dataset, folds=[experiments.Fold(ids[:1], ids[1:2])], test_items=ids[test_items]
    )


def test_hidden_then_revealed_once(database: Database) -> None:
    with database.write() as session:
        experiment_id = create(session, split={"test_fraction": 0.5}).id
    with database.read() as session, pytest.raises(ConflictError, match="Reveal it first"):
        held_out_items(session, experiment_id)
    assert get_experiment(database, experiment_id).test_items == 2
    assert get_experiment(database, experiment_id).test_revealed_at is None

    with database.write() as session:
        reveal_test_set(session, experiment_id)
    first = get_experiment(database, experiment_id).test_revealed_at
    with database.write() as session:
        reveal_test_set(session, experiment_id)

    assert first is not None
    assert get_experiment(database, experiment_id).test_revealed_at == first
    with database.read() as session:
        assert [item.name for item in held_out_items(session, experiment_id)] == ["item-2", "item-3"]


def test_without_a_test_set_there_is_nothing_to_reveal(database: Database) -> None:
    with database.write() as session:
        experiment_id = create(session, split={}, test_items=slice(0)).id
    with database.write() as session, pytest.raises(ConflictError, match="no test set"):
        reveal_test_set(session, experiment_id)
    with database.read() as session:
        assert held_out_items(session, experiment_id) == []


def test_no_such_experiment(database: Database) -> None:
    with database.write() as session, pytest.raises(NotFoundError, match="4711"):
        reveal_test_set(session, 4711)
    with database.read() as session, pytest.raises(NotFoundError, match="4711"):
        held_out_items(session, 4711)


def test_lists_that_name_the_test_set_are_hidden_with_it(database: Database) -> None:
    with database.write() as session:
        experiment_id = create(session, split=EXPLICIT).id
    for view in (get_experiment(database, experiment_id), list_experiments(database)[0]):
        split = view.spec["split"]
        assert (split["training"], split["validation"], split["test"]) == (None, ["item-1"], None)
        assert "item-2" not in view.model_dump_json()
    with database.write() as session:
        reveal_test_set(session, experiment_id)
    split = get_experiment(database, experiment_id).spec["split"]
    assert (split["training"], split["test"]) == (["item-0"], ["item-2", "item-3"])


def test_lists_without_a_test_set_are_shown(database: Database) -> None:
    with database.write() as session:
        experiment_id = create(session, split=EXPLICIT | {"test": []}, test_items=slice(0)).id
    assert get_experiment(database, experiment_id).spec["split"]["training"] == ["item-0"]


def test_the_hidden_specification_cannot_be_launched_by_mistake(database: Database) -> None:
    with database.write() as session:
        experiment_id = create(session, split=EXPLICIT).id
    with pytest.raises(ValueError, match=r"split\.t"):
        ExperimentSpec.model_validate(get_experiment(database, experiment_id).spec)
