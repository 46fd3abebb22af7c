"""What a person may do with a held-out test set: reveal it."""

from __future__ import annotations

from fastapi import Request

from app.store.held_out import reveal_test_set
from app.store.queries import get_experiment
from app.store.views import ExperimentView
from app.web.state import services_of


def reveal(request: Request, experiment_id: int) -> ExperimentView:
    """Record that the test set is known from now on."""
    database = services_of(request).database
    with database.write() as session:
        reveal_test_set(session, experiment_id)
    return get_experiment(database, experiment_id)
