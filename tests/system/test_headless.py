"""`segscope train` and `reproduce` without a server: real trainings at tiny size, into a store of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.domain.configuration import RunConfig
from app.store.database import Database
from app.store.queries import get_run, list_runs
from app.store.schema import RunRow
from tests.factories import write_pairs

TINY = (
    "--set=image.height=32",
    "--set=image.width=32",
    "--set=image.channels=1",
    "--set=network.base_filters=2",
    "--set=models.batch_size=2",
    "--set=split.validation_fraction=0.25",
    "--set=training.early_stopping_patience=0",
)


def command(data_dir: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments, "--data-dir", str(data_dir), "--json"]


def environment() -> dict[str, str]:
    return {**os.environ, "SEGSCOPE_REDIS_URL": ""}


def run(data_dir: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(
        command(data_dir, *arguments), capture_output=True, text=True, timeout=240, env=environment(), check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def database(data_dir: Path) -> Database:
    return Database(f"sqlite:///{data_dir / 'segscope.db'}")


def stored_config(data_dir: Path, run_id: int) -> RunConfig:
    with database(data_dir).read() as session:
        return RunConfig.model_validate(session.get_one(RunRow, run_id).config)


@pytest.mark.slow
def test_a_folder_is_registered_trained_on_and_reproduced(tmp_path: Path) -> None:
    data_dir, folder = tmp_path / "data", write_pairs(tmp_path / "beads")

    code, events, errors = run(
        data_dir, "train", "--dataset", str(folder), "--model=unet", "--set=training.epochs=2", *TINY
    )

    assert code == 0, errors
    assert [event["event"] for event in events] == ["dataset", "experiment", "epoch", "epoch", "run"]
    assert events[0]["items"] == 12
    stored = get_run(database(data_dir), events[1]["runs"][0])
    assert (stored.state, stored.epoch, stored.queue) == ("finished", 2, "headless")
    assert stored.best_val_jaccard == events[-1]["best_val_jaccard"]
    assert (data_dir / "artifacts" / "runs" / "1" / "history.csv").is_file()
    # Without --preset, the recommended settings; nine items train in five steps an epoch.
    config = stored_config(data_dir, stored.id)
    assert config.training.precise_batchnorm
    assert config.batchnorm_momentum == 0.5

    code, events, errors = run(data_dir, "reproduce", "1")

    assert (code, events[-1]["event"], events[-1]["identical"]) == (0, "reproduction", True), (events, errors)
    assert get_run(database(data_dir), 2).retry_of_id == 1


@pytest.mark.slow
def test_an_interrupted_training_resumes_without_a_gap(tmp_path: Path) -> None:
    data_dir, folder = tmp_path / "data", write_pairs(tmp_path / "beads")
    arguments = (
        "train",
        "--dataset",
        str(folder),
        "--model=unet",
        "--preset=report",
        "--set=training.epochs=15",
        *TINY,
    )
    with subprocess.Popen(
        command(data_dir, *arguments), stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "epoch":
                process.send_signal(signal.SIGINT)
                break
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == 130
    assert rest[-1] == {"event": "interrupted", "experiment": 1}
    (waiting,) = list_runs(database(data_dir))
    assert waiting.state == "queued"
    assert 1 <= waiting.epoch < 15
    config = stored_config(data_dir, waiting.id)
    assert (config.batchnorm_momentum, config.training.precise_batchnorm) == (0.99, False)

    code, events, errors = run(data_dir, "train", "--resume", "1")

    assert code == 0, errors
    epochs = [event["epoch"] for event in events if event["event"] == "epoch"]
    assert epochs == list(range(waiting.epoch + 1, 16))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--dataset"),
        (("--dataset", "/nowhere/at/all"), "/nowhere/at/all"),
        (("--dataset", "99"), "99"),
        (("--dataset", "1", "--model", "vnet"), "vnet"),
        (("--dataset", "1", "--preset", "best"), "best"),
        (("--dataset", "1", "--set", "training.epohcs=3"), "training.epohcs"),
        (("--dataset", "1", "--set", "training.epochs"), "key=value"),
        (("--dataset", "1", "--set", "training.epochs=0"), "training.epochs"),
        (("--dataset", "1", "--model", "unet", "--set", "models.attention-unet.batch_size=2"), "not trained"),
        (("--resume", "7"), "7"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, events, errors = run(tmp_path / "data", "train", *arguments)

    assert code == 2, (events, errors)
    assert words in errors
    assert "Traceback" not in errors
    assert words in events[-1]["error"]["message"] if "error" in events[-1] else words in events[-1]["message"]
