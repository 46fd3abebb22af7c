"""The main job end to end: real processes, real trainings, tiny data."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.factories import register_folder, tiny_spec, write_pairs
from tests.processes import Segscope
from tests.system.trainings import (
    check_history,
    check_steps,
    launch,
    read_run,
    run_folder,
    wait_for_epoch,
    wait_for_state,
)

MODELS = ("unet", "attention-unet", "attention-resunet")


@pytest.mark.slow
def test_three_models_train_to_the_end(api: httpx.Client, live_server: Segscope, beads: int) -> None:
    run_ids = launch(api, beads, architectures=MODELS)

    for run_id, architecture in zip(run_ids, MODELS, strict=True):
        run = wait_for_state(api, run_id, "finished")
        assert (run["architecture"], run["stop_reason"], run["epoch"]) == (architecture, "completed", 3)
        assert (run["attempt"], run["progress"], run["message"]) == (1, 1.0, "")
        snapshot = check_history(api, run_id, epochs=3)
        check_steps(snapshot, epochs=3)
        assert 0 < run["baseline_all_foreground"] < 0.3
        assert run["best_val_jaccard"] == max(snapshot["epochs"]["columns"]["val_jaccard"])
        checkpoints = run_folder(live_server.data_dir, run_id) / "checkpoints"
        assert (checkpoints / "best.keras").stat().st_size > 1000
        assert (checkpoints / "epoch-000003.keras").exists()
        _check_samples(api, snapshot)
        assert api.get(f"/api/runs/{run_id}/log").text
    devices = [worker["devices"] for worker in api.get("/api/workers").json()["workers"] if worker["state"] == "live"]
    assert any(devices)


@pytest.mark.slow
def test_each_fold_trains_on_its_own_items_and_none_on_the_test_set(api: httpx.Client, beads: int) -> None:
    spec = tiny_spec(beads) | {"split": {"folds": 2, "test_fraction": 0.25}}
    experiment = api.post("/api/experiments", json=spec).raise_for_status().json()
    assert [run["label"] for run in experiment["runs"]] == ["UNet · fold 1", "UNet · fold 2"]

    validated = []
    for run, sides in zip(experiment["runs"], [(4, 5), (5, 4)], strict=True):
        wait_for_state(api, run["id"], "finished")
        snapshot = api.get(f"/api/runs/{run['id']}/snapshot").json()
        assert (snapshot["facts"]["training_items"], snapshot["facts"]["validation_items"]) == sides
        validated.append({item["name"] for item in snapshot["sample_items"]})

    assert len(validated[0] | validated[1]) == 8, "four samples of each fold"
    number = experiment["id"]
    api.post(f"/api/experiments/{number}/reveal-test").raise_for_status()
    test = {item["name"] for item in api.get(f"/api/experiments/{number}/test-set").json()["items"]}
    assert len(test) == 3
    assert not test & (validated[0] | validated[1])
    [scores] = api.get(f"/api/experiments/{number}").json()["fold_scores"]
    best = [api.get(f"/api/runs/{run['id']}").json()["best_val_jaccard"] for run in experiment["runs"]]
    assert scores["best_folds"] == 2
    assert scores["best_mean"] == pytest.approx(sum(best) / 2)
    assert scores["best_deviation"] == pytest.approx(abs(best[0] - best[1]) / 2)


def _check_samples(api: httpx.Client, snapshot: dict[str, object]) -> None:
    items, samples = snapshot["sample_items"], snapshot["samples"]
    assert isinstance(items, list)
    assert isinstance(samples, list)
    assert len(items) == 3, "all of the three validation items"
    assert {(one["epoch"], one["item_id"]) for one in samples} == {
        (epoch, item["item_id"]) for epoch in (1, 2, 3) for item in items
    }
    urls = [item[key] for item in items for key in ("image_url", "mask_url")] + [one["url"] for one in samples]
    for url in urls:
        answer = api.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert Image.open(io.BytesIO(answer.content)).size == (32, 32)
    for one in samples:
        counts = ("true_positive", "false_positive", "false_negative", "true_negative")
        assert sum(one[name] for name in counts) == 32 * 32


@pytest.mark.slow
def test_a_cancelled_run_stops_and_keeps_its_epochs(api: httpx.Client, beads: int) -> None:
    [run_id] = launch(api, beads, epochs=5000)
    wait_for_epoch(api, run_id, 2)

    answer = api.post(f"/api/runs/{run_id}/cancel").raise_for_status().json()
    assert answer["cancel_requested"] or answer["state"] == "stopped"
    run = wait_for_state(api, run_id, "stopped", seconds=20)

    assert (run["stop_reason"], run["cancel_requested"]) == ("cancelled", False)
    assert run["epoch"] >= 2
    check_history(api, run_id, epochs=run["epoch"])
    again = api.post(f"/api/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


def test_a_run_that_nobody_serves_waits_and_is_cancelled_at_once(api: httpx.Client, beads: int) -> None:
    spec_runs = api.post(
        "/api/experiments",
        json={
            "dataset_id": beads,
            "queue": "gpu",
            "image": {"height": 32, "width": 32},
            "models": [{"architecture": "unet", "batch_size": 2}],
        },
    ).json()["runs"]
    run = read_run(api, spec_runs[0]["id"])
    assert (run["state"], run["queue_position"] >= 1) == ("queued", True)

    cancelled = api.post(f"/api/runs/{run['id']}/cancel").json()

    assert (cancelled["state"], cancelled["queue_position"]) == ("stopped", None)
    fresh = api.post(f"/api/runs/{run['id']}/retry")
    assert fresh.status_code == 201
    assert (fresh.json()["state"], fresh.json()["retry_of_id"]) == ("queued", run["id"])
    api.post(f"/api/runs/{fresh.json()['id']}/cancel").raise_for_status()


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_dataset_that_changed_fails_the_run_and_names_the_file(api: httpx.Client, roots: Path, damage: str) -> None:
    folder = write_pairs(roots / f"damaged-{damage}")
    dataset = register_folder(api, folder)
    file = folder / "images" / "bead-05.png"
    if damage == "changed":
        Image.new("L", (32, 32), 200).save(file)
    else:
        file.unlink()

    [run_id] = launch(api, dataset["id"])
    run = wait_for_state(api, run_id, "failed")

    assert run["stop_reason"] == "error"
    assert "bead-05" in run["message"]
    assert run["epoch"] == 0
