"""Checkpoints that agree with the database after a crash at any moment.

The order is: write epoch N's files (temporary name, fsync, rename) → the recorder commits epoch N → `commit`
moves `best.keras` and deletes what is not needed any more. The database says which epoch was committed last;
a resume takes exactly that epoch's files and deletes newer ones, whose commit never happened.

Kept are the last two epochs and the best epoch as seen from each of them: SQLite in WAL mode may lose its
last transaction when the power fails, and then the epoch before must still be whole. The first epochs are kept too
where a run asks for it. `best.keras` is a hard link to its epoch's checkpoint and costs no space; a resume makes it
anew from the resumed epoch's own record.

An epoch's files are

- ``epoch-000007.keras``: the model **as it was validated**, with the optimizer's state. With weight averaging, its
  weights are the averaged ones; with precise batch norm, its moving statistics are the re-estimated ones.
- ``epoch-000007.npz``, with weight averaging only: the weights that training goes on with.
- ``epoch-000007.json``: the `EpochRecord`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from worker.training.errors import CheckpointError

BEST_NAME = "best.keras"
#: How many first epochs are kept where a run asks for it.
FIRST_EPOCHS = 5

_EPOCH_FILE = re.compile(r"epoch-(\d{6,})\.(?:keras|npz|json)")
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
    precision : str
        The `Precision` of the model: a resume on another device must not change it.
    early_stopping, best, learning_rate : mapping
        States of the three state machines after this epoch.
    """

    epoch: int
    step: int
    best_epoch: int
    precision: str
    early_stopping: Mapping[str, Any]
    best: Mapping[str, Any]
    learning_rate: Mapping[str, Any]


class CheckpointStore:
    """The folder of one run's checkpoints; one process writes it at a time.

    Parameters
    ----------
    folder : Path
        Created when missing.
    keep_first : int
        The checkpoints of epochs up to this one are never deleted.
    """

    def __init__(self, folder: Path, *, keep_first: int = 0) -> None:
        self.folder = folder
        self.keep_first = keep_first
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def best_path(self) -> Path:
        """Where the model of the best committed epoch is."""
        return self.folder / BEST_NAME

    def model_path(self, epoch: int) -> Path:
        """Where the model and optimizer of `epoch` are, while they are kept."""
        return self.folder / f"epoch-{epoch:06d}.keras"

    def training_weights_path(self, epoch: int) -> Path:
        """Where the weights that training goes on with are, if they are not those of the model."""
        return self.folder / f"epoch-{epoch:06d}.npz"

    def record_path(self, epoch: int) -> Path:
        """Where the record of `epoch` is, while it is kept."""
        return self.folder / f"epoch-{epoch:06d}.json"

    # === Writing ===

    def write(
        self, model: keras.Model, record: EpochRecord, *, training_weights: Sequence[NDArray[Any]] | None = None
    ) -> None:
        """Put an epoch on disk, whole or not at all; call before the epoch is committed.

        Parameters
        ----------
        model : keras.Model
            Compiled, so that its file holds the optimizer's state too.
        training_weights : sequence of ndarray, optional
            With weight averaging: the weights that training goes on with.
        """
        if training_weights is not None:
            partial = self._partial(self.training_weights_path(record.epoch))
            with partial.open("wb") as file:
                np.savez(file, *training_weights)
            self._publish(partial, self.training_weights_path(record.epoch))
        partial = self._partial(self.model_path(record.epoch))
        model.save(partial)
        self._publish(partial, self.model_path(record.epoch))
        partial = self._partial(self.record_path(record.epoch))
        partial.write_text(json.dumps(asdict(record), allow_nan=False, indent=2), encoding="utf-8")
        self._publish(partial, self.record_path(record.epoch))
        _sync_folder(self.folder)

    def commit(self, epoch: int) -> None:
        """Move `best.keras` and prune; call after the epoch is committed."""
        record = self.read_record(epoch)
        if record.best_epoch == epoch:
            self._link_best(epoch)
        keep = {epoch, record.best_epoch}
        if self.record_path(epoch - 1).exists():
            keep |= {epoch - 1, self.read_record(epoch - 1).best_epoch}
        self._delete(other for other in self.epochs() if other not in keep and other > self.keep_first)

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

    def restore(self, model: keras.Model, epoch: int) -> None:
        """Give `model`, which has the saved one's structure, the weights and the optimizer's state of `epoch`."""
        self._load(model, self.model_path(epoch))

    def restore_best(self, model: keras.Model) -> None:
        """Give `model` the weights of the best committed epoch."""
        self._load(model, self.best_path)

    def read_training_weights(self, epoch: int) -> list[NDArray[np.float32]]:
        """Read the weights that training went on with after `epoch`, where they are not those of the model."""
        path = self.training_weights_path(epoch)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return [stored[f"arr_{index}"] for index in range(len(stored.files))]
        except FileNotFoundError as error:
            raise CheckpointError(self._missing(path, epoch)) from error
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CheckpointError(_unreadable(path, error)) from error

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

    @staticmethod
    def _load(model: keras.Model, path: Path) -> None:
        try:
            with warnings.catch_warnings():
                # Keras only warns when an optimizer's state does not fit, and would train on with a new one.
                warnings.filterwarnings("error", message="Skipping variable loading for optimizer")
                model.load_weights(path)
        except (OSError, ValueError, KeyError, UserWarning, zipfile.BadZipFile) as error:
            raise CheckpointError(_unreadable(path, error)) from error

    def _partial(self, target: Path) -> Path:
        return self.folder / f"{_PARTIAL_PREFIX}{target.name}"

    @staticmethod
    def _publish(partial: Path, target: Path) -> None:
        _sync(partial)
        partial.replace(target)

    def _link_best(self, epoch: int) -> None:
        source = self.model_path(epoch)
        if self.best_path.exists() and self.best_path.samefile(source):
            return
        partial = self._partial(self.best_path)
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
            self.training_weights_path(epoch).unlink(missing_ok=True)

    def _delete_partial(self) -> None:
        for path in self.folder.glob(f"{_PARTIAL_PREFIX}*"):
            path.unlink(missing_ok=True)

    @staticmethod
    def _missing(path: Path, epoch: int) -> str:
        return (
            f"Invalid checkpoint of epoch {epoch}: {path} does not exist, expected the file that the "
            "training wrote. Restore it from a backup, or start the run anew."
        )


def _unreadable(path: Path, error: Exception) -> str:
    return (
        f"Invalid checkpoint {path}: received a file that does not fit this run ({error}), expected the model that the "
        "training wrote. Start the run anew."
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
