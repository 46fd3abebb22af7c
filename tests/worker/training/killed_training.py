"""Run as a program, in a folder: train with everything on, going on from what an earlier process committed there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.worker.training.full_training import everything_on, make_large_data
from worker.training.engine import train
from worker.training.recording import EpochResult, StepResult, TrainingFacts


class FileRecorder:
    """A database of two files with one JSON object a line; a torn last line was never committed."""

    def __init__(self, folder: Path) -> None:
        self._epochs = folder / "epochs.jsonl"
        self._steps = folder / "steps.jsonl"
        self.notes: dict[str, Any] = {}
        self._rewrite(self._epochs, read_lines(self._epochs))
        self.committed = len(read_lines(self._epochs))
        self._rewrite(self._steps, [line for line in read_lines(self._steps) if line["epoch"] <= self.committed])

    @staticmethod
    def _rewrite(path: Path, lines: list[dict[str, Any]]) -> None:
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    @staticmethod
    def _append(path: Path, line: dict[str, Any]) -> None:
        with path.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
            file.flush()
            os.fsync(file.fileno())

    def started(self, facts: TrainingFacts) -> None:
        """Nothing of it is compared."""

    def step(self, result: StepResult) -> None:
        """Store what is the same in every process."""
        names = ("step", "epoch", "loss", "jaccard", "learning_rate")
        self._append(self._steps, {name: getattr(result, name) for name in names})

    def epoch(self, result: EpochResult) -> None:
        """Commit."""
        names = ("epoch", "step", "metrics", "is_best", "best_val_jaccard", "best_epoch")
        self._append(self._epochs, {name: getattr(result, name) for name in names})

    def note(self, facts: Mapping[str, float | int | bool | str]) -> None:
        """Keep for the end."""
        self.notes.update(facts)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def main() -> None:
    """Train to the end."""
    folder = Path(sys.argv[1])
    recorder = FileRecorder(folder)
    train(
        everything_on(),
        make_large_data(),
        recorder=recorder,
        checkpoint_dir=folder / "checkpoints",
        sample_items=(),
        resume_epoch=recorder.committed,
        should_stop=lambda: False,
    )
    (folder / "notes.json").write_text(json.dumps(recorder.notes))


if __name__ == "__main__":
    main()
