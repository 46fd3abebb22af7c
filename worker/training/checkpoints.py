"""Checkpoints that agree with the database after a crash at any moment.

The order is: write epoch N's files (temporary name, fsync, rename) → the recorder commits epoch N → `commit`
moves `best.keras` and deletes what is not needed any more. The database says which epoch was committed last;
a resume takes exactly that epoch's files and deletes newer ones, whose commit never happened.

Kept are the last two epochs and the best epoch as seen from each of them: SQLite in WAL mode may lose its
last transaction when the power fails, and then the epoch before must still be whole. `best.keras` is a hard
link to its epoch's checkpoint and costs no space; a resume makes it anew from the resumed epoch's own record.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from worker.training.errors import CheckpointError

BEST_NAME = "best.keras"
_EPOCH_FILE = re.compile(r"epoch-(\d{6,})\.(?:keras|json)")
_PARTIAL_PREFIX = ".partial-"


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What a resume needs beside the weights.

    Parameters
    ----------
    epoch, step : int
        The epoch and its last global step.
    best_epoch : int
        The best epoch up to this one.
    early_stopping, reduce_lr : mapping
        States of the two state machines after this epoch.
    """

    epoch: int
    step: int
    best_epoch: int
    early_stopping: Mapping[str, Any]
    reduce_lr: Mapping[str, Any]


class CheckpointStore:
    """The folder of one run's checkpoints; one process writes it at a time.

    Parameters
    ----------
    folder : Path
        Created when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def best_path(self) -> Path:
        """Where the model of the best committed epoch is."""
        return self.folder / BEST_NAME

    def model_path(self, epoch: int) -> Path:
        """Where the model and optimizer of `epoch` are, while they are kept."""
        return self.folder / f"epoch-{epoch:06d}.keras"

    def record_path(self, epoch: int) -> Path:
        """Where the record of `epoch` is, while it is kept."""
        return self.folder / f"epoch-{epoch:06d}.json"

    # === Writing ===

    def write(self, model: keras.Model, record: EpochRecord) -> None:
        """Put an epoch on disk, whole or not at all; call before the epoch is committed.

        `model` must be compiled, so that its file holds the optimizer's state too.
        """
        target = self.model_path(record.epoch)
        partial = self.folder / f"{_PARTIAL_PREFIX}{target.name}"
        model.save(partial)
        _sync(partial)
        partial.replace(target)
        content = json.dumps(
            {
                "epoch": record.epoch,
                "step": record.step,
                "best_epoch": record.best_epoch,
                "early_stopping": dict(record.early_stopping),
                "reduce_lr": dict(record.reduce_lr),
            },
            allow_nan=False,
            indent=2,
        )
        partial = self.folder / f"{_PARTIAL_PREFIX}{self.record_path(record.epoch).name}"
        partial.write_text(content, encoding="utf-8")
        _sync(partial)
        partial.replace(self.record_path(record.epoch))
        _sync_folder(self.folder)

    def commit(self, epoch: int) -> None:
        """Move `best.keras` and prune; call after the epoch is committed."""
        record = self.read_record(epoch)
        if record.best_epoch == epoch:
            self._link_best(epoch)
        keep = {epoch, record.best_epoch}
        if self.record_path(epoch - 1).exists():
            keep |= {epoch - 1, self.read_record(epoch - 1).best_epoch}
        self._delete(other for other in self.epochs() if other not in keep)

    # === Resuming ===

    def prepare(self, committed_epoch: int) -> EpochRecord | None:
        """Bring the folder to the state right after the commit of `committed_epoch` (0: nothing committed).

        Returns
        -------
        EpochRecord or None
            Of the committed epoch; None for 0.

        Raises
        ------
        CheckpointError
            If the committed epoch's files are missing or damaged. Nothing has been deleted then.
        """
        if committed_epoch == 0:
            self._delete(self.epochs())
            self.best_path.unlink(missing_ok=True)
            self._delete_partial()
            return None
        record = self.read_record(committed_epoch)
        if not self.model_path(committed_epoch).exists():
            raise CheckpointError(self._missing(self.model_path(committed_epoch), committed_epoch))
        if not self.model_path(record.best_epoch).exists():
            raise CheckpointError(self._missing(self.model_path(record.best_epoch), committed_epoch))
        self._link_best(record.best_epoch)
        self._delete(epoch for epoch in self.epochs() if epoch > committed_epoch)
        self._delete_partial()
        return record

    def load_model(self, epoch: int) -> keras.Model:
        """Load the compiled model of `epoch` with its optimizer's state."""
        path = self.model_path(epoch)
        try:
            return keras.models.load_model(path, safe_mode=True)
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"Invalid checkpoint {path}: received a file that cannot be read ({error}), expected a Keras "
                "model. Start the run anew."
            ) from error

    def read_record(self, epoch: int) -> EpochRecord:
        """Read the record of `epoch`."""
        path = self.record_path(epoch)
        try:
            return EpochRecord(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise CheckpointError(self._missing(path, epoch)) from error
        except (OSError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"Invalid checkpoint record {path}: {error}; expected the JSON that the training wrote. "
                "Start the run anew."
            ) from error

    def epochs(self) -> tuple[int, ...]:
        """Return the epochs with any file in the folder, ascending."""
        matches = (_EPOCH_FILE.fullmatch(path.name) for path in self.folder.iterdir())
        return tuple(sorted({int(match[1]) for match in matches if match}))

    def _link_best(self, epoch: int) -> None:
        source = self.model_path(epoch)
        if self.best_path.exists() and self.best_path.samefile(source):
            return
        partial = self.folder / f"{_PARTIAL_PREFIX}{BEST_NAME}"
        partial.unlink(missing_ok=True)
        try:
            os.link(source, partial)
        except OSError:
            # Some network and FAT file systems have no hard links.
            shutil.copyfile(source, partial)
            _sync(partial)
        partial.replace(self.best_path)
        _sync_folder(self.folder)

    def _delete(self, epochs: Iterable[int]) -> None:
        for epoch in epochs:
            # The record goes first: an epoch without one is not whole.
            self.record_path(epoch).unlink(missing_ok=True)
            self.model_path(epoch).unlink(missing_ok=True)

    def _delete_partial(self) -> None:
        for path in self.folder.glob(f"{_PARTIAL_PREFIX}*"):
            path.unlink(missing_ok=True)

    @staticmethod
    def _missing(path: Path, epoch: int) -> str:
        return (
            f"Invalid checkpoint of epoch {epoch}: {path} does not exist, expected the file that the "
            "training wrote. Restore it from a backup, or start the run anew."
        )


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # Windows cannot open folders, and needs no such call to keep a rename.
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
