"""Splits over the API: preview, folds, and a test set that stays hidden."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.store.database import Database
from app.store.schema import DatasetRow
from tests.factories import register_folder, tiny_spec, write_pairs
from tests.processes import Segscope
from tests.web.test_errors import fields_of, refusal

TILES = 4


@pytest.fixture(scope="module")
def acquisitions(live_server: Segscope, roots: Path) -> int:
    """Return the id of a dataset of six acquisitions with four tiles each."""
    folder = write_pairs(roots / "acquisitions", items=6 * TILES)
    for number in range(6 * TILES):
        for kind in ("images", "masks"):
            file = folder / kind / f"bead-{number:02d}.png"
            file.rename(file.with_name(f"plate{number // TILES}_r0_c{number % TILES}.png"))
    with httpx.Client(base_url=live_server.url, timeout=20) as client:
        view = register_folder(client, folder)
        items = client.get(f"/api/datasets/{view['id']}/items").json()["items"]
    assert view["state"] == "ready", view
    assert {item["group"] for item in items} == {f"plate{number}" for number in range(6)}
    return int(view["id"])


@pytest.fixture
def spec(acquisitions: int) -> dict[str, Any]:
    """Return a launch that waits for ever, so that only its split matters."""
    return tiny_spec(acquisitions) | {"queue": "gpu"}


@pytest.fixture
def launched(api: httpx.Client) -> Iterator[list[int]]:
    """Collect the experiments of a test; their runs are cancelled at its end."""
    experiments: list[int] = []
    yield experiments
    for experiment in experiments:
        for run in api.get(f"/api/experiments/{experiment}").json()["runs"]:
            api.post(f"/api/runs/{run['id']}/cancel")


def launch(api: httpx.Client, launched: list[int], spec: dict[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = api.post("/api/experiments", json=spec).raise_for_status().json()
    launched.append(view["id"])
    return view


def preview(api: httpx.Client, spec: dict[str, Any], **split: Any) -> dict[str, Any]:
    answer: dict[str, Any] = api.post("/api/preview", json=spec | {"split": split}).raise_for_status().json()
    return answer


# --- Preview ----------------------------------------------------------------------------------------------------


def test_a_random_split_leaks_and_the_recommended_one_does_not(api: httpx.Client, spec: dict[str, Any]) -> None:
    seen = preview(api, spec, validation_fraction=0.25)
    split = seen["split"]
    assert (seen["training_items"], seen["validation_items"], len(seen["validation_names"])) == (18, 6, 6)
    assert "on both sides" in split["leakage"]["messages"][0]
    shared = split["leakage"]["groups"]
    assert shared
    assert all(group["training"] + group["validation"] == TILES for group in shared)
    advice = split["recommendation"]
    assert not advice["chosen"]
    assert advice["strategy"] in {"grouped", "stratified-grouped"}
    assert "6 of 6 acquisitions hold several images (24 of 24)" in advice["reason"]

    seen = preview(api, spec, validation_fraction=0.25, strategy=advice["strategy"], folds=advice["folds"])

    assert seen["split"]["leakage"] == {"messages": [], "groups": [], "overlapping_tiles": [], "near_duplicates": []}
    assert seen["split"]["recommendation"]["chosen"]
    assert seen["validation_items"] in {4, 8}
    assert len({name.split("_")[0] for name in seen["validation_names"]}) == seen["validation_items"] // TILES


def test_folds_are_previewed_and_each_is_a_run(api: httpx.Client, spec: dict[str, Any]) -> None:
    seen = preview(api, spec, strategy="grouped", folds=3)
    folds = seen["split"]["folds"]
    assert [fold["validation"]["items"] for fold in folds] == [8, 8, 8]
    assert [fold["validation"]["groups"] for fold in folds] == [2, 2, 2]
    for side in (fold[name] for fold in folds for name in ("training", "validation")):
        assert sum(side["histogram"]) == side["items"]
        assert len(side["histogram"]) == len(seen["split"]["edges"]) - 1
    assert [run["runs"] for run in seen["runs"]] == [3]
    assert seen["runs"][0]["steps_per_epoch"] == 8


def test_the_batch_must_fit_the_smallest_fold(api: httpx.Client, spec: dict[str, Any]) -> None:
    spec["models"][0]["batch_size"] = 13
    spec["split"] = {"folds": 2}
    error = refusal(api.post("/api/preview", json=spec), 422)
    assert "smallest training set of the folds, 12" in fields_of(error)["models.unet.batch_size"]


def test_known_near_duplicates_are_named(
    api: httpx.Client, live_server: Segscope, acquisitions: int, spec: dict[str, Any]
) -> None:
    finding = DataFinding(
        code=DataFindingCode.NEAR_DUPLICATE,
        severity=DataSeverity.SERIOUS,
        title="Near-duplicates",
        message="",
        fix="",
        evidence={"pairs": [["plate0_r0_c0", "plate5_r0_c1"], ["plate0_r0_c0", "gone"]]},
    )
    database = Database(f"sqlite:///{live_server.data_dir / 'segscope.db'}")

    def store(findings: list[Any]) -> None:
        with database.write() as session:
            row = session.get(DatasetRow, acquisitions)
            assert row is not None
            row.findings = findings

    store([finding.model_dump(mode="json")])
    try:
        leakage = preview(api, spec, strategy="explicit", validation=["plate5_r0_c1"])["split"]["leakage"]
    finally:
        store([])
        database.dispose()
    assert leakage["near_duplicates"] == [["plate0_r0_c0", "plate5_r0_c1"]]
    assert any("1 pair of near-duplicates is on both sides" in message for message in leakage["messages"])


@pytest.mark.parametrize(
    ("split", "field", "says"),
    [
        ({"strategy": "stratifed"}, "split.strategy", "stratified"),
        ({"test_fraction": 1.5}, "split.test_fraction", "less than 1"),
        ({"test_fraction": 0.95}, "split.test_fraction", "lower it"),
        ({"folds": 21}, "split.folds", "at most 20"),
        ({"strategy": "grouped", "folds": 7}, "split.folds", "only 6 acquisitions"),
        ({"strategy": "explicit"}, "split.validation", "name the validation items"),
        ({"strategy": "explicit", "validation": ["x"]}, "split.validation", "no 'x'"),
        ({"validation": ["x"]}, "split.validation", "choose explicit"),
    ],
)
@pytest.mark.parametrize("path", ["/api/experiments", "/api/preview"])
def test_a_wrong_split_names_the_field(
    api: httpx.Client, spec: dict[str, Any], path: str, split: dict[str, Any], field: str, says: str
) -> None:
    error = refusal(api.post(path, json=spec | {"split": split}), 422)
    assert list(fields_of(error)) == [field]
    assert says in fields_of(error)[field]


# --- Launch -----------------------------------------------------------------------------------------------------


def test_a_run_for_each_model_and_fold(api: httpx.Client, launched: list[int], spec: dict[str, Any]) -> None:
    models = [{"architecture": name, "batch_size": 2} for name in ("unet", "attention-unet")]
    split = {"strategy": "grouped", "folds": 3}
    experiment = launch(api, launched, spec | {"models": models, "split": split})
    assert [run["label"] for run in experiment["runs"]] == [
        f"{label} · fold {fold}" for label in ("UNet", "Attention UNet") for fold in (1, 2, 3)
    ]
    assert (experiment["folds"], experiment["training_items"], experiment["validation_items"]) == (3, 16, 8)
    assert [scores["best_mean"] for scores in experiment["fold_scores"]] == [None, None]
    page = api.get(f"/experiments/{experiment['id']}").text
    assert "Over the folds" in page
    assert "population standard deviation" in page
    assert "UNet · fold 2" in api.get(f"/runs/{experiment['runs'][1]['id']}").text


# --- Test set ---------------------------------------------------------------------------------------------------


def _everything_that_is_said(api: httpx.Client, experiment: dict[str, Any]) -> str:
    """Return all pages and answers about an experiment, but for the dataset's own."""
    number, run = experiment["id"], experiment["runs"][0]["id"]
    paths = [
        f"/api/experiments/{number}",
        f"/api/experiments/{number}/snapshot",
        "/api/experiments",
        f"/api/runs/{run}",
        f"/api/runs/{run}/snapshot",
        "/api/runs",
        f"/experiments/{number}",
        f"/experiments/new?from_experiment={number}",
        f"/experiments/new?from_run={run}",
        "/experiments",
        f"/runs/{run}",
    ]
    return "\n".join(api.get(path).raise_for_status().text for path in paths)


@pytest.mark.parametrize("strategy", ["grouped", "explicit"])
def test_a_test_set_is_named_only_after_it_was_asked_for(
    api: httpx.Client, launched: list[int], spec: dict[str, Any], strategy: str
) -> None:
    lists = {"validation": ["plate1_r0_c0"], "test": [f"plate0_r0_c{tile}" for tile in range(TILES)]}
    split = (
        {"strategy": "explicit", **lists} if strategy == "explicit" else {"strategy": strategy, "test_fraction": 0.1}
    )
    experiment = launch(api, launched, spec | {"split": split})
    number = experiment["id"]
    items = {item["name"]: item for item in api.get(f"/api/datasets/{spec['dataset_id']}/items").json()["items"]}
    assert (experiment["test_items"], experiment["test_revealed_at"]) == (TILES, None)
    refused = refusal(api.get(f"/api/experiments/{number}/test-set"), 409)
    assert "Reveal it first" in refused["message"]
    before = _everything_that_is_said(api, experiment)

    revealed = api.post(f"/api/experiments/{number}/reveal-test").raise_for_status().json()

    names = [item["name"] for item in api.get(f"/api/experiments/{number}/test-set").json()["items"]]
    assert len(names) == TILES
    assert not [name for name in names if name in before or items[name]["thumbnail_url"] in before]
    assert revealed["test_revealed_at"]
    again = api.post(f"/api/experiments/{number}/reveal-test").json()
    assert again["test_revealed_at"] == revealed["test_revealed_at"]
    page = api.get(f"/experiments/{number}").text
    assert all(name in page and items[name]["thumbnail_url"] in page for name in names)
    if strategy == "explicit":
        assert names == lists["test"]
        assert api.get(f"/api/experiments/{number}").json()["spec"]["split"]["test"] == names
        assert names[0] in api.get(f"/experiments/new?from_experiment={number}").text


def test_a_clone_of_hidden_lists_asks_for_lists(api: httpx.Client, launched: list[int], spec: dict[str, Any]) -> None:
    split = {"strategy": "explicit", "validation": ["plate1_r0_c0"], "test": ["plate0_r0_c0"]}
    experiment = launch(api, launched, spec | {"split": split})
    form = api.get(f"/experiments/new?from_experiment={experiment['id']}").text
    assert "The lists of this split stay hidden" in form
    assert "The lists of this split stay hidden" not in api.get("/experiments/new").text


def test_without_a_test_set_there_is_nothing_to_reveal(
    api: httpx.Client, launched: list[int], spec: dict[str, Any]
) -> None:
    experiment = launch(api, launched, spec)
    assert "no test set" in refusal(api.post(f"/api/experiments/{experiment['id']}/reveal-test"), 409)["message"]
    assert api.get(f"/api/experiments/{experiment['id']}/test-set").json() == {"items": []}
    assert "Reveal test set" not in api.get(f"/experiments/{experiment['id']}").text


def test_the_form_launches_lists_and_shows_again_what_was_wrong(
    api: httpx.Client, launched: list[int], spec: dict[str, Any]
) -> None:
    fields = {
        "dataset_id": str(spec["dataset_id"]),
        "queue": "gpu",
        "models": "unet",
        "models.unet.batch_size": "2",
        "models.unet.learning_rate": "1e-3",
        "image.height": "32",
        "image.width": "32",
        "split.strategy": "explicit",
        "split.training": "",
        "split.validation": "plate1_r0_c0\r\nnowhere\r\n",
        "split.test": "",
    }
    refused = api.post("/experiments/new", data=fields)
    assert refused.status_code == 422
    assert "The dataset has no &#39;nowhere&#39;" in refused.text
    assert "plate1_r0_c0" in refused.text
    accepted = api.post("/experiments/new", data=fields | {"split.validation": "plate1_r0_c0\r\n"})
    assert accepted.status_code == 303
    number = int(accepted.headers["location"].rsplit("/", 1)[1])
    launched.append(number)
    experiment = api.get(f"/api/experiments/{number}").json()
    assert (experiment["training_items"], experiment["validation_items"]) == (23, 1)
