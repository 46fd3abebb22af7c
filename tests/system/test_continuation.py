"""Pause, resume, finish early and extend, on one real training."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.system.trainings import check_history, check_steps, launch, read_run, wait_for_epoch, wait_for_state


@pytest.mark.slow
def test_a_run_is_paused_resumed_finished_early_and_extended(api: httpx.Client, beads: int) -> None:
    [run_id] = launch(api, beads, epochs=5000)
    wait_for_epoch(api, run_id, 2)

    asked = api.post(f"/api/runs/{run_id}/pause").raise_for_status().json()
    assert asked["requested"] == "pause" or asked["state"] == "paused"
    paused = wait_for_state(api, run_id, "paused", seconds=20)
    assert (paused["stop_reason"], paused["ended_at"], paused["worker_id"]) == ("paused", None, None)
    time.sleep(1)
    assert read_run(api, run_id)["epoch"] == paused["epoch"]
    assert api.post(f"/api/runs/{run_id}/finish").status_code == 409

    api.post(f"/api/runs/{run_id}/resume").raise_for_status()
    wait_for_epoch(api, run_id, paused["epoch"] + 1)
    asked = api.post(f"/api/runs/{run_id}/finish").raise_for_status().json()
    assert asked["requested"] == "finish" or asked["state"] == "finished"
    finished = wait_for_state(api, run_id, "finished", seconds=20)
    assert (finished["stop_reason"], finished["attempt"], finished["requested"]) == ("finished-early", 2, None)
    check_steps(check_history(api, run_id, epochs=finished["epoch"]), epochs=finished["epoch"])

    answer = api.post(f"/runs/{run_id}/extend", data={"epochs": "2"})
    assert answer.status_code == 303, answer.text
    assert read_run(api, run_id)["epochs_planned"] == finished["epoch"] + 2
    extended = wait_for_state(api, run_id, "finished")
    assert (extended["stop_reason"], extended["epoch"]) == ("completed", finished["epoch"] + 2)
    snapshot = check_history(api, run_id, epochs=extended["epoch"])
    check_steps(snapshot, epochs=extended["epoch"])
    assert snapshot["config"]["training"]["epochs"] == extended["epoch"]
    facts = snapshot["facts"]
    assert facts["precision"] == "float32"
    assert len(facts["dataset_hash"]) == 64
    assert set(facts["packages"]) >= {"tensorflow", "keras", "numpy"}
    assert {"code_version", "code_commit", "python", "platform", "best_beats_baseline"} <= set(facts)


@pytest.mark.parametrize("action", ["pause", "finish", "resume", "extend"])
def test_a_run_that_never_was(api: httpx.Client, action: str) -> None:
    answer = api.post(f"/api/runs/999999/{action}", json={"epochs": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not-found")


@pytest.mark.parametrize("epochs", [0, 10_001, "many", None])
def test_an_extension_is_a_number_of_epochs(api: httpx.Client, epochs: object) -> None:
    answer = api.post("/api/runs/1/extend", json={"epochs": epochs})
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "epochs"
