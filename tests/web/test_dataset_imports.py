"""Previews, versions and every layout over the API of a real server."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.factories import register_folder, tiny_spec, wait_for_dataset, write_pairs


def refused(answer: httpx.Response, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return {entry["field"]: entry["message"] for entry in error["fields"]} or {"": error["message"]}


@pytest.fixture(scope="module")
def tiled(roots: Path) -> Path:
    """Return a folder of pairs whose names tell acquisition and tile, with one image too many."""
    root = write_pairs(roots / "tiled", items=6)
    for number in range(6):
        for side in ("images", "masks"):
            name = f"day{number % 2}_<b>scan{number // 4}_r0_c{number}.png"
            (root / side / f"bead-{number:02d}.png").rename(root / side / name)
    Image.new("L", (8, 8)).save(root / "images" / "lonely.png")
    return root


@pytest.fixture(scope="module")
def stack(roots: Path) -> Path:
    root = roots / "stack"
    root.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 96), dtype=np.uint8)
    tifffile.imwrite(root / "beads.tif", pixels, imagej=True, resolution=(2, 2), metadata={"unit": "um", "axes": "TYX"})
    tifffile.imwrite(root / "beads_labels.tif", (pixels // 64).astype(np.int32), photometric="minisblack")
    return root


# --- Previews ---------------------------------------------------------------------------------------------------


def test_a_layout_is_previewed_without_registering_anything(api: httpx.Client, tiled: Path) -> None:
    before = len(api.get("/api/datasets").json()["datasets"])
    answer = api.post("/api/datasets/preview", json={"root": str(tiled)})
    assert answer.status_code == 200, answer.text
    preview = answer.json()
    assert (preview["layout"], preview["images"], preview["masks"]) == ("folders", "images", "masks")
    assert (preview["pairs"], preview["groups"], preview["problems"]) == (6, 4, {"missing-mask": 1})
    assert preview["first_problems"][0]["name"] == "images/lonely.png"
    assert preview["names"][0] == "day0_<b>scan0_r0_c0"
    assert len(api.get("/api/datasets").json()["datasets"]) == before


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"root": "/etc"}, "root", "outside the allowed"),
        ({"root": " "}, "root", "Enter the folder"),
        ({"root": "{tiled}/images", "import_spec": {"layout": "stacks"}}, "import_spec.images", "no such file"),
        ({"root": "{tiled}", "import_spec": {"table": "../../x.csv"}}, "import_spec.table", "leaves"),
        ({"root": "{tiled}", "import_spec": {"images": "x" * 300}}, "import_spec.images", "no such folder"),
        (
            {"root": "{tiled}", "import_spec": {"layout": "suffixes", "images": "x" * 300}},
            "import_spec.images",
            "folder",
        ),
        ({"root": "{tiled}", "import_spec": {"images": "a\0b"}}, "import_spec.images", "impossible"),
        ({"root": "{tiled}", "import_spec": {"group_pattern": "("}}, "import_spec.group_pattern", "regular expression"),
        ({"root": "{tiled}", "import_spec": {"layout": "guess"}}, "import_spec.layout", "auto"),
    ],
)
def test_a_preview_says_what_a_registration_would(
    api: httpx.Client, tiled: Path, body: dict[str, Any], field: str, says: str
) -> None:
    body = body | {"root": body["root"].format(tiled=tiled)}
    for path in ("/api/datasets/preview", "/api/datasets"):
        errors = refused(api.post(path, json=body), 422)
        assert list(errors) == [field]
        assert says in errors[field]


def test_groups_are_previewed_with_their_counts(api: httpx.Client, tiled: Path) -> None:
    def preview(pattern: str) -> dict[str, Any]:
        answer = api.post("/api/datasets/groups/preview", json={"root": str(tiled), "pattern": pattern})
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    inferred = preview("")
    assert (inferred["pairs"], inferred["unmatched"], inferred["groups_total"]) == (6, 0, 4)
    assert [(group["name"], group["count"]) for group in inferred["groups"]] == [
        ("day0_<b>scan0", 2),
        ("day1_<b>scan0", 2),
        ("day0_<b>scan1", 1),
        ("day1_<b>scan1", 1),
    ]
    assert [(group["name"], group["count"]) for group in preview(r"^(day\d)")["groups"]] == [("day0", 3), ("day1", 3)]
    matched = preview(r"scan0_r0_c[01]$")
    assert (matched["unmatched"], matched["groups_total"]) == (4, 6)


def test_a_pattern_that_never_ends_costs_seconds_and_no_process(api: httpx.Client, roots: Path) -> None:
    root = write_pairs(roots / "evil", items=1)
    for side in ("images", "masks"):
        (root / side / "bead-00.png").rename(root / side / f"{'a' * 60}!.png")
    started = time.monotonic()
    body = {"root": str(root), "pattern": "^(a+)+$"}
    errors = refused(api.post("/api/datasets/groups/preview", json=body), 422)
    assert "repetitions" in errors["import_spec.group_pattern"]
    assert time.monotonic() - started < 10
    assert api.get("/healthz").status_code == 200


@pytest.mark.parametrize("body", [{"pattern": "a"}, {"pattern": "a", "root": "/x", "dataset_id": 1}])
def test_a_groups_preview_needs_one_place(api: httpx.Client, body: dict[str, Any]) -> None:
    answer = api.post("/api/datasets/groups/preview", json=body)
    assert answer.status_code == 422
    assert "either dataset_id or root" in answer.json()["error"]["message"]


# --- Versions ---------------------------------------------------------------------------------------------------


def test_a_stack_with_tiles_labels_and_groups_becomes_versions(api: httpx.Client, stack: Path) -> None:
    first = register_folder(api, stack)
    assert (first["state"], first["n_items"], first["version"]) == ("ready", 3, 1), first["message"]
    assert (first["import_spec"]["layout"], first["import_spec"]["images"]) == ("suffixes", ".")
    assert first["summary"]["pixel_sizes"] == {"0.5×0.5": 3}
    assert [value for value, _ in first["summary"]["mask_values"]] == [0, 1, 2, 3]

    spec = first["import_spec"] | {
        "mask": {"rule": "labels", "foreground_labels": [3]},
        "tiling": {"size": 64, "overlap": 32, "minimum_foreground": 0.1},
        "group_pattern": "(be)",
    }
    answer = api.post(f"/api/datasets/{first['id']}/versions", json={"import_spec": spec})
    assert answer.status_code == 201, answer.text
    second = wait_for_dataset(api, answer.json()["id"])
    assert (second["state"], second["version"], second["parent_id"]) == ("ready", 2, first["id"]), second["message"]
    assert (second["n_items"], second["summary"]["n_groups"], second["summary"]["sizes"]) == (6, 1, {"64×64": 6})
    assert 0.2 < second["foreground_mean"] < 0.3
    assert second["mask_rule_text"] == "Masks hold labels: pixels with the value 3 are foreground."
    assert second["lineage_id"] == first["id"]

    preview = api.post("/api/datasets/groups/preview", json={"dataset_id": second["id"], "pattern": "beads$"}).json()
    assert (preview["pairs"], preview["groups"]) == (1, [{"name": "beads", "count": 6}])

    edits = {"dropped": ["beads_p1_r0_c0"], "corrected": {"beads_p2_r0_c0": {"invert_mask": True}}}
    answer = api.post(f"/api/datasets/{second['id']}/versions", json={"edits": edits})
    third = wait_for_dataset(api, answer.json()["id"])
    assert (third["n_items"], third["version"], third["import_spec"]) == (5, 3, second["import_spec"])
    assert third["content_hash"] != second["content_hash"]
    assert third["foreground_mean"] > second["foreground_mean"]

    for path in (second["id"], first["id"], third["id"]):
        assert api.delete(f"/api/datasets/{path}").status_code == 204
    assert (stack / "beads.tif").exists()


@pytest.mark.slow
def test_a_training_sees_the_chosen_labels(api: httpx.Client, stack: Path) -> None:
    spec = {"tiling": {"size": 32}, "mask": {"rule": "labels", "foreground_labels": [0, 2]}}
    dataset = register_folder(api, stack, import_spec=spec)
    assert dataset["state"] == "ready", dataset["message"]
    experiment = api.post("/api/experiments", json=tiny_spec(dataset["id"]) | {"queue": "cpu"}).json()
    run = experiment["runs"][0]["id"]
    deadline = time.monotonic() + 120
    while not (view := api.get(f"/api/runs/{run}").json())["ended_at"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert view["state"] == "finished", view["message"]
    # Half of the pixels are 0 or 2; above a threshold it would be three quarters.
    assert 0.45 < view["baseline_all_foreground"] < 0.55


@pytest.mark.parametrize(
    ("body", "status", "field", "says"),
    [
        ({}, 409, "", "Nothing"),
        ({"edits": {"dropped": []}}, 409, "", "Nothing"),
        ({"edits": {"dropped": ["<i>"]}}, 422, "edits", "'<i>'"),
        ({"edits": {"corrected": {"bead-00": {"rotate": 1}}}}, 422, "edits.corrected.bead-00.rotate", "Unknown"),
        ({"import_spec": {"group_pattern": "["}}, 422, "import_spec.group_pattern", "regular expression"),
        ({"import_spec": {"images": "nowhere"}}, 422, "import_spec.images", "no such folder"),
        ({"import_spec": {"mask": {"rule": "labels"}}}, 422, "import_spec.mask", "at least one"),
        ({"name": "x"}, 422, "name", "Unknown"),
    ],
)
def test_a_version_that_cannot_be_is_refused(
    api: httpx.Client, beads: int, body: dict[str, Any], status: int, field: str, says: str
) -> None:
    errors = refused(api.post(f"/api/datasets/{beads}/versions", json=body), status)
    assert list(errors) == [field]
    assert says in errors[field]


def test_a_version_of_nothing(api: httpx.Client) -> None:
    assert api.post("/api/datasets/4711/versions", json={"edits": {"dropped": []}}).status_code == 404
    assert api.post("/api/datasets/groups/preview", json={"dataset_id": 4711}).status_code == 404


def test_versions_of_an_upload_share_its_files(api: httpx.Client, tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "set", items=3)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in root.rglob("*.png"):
            archive.write(path, path.relative_to(root))
    answer = api.post("/api/datasets/upload", files={"upload": ("v.zip", stream.getvalue())})
    first = wait_for_dataset(api, answer.json()["id"])
    answer = api.post(f"/api/datasets/{first['id']}/versions", json={"edits": {"dropped": ["bead-00"]}})
    second = wait_for_dataset(api, answer.json()["id"])
    assert (second["n_items"], second["root"]) == (2, first["root"])
    assert api.delete(f"/api/datasets/{first['id']}").status_code == 204
    answer = api.post(f"/api/datasets/{second['id']}/versions", json={"edits": {"dropped": ["bead-01"]}})
    third = wait_for_dataset(api, answer.json()["id"])
    assert (third["state"], third["n_items"], third["version"]) == ("ready", 2, 3), third["message"]
    for dataset in (second, third):
        assert Path(first["root"]).exists()
        assert api.delete(f"/api/datasets/{dataset['id']}").status_code == 204
    assert not Path(first["root"]).parent.exists()


# --- Forms without scripts --------------------------------------------------------------------------------------


def test_the_folder_form_registers_with_every_option(api: httpx.Client, stack: Path) -> None:
    form = {
        "root": str(stack),
        "name": "From the form",
        "import_spec.layout": "stacks",
        "import_spec.images": "beads.tif",
        "import_spec.masks": "beads_labels.tif",
        "import_spec.table": "",
        "import_spec.mask.rule": "labels",
        "import_spec.mask.foreground_labels": "1, 3",
        "import_spec.tiling": "true",
        "import_spec.tiling.size": "64",
        "import_spec.tiling.overlap": "0",
        "import_spec.tiling.minimum_foreground": "0",
        "import_spec.group_pattern": "",
    }
    answer = api.post("/datasets", data=form)
    assert answer.status_code == 303, answer.text
    view = wait_for_dataset(api, int(answer.headers["location"].rpartition("/")[2]))
    assert (view["state"], view["name"], view["n_items"]) == ("ready", "From the form", 6), view["message"]
    assert view["import_spec"]["mask"] == {"rule": "labels", "foreground_labels": [1, 3]}

    page = api.get(f"/datasets/{view['id']}/reading")
    assert page.status_code == 200
    assert 'value="3" checked' in page.text
    assert 'value="2" checked' not in page.text
    change = {"import_spec.group_pattern": "^bea", "import_spec.mask.rule": "labels"}
    answer = api.post(
        f"/datasets/{view['id']}/reading", data=change | {"import_spec.mask.foreground_labels": ["2", "3"]}
    )
    assert answer.status_code == 303, answer.text
    version = wait_for_dataset(api, int(answer.headers["location"].rpartition("/")[2]))
    assert version["import_spec"]["mask"]["foreground_labels"] == [2, 3]
    assert (version["version"], version["summary"]["n_groups"], version["n_items"]) == (2, 1, 6)
    again = api.post(f"/datasets/{version['id']}/reading", data=change | {"import_spec.mask.foreground_labels": "2-3"})
    assert again.status_code == 409
    assert "Nothing of dataset" in again.text


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"import_spec.images": "no<b>where"}, "no&lt;b&gt;where"),
        ({"import_spec.group_pattern": "(<i>"}, "regular expression"),
        ({"import_spec.tiling": "true", "import_spec.tiling.size": "1"}, "at least 32"),
        ({"root": ""}, "Enter the folder"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(api: httpx.Client, stack: Path, form: dict[str, str], says: str) -> None:
    answer = api.post("/datasets", data={"root": str(stack), "name": '"><script>'} | form)
    assert answer.status_code == 422
    assert says in answer.text
    assert 'value="&#34;&gt;&lt;script&gt;"' in answer.text
    assert '<script>"' not in answer.text
    for value in form.values():
        assert "<b>where" not in answer.text
        assert value == "" or f'value="{value.replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text


def test_a_refused_reading_keeps_what_was_typed(api: httpx.Client, beads: int) -> None:
    answer = api.post(f"/datasets/{beads}/reading", data={"import_spec.group_pattern": "(<i>"})
    assert answer.status_code == 422
    assert 'value="(&lt;i&gt;"' in answer.text
    assert "regular expression" in answer.text
    assert api.get("/datasets/4711/reading").status_code == 404
