"""The process of one training: `python -m worker.training_process --run N --attempt K`."""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from app.datasets.items.mask_rules import settled_mask_rule
from app.datasets.items.preparation import PreparedItems, prepare_items
from app.domain.dataset_import import ImportSpec
from app.domain.errors import SegscopeError
from app.domain.run_states import RunState, StopReason
from app.store import runs, workers
from app.store.runs import LeaseLostError, TrainingOrder, training_order
from app.store.schema import ItemRow
from worker.child_process import ExitCode, end_with_parent
from worker.provenance import provenance
from worker.run_recorder import RunRecorder, write_png
from worker.services import WorkerServices, open_services
from worker.training.data import TrainingData
from worker.training.devices import describe_devices, enable_memory_growth
from worker.training.engine import TrainingOutcome, train
from worker.training.sample_choice import choose_samples

logger = logging.getLogger("worker.training_process")


def main() -> int:
    """Train the run that the command line names, as the claimed attempt."""
    parser = argparse.ArgumentParser(prog="python -m worker.training_process")
    parser.add_argument("--run", type=int, required=True)
    parser.add_argument("--attempt", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)-7s %(message)s")
    end_with_parent()
    stop = threading.Event()

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    services = open_services()
    try:
        outcome = _train(services, run_id=arguments.run, attempt=arguments.attempt, stop=stop)
        if outcome.stop_reason == StopReason.CANCELLED:
            logger.info("stopped on request after epoch %d", outcome.epochs)
            return ExitCode.STOPPED_ON_REQUEST
        logger.info("finished: %s after epoch %d", outcome.stop_reason, outcome.epochs)
    except LeaseLostError as error:
        logger.warning("%s", error)
        return ExitCode.LEASE_LOST
    except Exception as error:
        message = failure_message(error)
        logger.exception("training failed: %s", message)
        with services.database.write() as session:
            runs.finish(
                session,
                run_id=arguments.run,
                attempt=arguments.attempt,
                state=RunState.FAILED,
                reason=StopReason.ERROR,
                message=message,
            )
        return ExitCode.FAILED
    return ExitCode.DONE


def failure_message(error: BaseException) -> str:
    """Return one sentence about `error` for the run's page."""
    if isinstance(error, SegscopeError):
        return error.message
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    if full or (isinstance(error, sqlite3.Error) and "disk is full" in str(error)):
        return "The disk is full. Free some space in the data folder and retry; finished epochs are safe."
    if isinstance(error, OSError):
        return (
            f"A file could not be used: {error.strerror or error} ({error.filename or 'no name'}). Check it and retry."
        )
    if isinstance(error, MemoryError):
        return "The machine's memory is too small. Reduce the batch size or the image size and retry."
    if isinstance(error, SQLAlchemyError):
        return "The database refused a write. Check free disk space and the database, then retry."
    return f"The training ended with an unexpected {type(error).__name__}. The log has the details."


def _train(services: WorkerServices, *, run_id: int, attempt: int, stop: threading.Event) -> TrainingOutcome:
    enable_memory_growth()
    with services.database.write() as session:
        order = training_order(session, run_id=run_id, attempt=attempt)
        if order.run.worker_id:
            workers.set_devices(session, worker_id=order.run.worker_id, devices=describe_devices())
    items = {item.id: item for item in order.experiment.dataset.items}
    fold = order.experiment.folds[order.run.fold]
    training_ids = [int(item_id) for item_id in fold["training"]]
    validation_ids = [int(item_id) for item_id in fold["validation"]]
    # An experiment may hold items out for the end.
    test_ids = [int(item_id) for item_id in order.experiment.test_items]
    logger.info("reading %d items", len(training_ids) + len(validation_ids) + len(test_ids))
    training = _prepare(services, order, [items[item_id] for item_id in training_ids])
    validation = _prepare(services, order, [items[item_id] for item_id in validation_ids])
    test = _prepare(services, order, [items[item_id] for item_id in test_ids]) if test_ids else None
    data = TrainingData(
        training_images=training.images,
        training_masks=training.masks[..., 0],
        validation_images=validation.images,
        validation_masks=validation.masks[..., 0],
        test_images=None if test is None else test.images,
        test_masks=None if test is None else test.masks[..., 0],
    )
    chosen = choose_samples(data.validation_masks)
    run_dir = services.artifacts.run_dir(run_id)
    _write_sample_items(run_dir, data, item_ids=validation_ids, chosen=chosen)
    recorder = RunRecorder(
        services,
        run_id=run_id,
        experiment_id=order.experiment.id,
        attempt=attempt,
        config=order.config,
        validation_item_ids=validation_ids,
        extra_facts={
            "sample_items": [validation_ids[index] for index in chosen],
            "dataset_hash": order.experiment.dataset_hash,
            **provenance(),
        },
    )
    resume_epoch = order.run.epoch
    recorder.rewind(resume_epoch)
    with recorder:
        outcome = train(
            order.config,
            data,
            recorder=recorder,
            checkpoint_dir=run_dir / "checkpoints",
            sample_items=chosen,
            resume_epoch=resume_epoch,
            extended_at_epoch=order.run.extended_at_epoch,
            should_stop=lambda: stop.is_set() or recorder.lease_lost,
            should_finish=recorder.finish_requested,
        )
    if recorder.lease_lost:
        raise LeaseLostError(f"Run {run_id} is no longer trained by attempt {attempt}.")
    if outcome.stop_reason != StopReason.CANCELLED:
        recorder.finished(outcome.stop_reason)
    return outcome


def _prepare(services: WorkerServices, order: TrainingOrder, items: list[ItemRow]) -> PreparedItems:
    dataset, image = order.experiment.dataset, order.config.image
    # Training sees crops of this many times the network's size.
    factor = order.config.sampling.crop_factor
    if dataset.intensity_low is None or dataset.intensity_high is None:
        raise SegscopeError(f"Dataset {dataset.name!r} is not indexed; register it again.")
    spec = ImportSpec.model_validate(dataset.import_spec)
    return prepare_items(
        items,
        root=Path(dataset.root),
        height=factor * image.height,
        width=factor * image.width,
        channels=image.channels,
        mask_rule=settled_mask_rule(spec.mask, threshold=dataset.mask_threshold, text=dataset.mask_rule_text),
        intensity_low=dataset.intensity_low,
        intensity_high=dataset.intensity_high,
        max_pixels=services.settings.image_max_pixels,
    )


def _write_sample_items(run_dir: Path, data: TrainingData, *, item_ids: list[int], chosen: tuple[int, ...]) -> None:
    for index in chosen:
        folder = run_dir / "samples"
        write_png(folder / f"{item_ids[index]}-image.png", _display(data.validation_images[index]))
        write_png(folder / f"{item_ids[index]}-mask.png", data.validation_masks[index] * np.uint8(255))


def _display(image: NDArray[np.float32]) -> NDArray[Any]:
    pixels = np.round(image * 255).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


if __name__ == "__main__":
    sys.exit(main())
