"""Carries what a training says into the database, and from there to the pages: database first, announcement second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from app.diagnosis.detection import detect
from app.diagnosis.history_table import HistoryTable
from app.domain.configuration import RunConfig
from app.domain.errors import UnavailableError
from app.domain.findings import Finding
from app.domain.history import HISTORY_COLUMNS, STEP_COLUMNS, metrics_from_json, number_to_json
from app.domain.metrics import Baselines
from app.domain.run_states import RunRequest, RunState, StopReason
from app.store.artifacts import write_atomically
from app.store.events import announce_epoch, announce_rewind, announce_run, announce_steps
from app.store.runs import (
    EpochRecord,
    LeaseLostError,
    SampleRecord,
    add_facts,
    finish,
    load_history,
    pending_request,
    record_epoch,
    record_start,
    record_steps,
    rewind,
    synchronise_findings,
)
from worker.services import WorkerServices
from worker.training.recording import EpochResult, SamplePrediction, StepResult, TrainingFacts

logger = logging.getLogger(__name__)

#: Steps are written and announced this often: fast enough for the eye, slow enough for any database.
FLUSH_SECONDS = 0.04
_RETRY_SECONDS = 60.0

_Row = dict[str, float | None]


class RunRecorder:
    """The engine's `Recorder` on database, artifacts and live stream.

    Steps are gathered and written by a thread, so that the training never waits for the database; an epoch
    waits until it is committed. Used as a context manager.

    Parameters
    ----------
    validation_item_ids : sequence of int
        Item ids in the order of the engine's validation arrays.
    extra_facts : mapping
        Stored with the engine's facts.
    """

    def __init__(
        self,
        services: WorkerServices,
        *,
        run_id: int,
        experiment_id: int,
        attempt: int,
        config: RunConfig,
        validation_item_ids: Sequence[int],
        extra_facts: Mapping[str, Any],
    ) -> None:
        self._services = services
        self._run_id = run_id
        self._experiment_id = experiment_id
        self._attempt = attempt
        self._config = config
        self._validation_item_ids = validation_item_ids
        self._extra_facts = extra_facts
        self._run_dir = services.artifacts.run_dir(run_id)
        self._baselines: Baselines | None = None
        self._steps_per_epoch = 0
        self._pending: list[StepResult] = []
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._closing = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._flush_forever, name="step-writer", daemon=True)

    def __enter__(self) -> RunRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.set()
        self._thread.join()

    @property
    def lease_lost(self) -> bool:
        """Whether the run belongs to another attempt by now."""
        return self._lost.is_set()

    def finish_requested(self) -> bool:
        """Whether a person wants the run to end after its current epoch."""
        try:
            with self._services.database.read() as session:
                return pending_request(session, self._run_id) == RunRequest.FINISH
        except UnavailableError as error:
            # The next epoch asks again.
            logger.warning("not known whether the run is to be finished: %s", error)
            return False

    def rewind(self, epoch: int) -> None:
        """Forget what an earlier attempt wrote after its last epoch, before this attempt's first step."""
        with self._services.database.write() as session:
            step = rewind(session, run_id=self._run_id, attempt=self._attempt)
        announce_rewind(
            self._services.announcer,
            run_id=self._run_id,
            experiment_id=self._experiment_id,
            attempt=self._attempt,
            epoch=epoch,
            step=step,
        )

    def started(self, facts: TrainingFacts) -> None:
        """Store what is known before the first step."""
        self._baselines = facts.baselines
        self._steps_per_epoch = facts.steps_per_epoch
        with self._services.database.write() as session:
            record_start(
                session,
                run_id=self._run_id,
                attempt=self._attempt,
                steps_per_epoch=facts.steps_per_epoch,
                parameters=facts.parameters,
                device=facts.device,
                baselines=facts.baselines,
                facts={
                    "trainable_parameters": facts.trainable_parameters,
                    "batchnorm_layers": facts.batchnorm_layers,
                    "training_items": facts.training_items,
                    "validation_items": facts.validation_items,
                    "validation_pixels": facts.validation_pixels,
                    "validation_foreground_pixels": facts.validation_foreground_pixels,
                    "test_items": facts.test_items,
                    "precision": facts.precision,
                    "replicas": facts.replicas,
                    "training_foreground": facts.training_foreground,
                    **self._extra_facts,
                },
            )
        announce_run(self._services.database, self._services.announcer, self._run_id)

    def step(self, result: StepResult) -> None:
        """Take a step; the writer thread stores it."""
        with self._lock:
            self._pending.append(result)

    def epoch(self, result: EpochResult) -> None:
        """Commit an epoch with its samples and findings, then announce it."""
        self._flush_patiently()
        samples = [self._write_sample(result.epoch, sample) for sample in result.samples]
        rows = self._load_rows()
        rows.append({"epoch": float(result.epoch), **result.metrics})
        record = EpochRecord(
            epoch=result.epoch,
            step=result.step,
            seconds=result.seconds,
            metrics=result.metrics,
            best_val_jaccard=result.best_val_jaccard,
            best_epoch=result.best_epoch,
            samples=samples,
            findings=self._detect(rows),
        )
        self._patiently(lambda: self._commit_epoch(record))
        announce_epoch(
            self._services.database,
            self._services.announcer,
            run_id=self._run_id,
            experiment_id=self._experiment_id,
            attempt=self._attempt,
            epoch=result.epoch,
            step=result.step,
            metrics=result.metrics,
        )
        announce_run(self._services.database, self._services.announcer, self._run_id)
        self._write_history(rows)

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        """Add facts to those of the run."""
        values = {name: number_to_json(value) if isinstance(value, float) else value for name, value in facts.items()}

        def commit() -> None:
            with self._services.database.write() as session:
                add_facts(session, run_id=self._run_id, attempt=self._attempt, facts=values)

        self._patiently(commit)
        announce_run(self._services.database, self._services.announcer, self._run_id)

    def finished(self, reason: StopReason) -> None:
        """End the run: what is still wrong now will not heal, which the findings then say."""
        rows = self._load_rows()
        findings = self._detect(rows, ended=True)

        def commit() -> None:
            with self._services.database.write() as session:
                finish(
                    session,
                    run_id=self._run_id,
                    attempt=self._attempt,
                    state=RunState.FINISHED,
                    reason=reason,
                )
                synchronise_findings(session, run_id=self._run_id, findings=findings, epoch=len(rows))

        self._patiently(commit)

    def _load_rows(self) -> list[_Row]:
        with self._services.database.read() as session:
            stored = load_history(session, self._run_id)
        return [{"epoch": float(epoch), **metrics_from_json(metrics)} for epoch, metrics in stored]

    def _detect(self, rows: Sequence[_Row], *, ended: bool = False) -> tuple[Finding, ...]:
        return detect(
            HistoryTable.from_rows(rows),
            baselines=self._baselines,
            planned_updates=self._config.training.epochs * self._steps_per_epoch,
            batchnorm_momentum=self._config.moving_average_momentum,
            steps_per_epoch=self._steps_per_epoch,
            ended=ended,
        )

    def _commit_epoch(self, record: EpochRecord) -> None:
        with self._services.database.write() as session:
            record_epoch(session, run_id=self._run_id, attempt=self._attempt, record=record)

    def _write_sample(self, epoch: int, sample: SamplePrediction) -> SampleRecord:
        item_id = self._validation_item_ids[sample.item_index]
        path = self._run_dir / "samples" / f"{item_id}-epoch-{epoch:06d}-{self._attempt}.png"
        write_png(path, sample.probability)
        return SampleRecord(item_id=item_id, path=self._services.artifacts.relative(path), counts=sample.counts)

    def _write_history(self, rows: Sequence[_Row]) -> None:
        table = pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))
        # Keras' CSVLogger counts epochs from 0, and so do the scripts that read its files.
        table["epoch"] = table["epoch"].astype(int) - 1
        text = table.to_csv(index=False, na_rep="nan")
        write_atomically(self._run_dir / "history.csv", text.encode())

    def _flush_forever(self) -> None:
        while not self._closing.wait(FLUSH_SECONDS):
            self._flush_or_keep()
        self._flush_or_keep()

    def _flush_or_keep(self) -> None:
        try:
            self._flush()
        except LeaseLostError:
            self._lost.set()
        except UnavailableError as error:
            logger.warning("steps wait for the database: %s", error)

    def _flush_patiently(self) -> None:
        self._patiently(self._flush)

    def _patiently(self, write: Callable[[], None]) -> None:
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            try:
                write()
            except UnavailableError as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("waiting for the database: %s", error)
                time.sleep(1.0)
            else:
                return

    def _flush(self) -> None:
        # One flush at a time, or a later batch could overtake an earlier one.
        with self._flushing:
            with self._lock:
                batch = self._pending[:]
            if not batch or self._lost.is_set():
                return
            values = np.array([[getattr(step, name) for name in STEP_COLUMNS] for step in batch], dtype=np.float32)
            with self._services.database.write() as session:
                record_steps(
                    session,
                    run_id=self._run_id,
                    attempt=self._attempt,
                    first_step=batch[0].step,
                    values=values,
                    images_per_second=batch[-1].images_per_second,
                )
            with self._lock:
                del self._pending[: len(batch)]
        announce_steps(
            self._services.announcer,
            run_id=self._run_id,
            experiment_id=self._experiment_id,
            attempt=self._attempt,
            columns={
                "step": [step.step for step in batch],
                **{name: [number_to_json(getattr(step, name)) for step in batch] for name in STEP_COLUMNS},
            },
        )


def write_png(path: Path, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """Write an 8-bit grey or RGB picture so that nobody sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    Image.fromarray(pixels).save(temporary, format="PNG", compress_level=3)
    temporary.replace(path)
