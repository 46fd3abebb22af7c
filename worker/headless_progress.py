"""What a training without a server prints: a line that moves on a terminal, a line an epoch elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from app.domain.errors import SegscopeError
from app.domain.run_states import RunState
from app.store.database import Database
from app.store.dataset_queries import get_dataset
from app.store.queries import get_run
from app.store.runs import load_history
from app.store.schema import RunRow
from worker.headless_reproduction import Comparison

_LOOK_SECONDS = 0.25


class ProgressPrinter:
    """Prints what happens.

    Parameters
    ----------
    as_json : bool
        One JSON object a line on standard output, and nothing else there.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._moves = sys.stderr.isatty() and not as_json
        self._shown = ""

    def error(self, error: SegscopeError) -> None:
        """Print why the command ends."""
        if self._as_json:
            self._emit("error", code=error.code, message=error.message)
        self._say(f"segscope: {error.message}", stream=sys.stderr)

    def indexing(self, database: Database, dataset_id: int) -> None:
        """Print that a dataset is being read."""
        view = get_dataset(database, dataset_id)
        self._move(f"reading and checking {view.root} …")

    def dataset(self, database: Database, dataset_id: int) -> None:
        """Print what is trained on, and how healthy it is."""
        view = get_dataset(database, dataset_id)
        health = view.health.model_dump() if view.health else {}
        self._emit("dataset", id=view.id, name=view.name, items=view.n_items, health=health, hash=view.content_hash)
        serious = ", ".join(finding.title for finding in view.findings if finding.severity != "worth-knowing")
        warning = f"; findings: {serious}" if serious else ""
        self._text(f"dataset {view.id} '{view.name}': {view.n_items} items{warning}")

    def launched(self, experiment_id: int, name: str, run_ids: Sequence[int]) -> None:
        """Print which runs there will be."""
        self._emit("experiment", id=experiment_id, name=name, runs=list(run_ids))
        self._text(f"experiment {experiment_id} '{name}': runs {', '.join(map(str, run_ids))}")

    def follow(self, database: Database, run_id: int, *, until: Callable[[float], bool]) -> None:
        """Print a run's epochs as they are committed, until `until(seconds)` says that it has ended."""
        with database.read() as session:
            last = max((epoch for epoch, _ in load_history(session, run_id)), default=0)
        ended = False
        while not ended:
            ended = until(_LOOK_SECONDS)
            view = get_run(database, run_id)
            with database.read() as session:
                fresh = [(epoch, metrics) for epoch, metrics in load_history(session, run_id) if epoch > last]
            for epoch, metrics in fresh:
                last = epoch
                self._emit("epoch", run=run_id, architecture=view.architecture, epoch=epoch, metrics=metrics)
                self._text(
                    f"run {run_id} {view.label} epoch {epoch}/{view.epochs_planned}: loss {_short(metrics['loss'])}, "
                    f"Jaccard {_short(metrics['jaccard'])}, validation {_short(metrics['val_jaccard'])}"
                )
            if not ended:
                rate = f", {view.images_per_second:.1f} images/s" if view.images_per_second else ""
                left = f", {view.seconds_left:.0f} s left" if view.seconds_left is not None else ""
                self._move(f"run {run_id} {view.label}: {view.progress:.0%}, step {view.step}{rate}{left}")
        self._move("")

    def summary(self, database: Database, run_ids: Sequence[int]) -> list[RunState]:
        """Print how the runs ended; return their states."""
        states: list[RunState] = []
        for run_id in run_ids:
            view = get_run(database, run_id)
            states.append(view.state)
            findings = [finding.title for finding in view.findings if finding.until_epoch is None]
            self._emit(
                "run",
                id=run_id,
                architecture=view.architecture,
                state=view.state,
                stop_reason=view.stop_reason,
                message=view.message,
                epochs=view.epoch,
                best_val_jaccard=view.best_val_jaccard,
                best_epoch=view.best_epoch,
                last_val_jaccard=view.last_val_jaccard,
                findings=findings,
            )
            best = f", best validation Jaccard {_short(view.best_val_jaccard)} at epoch {view.best_epoch}"
            self._text(
                f"run {run_id} {view.label}: {view.state}{best if view.best_epoch else ''}"
                + (f". {view.message}" if view.message else "")
                + (f"; findings: {', '.join(findings)}" if findings else "")
            )
        return states

    def interrupted(self, database: Database, run_ids: Sequence[int]) -> None:
        """Print how to go on."""
        with database.read() as session:
            experiment_id = session.get_one(RunRow, run_ids[0]).experiment_id
        self._emit("interrupted", experiment=experiment_id)
        self._text(f"interrupted; every finished epoch is kept. Go on with: segscope train --resume {experiment_id}")

    def comparison(self, comparison: Comparison) -> None:
        """Print whether a reproduction is one."""
        self._emit("reproduction", **comparison.as_json())
        for sentence in comparison.sentences():
            self._text(sentence)

    def _emit(self, event: str, **data: Any) -> None:
        if self._as_json:
            self._say(json.dumps({"event": event, **data}), stream=sys.stdout)

    def _text(self, text: str) -> None:
        if not self._as_json:
            self._move("")
            self._say(text, stream=sys.stdout)

    def _move(self, text: str) -> None:
        if self._moves and text != self._shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._shown = text

    @staticmethod
    def _say(text: str, *, stream: Any) -> None:
        stream.write(text + "\n")
        stream.flush()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
