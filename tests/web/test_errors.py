"""The error contract of the JSON API.

Every error is `{"error": {"code", "message", "fields": [{"field", "message"}]}}` with the status of its kind; `fields`
is empty unless input was refused, and then names each field as the form and the API spell it.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.factories import tiny_spec, wait_for_dataset, write_pairs


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check the contract and return the error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields"}
    assert len(body["error"]["message"]) > 10
    for field in body["error"]["fields"]:
        assert set(field) == {"field", "message"}
    error: dict[str, Any] = body["error"]
    return error


def fields_of(error: dict[str, Any]) -> dict[str, str]:
    return {field["field"]: field["message"] for field in error["fields"]}


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- Launches ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/experiments", "/api/preview"])
@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"colour": "red"}, "colour", "Unknown field"),
        ({"training": {"epohcs": 3}}, "training.epohcs", "Unknown field"),
        ({"training": {"epochs": 0}}, "training.epochs", "at least 1"),
        ({"training": {"epochs": 10**9}}, "training.epochs", "at most 10,000"),
        ({"training": {"epochs": "many"}}, "training.epochs", "whole number"),
        ({"image": {"height": 64, "width": 64, "channels": 2}}, "image.channels", "expected 1 (grey) or 3 (colour)"),
        ({"network": {"levels": 7}}, "network.levels", "at most 6"),
        ({"network": {"normalisation": "batsch"}}, "network.normalisation", "'batch'"),
        ({"loss": {"kind": "weighted-sum"}}, "loss", "needs a weight above 0"),
        ({"loss": {"focal_gamma": 11}}, "loss.focal_gamma", "at most 10"),
        ({"image": {"height": 256, "width": 16}}, "image.width", "at least 32"),
        ({"models": [{"architecture": "unet", "batch_size": 64}]}, "models.unet.batch_size", "9"),
        ({"models": [{"architecture": "unet", "batch_size": 0}]}, "models.unet.batch_size", "at least 1"),
        ({"models": [{"architecture": "vgg"}]}, "models.vgg.architecture", "unet"),
        ({"models": []}, "models", ""),
        ({"dataset_id": 4711}, "dataset_id", "no dataset 4711"),
        ({"split": {"validation_fraction": 1.5}}, "split.validation_fraction", "less than 1"),
        ({"name": "n" * 121}, "name", ""),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
def test_a_launch_names_the_wrong_field(
    api: httpx.Client, beads: int, path: str, changes: dict[str, Any], field: str, says: str
) -> None:
    before = api.get("/api/experiments").json()

    error = refusal(api.post(path, json=tiny_spec(beads) | changes), 422)

    assert error["code"] == "invalid-input"
    assert list(fields_of(error)) == [field]
    assert says in fields_of(error)[field]
    assert api.get("/api/experiments").json() == before


def test_every_wrong_field_is_named(api: httpx.Client, beads: int) -> None:
    spec = tiny_spec(beads, epochs=0, seed=-1) | {"colour": "red"}

    error = refusal(api.post("/api/experiments", json=spec), 422)

    assert set(fields_of(error)) == {"training.epochs", "training.seed", "colour"}


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"", b"\xff\xfe"])
def test_a_body_that_is_no_specification(api: httpx.Client, body: bytes) -> None:
    answer = api.post("/api/experiments", content=body, headers={"Content-Type": "application/json"})

    assert refusal(answer, 422 if body != b"\xff\xfe" else answer.status_code)["code"] != "error"
    assert answer.status_code in {400, 422}


# --- Registrations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registration", "field", "says"),
    [
        ({"root": "/etc"}, "root", "outside the allowed"),
        ({"root": "{roots}/../../../../etc"}, "root", "outside the allowed"),
        ({"root": "{roots}/beads-link"}, "root", "outside the allowed"),
        ({"root": "relative"}, "root", "absolute"),
        ({"root": ""}, "root", "Enter the folder"),
        ({"root": "{roots}/missing"}, "root", "no such folder"),
        ({"root": "{roots}/a-file"}, "root", "a file"),
        ({"root": "{roots}/beads", "import_spec": {"images": "pictures"}}, "import_spec.images", "no such folder"),
        (
            {"root": "{roots}/beads", "import_spec": {"masks": "../.."}},
            "import_spec.masks",
            "leaves the dataset's folder",
        ),
        ({"root": "{roots}/beads", "import_spec": {"mask": {"rule": "guess"}}}, "import_spec.mask.rule", "auto"),
        ({"root": "{roots}/beads", "color": 1}, "color", "Unknown field"),
        ({}, "root", "missing"),
    ],
)
def test_a_registration_names_the_wrong_field(
    api: httpx.Client, beads: int, roots: Path, registration: dict[str, Any], field: str, says: str
) -> None:
    link, file = roots / "beads-link", roots / "a-file"
    if not link.is_symlink():
        link.symlink_to("/usr")
    file.touch()
    body = {key: value.format(roots=roots) if key == "root" else value for key, value in registration.items()}

    error = refusal(api.post("/api/datasets", json=body), 422)

    assert list(fields_of(error)) == [field]
    assert says in fields_of(error)[field]


def test_a_file_that_is_no_zip(api: httpx.Client) -> None:
    error = refusal(api.post("/api/datasets/upload", files={"upload": ("beads.zip", b"not a zip at all")}), 422)

    assert "'beads.zip'" in fields_of(error)["upload"]
    assert "a zip or tar archive" in fields_of(error)["upload"]


def test_a_zip_bomb_fails_and_says_why(api: httpx.Client) -> None:
    bomb = zip_of(**{"images/a.png": bytes(60_000_000), "masks/a.png": bytes(1000)})
    assert len(bomb) < 100_000

    answer = api.post("/api/datasets/upload", files={"upload": ("bomb.zip", bomb)})

    assert answer.status_code == 201, answer.text
    view = wait_for_dataset(api, answer.json()["id"])
    assert view["state"] == "failed"
    assert view["n_items"] == 0
    assert "200" in view["message"], "names the limit"


def test_an_archive_that_leaves_its_folder_fails(api: httpx.Client, roots: Path) -> None:
    archive = zip_of(**{"../../../escaped.png": b"x", "images/a.png": b"x", "masks/a.png": b"x"})

    answer = api.post("/api/datasets/upload", files={"upload": ("escape.zip", archive)})
    view = wait_for_dataset(api, answer.json()["id"])

    assert view["state"] == "failed"
    assert not list(roots.parent.rglob("escaped.png"))


def test_a_folder_without_pairs_is_refused_at_once(api: httpx.Client, roots: Path) -> None:
    folder = write_pairs(roots / "no-pairs", items=0)

    error = refusal(api.post("/api/datasets", json={"root": str(folder)}), 422)

    assert "0 pictures in 'images'" in fields_of(error)["import_spec.images"]


def test_a_folder_without_a_readable_pair_fails_and_says_why(api: httpx.Client, roots: Path) -> None:
    folder = write_pairs(roots / "unreadable", items=1)
    (folder / "images" / "bead-00.png").write_bytes(b"text")

    answer = api.post("/api/datasets", json={"root": str(folder)})
    view = wait_for_dataset(api, answer.json()["id"])

    assert view["state"] == "failed"
    assert "images/bead-00.png" in view["message"]
    error = refusal(api.post("/api/experiments", json=tiny_spec(view["id"])), 422)
    assert "not ready" in fields_of(error)["dataset_id"]


def test_a_corrupt_image_is_named_and_the_rest_is_usable(api: httpx.Client, roots: Path) -> None:
    folder = write_pairs(roots / "corrupt", items=3)
    (folder / "images" / "bead-01.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")

    view = wait_for_dataset(api, api.post("/api/datasets", json={"root": str(folder)}).json()["id"])

    assert (view["state"], view["n_items"], view["n_problems"]) == ("ready", 2, 1)
    assert "bead-01" in view["problems"][0]["name"]
    assert view["problems"][0]["message"]


def test_markup_in_names_is_data(api: httpx.Client, roots: Path, beads: int) -> None:
    name = '<script>alert("1")</script> & <b>'
    folder = write_pairs(roots / "<img src=x onerror=alert(1)>", items=2)
    for sub in ("images", "masks"):
        (folder / sub / "bead-00.png").rename(folder / sub / "<b>bead & co.png")

    answer = api.post("/api/datasets", json={"root": str(folder), "name": name})
    view = wait_for_dataset(api, answer.json()["id"])
    experiment = api.post("/api/experiments", json=tiny_spec(beads) | {"name": name, "queue": "gpu"}).json()

    assert (view["state"], view["name"]) == ("ready", name)
    items = api.get(f"/api/datasets/{view['id']}/items").json()["items"]
    item = next(item for item in items if item["name"] == "<b>bead & co")
    assert api.get(item["thumbnail_url"]).status_code == 200
    assert experiment["name"] == name
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert refusal(api.get("/api/runs", params={"sort": name}), 422)["message"].count("script") <= 2


# --- Addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/runs/4711"),
        ("GET", "/api/runs/4711/snapshot"),
        ("GET", "/api/runs/4711/history.csv"),
        ("GET", "/api/runs/4711/log"),
        ("POST", "/api/runs/4711/cancel"),
        ("POST", "/api/runs/4711/retry"),
        ("GET", "/api/experiments/4711"),
        ("GET", "/api/experiments/4711/snapshot"),
        ("GET", "/api/datasets/4711"),
        ("DELETE", "/api/datasets/4711"),
    ],
)
def test_what_does_not_exist_is_said_by_number(api: httpx.Client, method: str, path: str) -> None:
    error = refusal(api.request(method, path), 404)

    assert error["code"] == "not-found"
    assert "4711" in error["message"]


def test_an_unknown_address(api: httpx.Client) -> None:
    assert refusal(api.get("/api/nothing/here"), 404)["code"] == "not-found"


def test_a_wrong_method(api: httpx.Client) -> None:
    assert refusal(api.delete("/api/runs"), 405)["code"] == "method-not-allowed"


def test_a_number_that_is_none(api: httpx.Client) -> None:
    assert list(fields_of(refusal(api.get("/api/runs/first"), 422))) == ["run_id"]


@pytest.mark.parametrize("number", [2**63, 10**30])
def test_a_number_that_no_database_holds(api: httpx.Client, number: int) -> None:
    assert api.get(f"/api/runs/{number}").status_code in {404, 422}


def test_a_dataset_that_experiments_use_stays(api: httpx.Client, beads: int) -> None:
    api.post("/api/experiments", json=tiny_spec(beads) | {"queue": "gpu"}).raise_for_status()

    error = refusal(api.delete(f"/api/datasets/{beads}"), 409)

    assert error["code"] == "conflict"
    assert api.get(f"/api/datasets/{beads}").status_code == 200


def test_a_body_that_is_too_large(api: httpx.Client) -> None:
    answer = api.post("/api/experiments", content=b" " * (3 * 1024**2), headers={"Content-Type": "application/json"})

    assert refusal(answer, 413)["code"] == "too-large"


def test_the_openapi_description_is_served(api: httpx.Client) -> None:
    description = api.get("/api/openapi.json").raise_for_status().json()

    assert {"/api/experiments", "/api/runs/{run_id}/snapshot", "/api/events", "/api/datasets"} <= set(
        description["paths"]
    )
    assert "ExperimentSpec" in description["components"]["schemas"]
