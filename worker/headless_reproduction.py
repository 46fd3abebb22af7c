"""Whether a run that was trained again gave the same numbers, and what differs around it if not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.history import number_from_json
from app.store.database import Database
from app.store.runs import load_history
from app.store.schema import RunRow

#: Facts that say where and with what a run was trained; if one differs, different numbers are no surprise.
ENVIRONMENT_FACTS = ("versions", "code_version", "device", "dataset_hash")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two histories, number by number.

    Parameters
    ----------
    original, again : int
        The runs.
    epochs : tuple of int
        How many each has.
    first_difference : tuple or None
        (epoch, column, original value, value again) of the first number that differs; None if none does.
    largest_difference : float
        Largest absolute difference over the epochs that both have; NaN equals NaN.
    environment : mapping
        Facts that differ: name → (original, again).
    """

    original: int
    again: int
    epochs: tuple[int, int]
    first_difference: tuple[int, str, Any, Any] | None
    largest_difference: float
    environment: Mapping[str, tuple[Any, Any]]

    @property
    def is_identical(self) -> bool:
        """Whether every number of every epoch is the same to the bit."""
        return self.first_difference is None and self.epochs[0] == self.epochs[1]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "original": self.original,
            "again": self.again,
            "identical": self.is_identical,
            "epochs": list(self.epochs),
            "first_difference": None if self.first_difference is None else list(self.first_difference),
            "largest_difference": self.largest_difference,
            "environment": {name: list(values) for name, values in self.environment.items()},
        }

    def sentences(self) -> list[str]:
        """Return the comparison in words."""
        if self.is_identical:
            found = [f"run {self.again} reproduces run {self.original}: {self.epochs[0]} epochs, identical to the bit"]
        elif self.first_difference is None:
            found = [f"run {self.again} has {self.epochs[1]} epochs, run {self.original} has {self.epochs[0]}"]
        else:
            epoch, column, before, after = self.first_difference
            found = [
                f"run {self.again} differs from run {self.original} from epoch {epoch} on: {column} is {after!r}, was "
                f"{before!r}; largest difference {self.largest_difference:.3g}"
            ]
        return found + [
            f"{name} differs: {before!r} before, {after!r} now" for name, (before, after) in self.environment.items()
        ]


def compare_histories(database: Database, original: int, again: int) -> Comparison:
    """Compare the epochs of two runs, number by number."""
    with database.read() as session:
        before, after = dict(load_history(session, original)), dict(load_history(session, again))
        facts = [session.get_one(RunRow, run_id).facts for run_id in (original, again)]
    first: tuple[int, str, Any, Any] | None = None
    largest = 0.0
    for epoch in sorted(before.keys() & after.keys()):
        for column in before[epoch]:
            old, new = before[epoch][column], after[epoch].get(column)
            if old == new:
                continue
            first = first or (epoch, column, old, new)
            numbers = number_from_json(old), number_from_json(new)
            if None not in numbers:
                largest = max(largest, abs(float(numbers[0] or 0) - float(numbers[1] or 0)))
    environment = {
        name: (facts[0].get(name), facts[1].get(name))
        for name in ENVIRONMENT_FACTS
        if facts[0].get(name) != facts[1].get(name)
    }
    return Comparison(original, again, (len(before), len(after)), first, largest, environment)
