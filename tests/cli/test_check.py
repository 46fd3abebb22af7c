"""`segscope check` as a person calls it: a process, a folder, an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from tests.processes import run_segscope

ITEMS = 16


def write_set(root: Path, *, empty: bool = False) -> Path:
    random = np.random.default_rng(9)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(ITEMS):
        mask = ndimage.gaussian_filter(random.random((96, 96)), 4) > 0.515
        image = 60 + 110 * ndimage.gaussian_filter(mask.astype(float), 1) + random.normal(0, 6, mask.shape)
        if empty and number == 3:
            mask[:] = False
        name = f"plate{number // 4}_r0_c{number % 4}.png"
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(root / "images" / name)
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(root / "masks" / name)
    return root


def test_json_holds_items_findings_groups_and_splits(tmp_path: Path) -> None:
    done = run_segscope(["check", str(write_set(tmp_path / "set", empty=True)), "--json"])

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["items"] == ITEMS
    assert {name: len(members) for name, members in answer["groups"].items()} == {f"plate{n}": 4 for n in range(4)}
    (empty,) = [finding for finding in answer["findings"] if finding["code"] == "mask-empty"]
    assert empty["items"] == ["plate0_r0_c3"]
    assert {"severity", "value", "threshold", "message", "fix"} <= empty.keys()
    random, grouped = answer["splits"]["random"], answer["splits"]["grouped"]
    assert (random["training"]["items"], random["validation"]["items"]) == (14, 2)
    assert "group-leakage" in {finding["code"] for finding in random["findings"]}
    assert "group-leakage" not in {finding["code"] for finding in grouped["findings"]}
    leakage = next(finding for finding in answer["findings"] if finding["code"] == "group-leakage")
    assert leakage["evidence"]["split"] == "random"


def test_the_table_names_items_and_what_to_do(tmp_path: Path) -> None:
    done = run_segscope(["check", str(write_set(tmp_path / "set", empty=True)), "--images=images", "--masks=masks"])

    assert done.returncode == 0, done.stderr
    assert "(mask-empty)" in done.stdout
    assert "Items: plate0_r0_c3" in done.stdout
    assert "What to do: Annotate the objects" in done.stdout
    assert "stratified-grouped" in done.stdout


def test_the_folder_is_left_as_it_was(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    run_segscope(["check", str(root), "--json"])
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_what_cannot_be_checked_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (["/nowhere"], [str(tmp_path / "empty")], [str(tmp_path / "empty"), "--masks=../.."]):
        done = run_segscope(["check", *arguments, "--json"])
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["message"]
        assert done.stderr.startswith("segscope: Invalid")
        assert "Traceback" not in done.stderr
