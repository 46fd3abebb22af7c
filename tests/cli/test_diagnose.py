"""`segscope diagnose`, as a person and as a script call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.diagnosis.state import HistoryState
from app.domain.findings import FindingCode

RUNNER = CliRunner()

COLLAPSED = "epoch,jacard_coef,val_jacard_coef,lr\n" + "".join(
    f"{epoch},{0.5 + epoch / 100},{0.6 if epoch < 8 else 1.5e-12},0.001\n" for epoch in range(14)
)
HEALTHY = "jacard_coef,val_jacard_coef\n" + "".join(f"{0.5 + epoch / 40},{0.45 + epoch / 40}\n" for epoch in range(16))
FINDING_KEYS = {"code", "severity", "epoch", "until_epoch", "title", "message", "evidence"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "collapsed.csv").write_text(COLLAPSED)
    (tmp_path / "healthy.csv").write_text(HEALTHY)
    (tmp_path / "labels.csv").write_text("name,label\na,held\n")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\0\0")
    return tmp_path


def run(*arguments: object, code: int = 0) -> str:
    result = RUNNER.invoke(cli, ["diagnose", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stdout


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_object_on_one_line(folder: Path) -> None:
    (answer,) = objects(run(folder / "collapsed.csv", "--json"))
    assert answer["file"] == str(folder / "collapsed.csv")
    assert answer["state"] == "collapsed"
    assert (answer["epochs"], answer["best_epoch"], answer["best_val_jaccard"]) == (14, 1, 0.6)
    collapse = next(one for one in answer["findings"] if one["code"] == FindingCode.COLLAPSE)
    assert set(collapse) == FINDING_KEYS
    assert (collapse["severity"], collapse["epoch"], collapse["until_epoch"]) == ("serious", 9, None)
    floor = answer["forensics"]["floor_inversion"]
    assert (floor["epsilon"], floor["foreground_pixels"]) == (1e-7, 66667)
    assert {"claim", "certainty", "arithmetic", "uncertainty", "alternatives"} <= set(floor)


def test_one_object_a_line_for_several_files_unreadable_ones_included(folder: Path) -> None:
    names = ["healthy.csv", "labels.csv", "picture.csv", "absent.csv", ".", "collapsed.csv"]
    answers = objects(run(*[folder / name for name in names], "--json"))
    assert [Path(answer["file"]).name for answer in answers[:4]] == names[:4]
    states = [answer["state"] for answer in answers]
    assert states == ["healthy", *["unreadable"] * 4, "collapsed"]
    for answer in answers[1:5]:
        assert set(answer) == {"file", "state", "error"}
        assert answer["error"].startswith("Invalid history: received")
    assert {answer["state"] for answer in answers} <= set(HistoryState)


def test_if_no_file_can_be_read_the_command_fails(folder: Path) -> None:
    result = RUNNER.invoke(cli, ["diagnose", str(folder / "labels.csv"), str(folder / "absent.csv"), "--json"])
    assert result.exit_code == 1
    assert [answer["state"] for answer in objects(result.stdout)] == ["unreadable"] * 2
    assert "none of the 2 files" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--image-size", "0"],
        ["--image-size", "256x"],
        ["--image-size", "big"],
        ["--momentum", "1"],
        ["--momentum", "2"],
        ["--batch-size", "0"],
        ["--unknown"],
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str]) -> None:
    files = [] if not arguments else [str(folder / "healthy.csv")]
    result = RUNNER.invoke(cli, ["diagnose", *files, *arguments])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_text_is_for_a_person(folder: Path) -> None:
    text = run(folder / "collapsed.csv", folder / "healthy.csv")
    assert f"{folder / 'collapsed.csv'}: collapsed" in text
    assert "serious  since epoch 9      Validation Jaccard collapsed (collapse)" in text
    assert "floor inversion (likely)" in text
    assert "Arithmetic:" in text
    assert "Or else:" in text
    assert f"\n\n{folder / 'healthy.csv'}: healthy" in text
    assert max(map(len, text.splitlines())) <= 120


def test_unreadable_files_are_told_in_text_too(folder: Path) -> None:
    text = run(folder / "absent.csv", folder / "healthy.csv")
    assert "absent.csv: unreadable" in text
    assert "no such file or directory" in text


def test_options_sharpen_the_statements(folder: Path) -> None:
    plain = objects(run(folder / "collapsed.csv", "--json"))[0]["forensics"]
    assert "moving_statistics" not in plain
    options = ["--training-items", 65, "--batch-size", 8, "--momentum", 0.99]
    sharper = objects(run(folder / "collapsed.csv", "--json", *options))[0]["forensics"]["moving_statistics"]
    assert (sharper["steps_per_epoch"], sharper["updates"]) == (9, 126)
    assert sharper["momentum_assumed"] is False
    steps = objects(run(folder / "collapsed.csv", "--json", "--steps-per-epoch", 9))[0]["forensics"]
    assert steps["moving_statistics"]["momentum_assumed"] is True


def test_the_size_of_the_validation_set_sharpens_the_floor(folder: Path) -> None:
    plain = objects(run(folder / "collapsed.csv", "--json"))[0]["forensics"]["floor_inversion"]
    options = ["--image-size", "256x256", "--validation-items", 8]
    sharper = objects(run(folder / "collapsed.csv", "--json", *options))[0]["forensics"]["floor_inversion"]
    assert plain["foreground_fraction"] is None
    assert sharper["foreground_fraction"] == pytest.approx(66667 / (8 * 65536), rel=1e-4)
    assert (plain["certainty"], sharper["certainty"]) == ("likely", "proved")


def test_a_running_training_may_be_warming_up(tmp_path: Path) -> None:
    path = tmp_path / "young.csv"
    path.write_text("jacard_coef,val_jacard_coef\n" + "0.02,1.5e-12\n" * 5)
    assert objects(run(path, "--json"))[0]["state"] == "never-learned"
    assert objects(run(path, "--json", "--running"))[0]["state"] == "warming-up"
