"""Uploads against a real server: in pieces, interrupted, resumed, hostile."""

from __future__ import annotations

import gzip
import io
import socket
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.factories import wait_for_dataset, write_pairs
from tests.processes import Segscope, wait_until


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "set", items=3)


def packed(folder: Path, kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for path in sorted(folder.rglob("*.png")):
                archive.write(path, path.relative_to(folder.parent))
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, folder.name)
    return stream.getvalue() if kind == "tar" else gzip.compress(stream.getvalue())


def begin(api: httpx.Client, data: bytes, *, name: str = "beads.zip") -> str:
    answer = api.post("/api/uploads", json={"name": name, "size": len(data)})
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"id": answer.json()["id"], "name": name, "size": len(data), "offset": 0}
    return str(answer.json()["id"])


def put(api: httpx.Client, upload_id: str, data: bytes, start: int, end: int) -> httpx.Response:
    headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
    return api.put(f"/api/uploads/{upload_id}", content=data[start:end], headers=headers)


@pytest.mark.parametrize(("kind", "name"), [("zip", "beads.zip"), ("tar", "beads.tar"), ("tar.gz", "beads.tar.gz")])
def test_in_pieces_from_first_byte_to_a_ready_dataset(
    api: httpx.Client, live_server: Segscope, folder: Path, kind: str, name: str
) -> None:
    data = packed(folder, kind)
    upload_id = begin(api, data, name=name)
    middle = len(data) // 2
    assert put(api, upload_id, data, 0, middle).json()["offset"] == middle
    head = api.head(f"/api/uploads/{upload_id}")
    assert (head.headers["upload-offset"], head.content) == (str(middle), b"")
    answer = put(api, upload_id, data, middle, len(data))
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, str(len(data)))

    answer = api.post(f"/api/uploads/{upload_id}/register", json={"import_spec": {"group_pattern": "(bead)"}})
    assert answer.status_code == 201, answer.text
    view = wait_for_dataset(api, answer.json()["id"])

    assert (view["state"], view["name"], view["n_items"]) == ("ready", "beads", 3), view["message"]
    assert view["summary"]["n_groups"] == 1
    assert (view["import_spec"]["layout"], view["import_spec"]["images"]) == ("folders", "set/images")
    assert api.get(f"/api/uploads/{upload_id}").status_code == 404
    kept = live_server.data_dir / "artifacts" / "datasets" / str(view["id"])
    assert sorted(path.name for path in kept.iterdir()) == ["files", "log.txt", "thumbnails"]
    assert api.delete(f"/api/datasets/{view['id']}").status_code == 204
    assert not kept.exists()


def test_a_broken_connection_loses_nothing_that_arrived(api: httpx.Client, live_server: Segscope, folder: Path) -> None:
    data = packed(folder, "zip")
    upload_id = begin(api, data)
    head = (
        f"PUT /api/uploads/{upload_id} HTTP/1.1\r\nHost: 127.0.0.1:{live_server.port}\r\n"
        f"Content-Length: {len(data)}\r\nContent-Range: bytes 0-{len(data) - 1}/{len(data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", live_server.port)) as connection:
        connection.sendall(head.encode() + data[:1000])
        # A second writer is refused while the first is there.
        wait_until(lambda: put(api, upload_id, data, 0, 10).status_code == 409, what="the first piece", seconds=10)

    def arrived() -> int | None:
        return int(api.get(f"/api/uploads/{upload_id}").json()["offset"]) or None

    offset = wait_until(arrived, what="what had arrived", seconds=10)
    assert offset == 1000
    answer = put(api, upload_id, data, offset, len(data))
    assert answer.json()["offset"] == len(data), answer.text
    view = api.post(f"/api/uploads/{upload_id}/register", json={"name": "resumed"}).json()
    assert wait_for_dataset(api, view["id"])["n_items"] == 3
    assert "Traceback" not in live_server.log


def test_a_piece_at_the_wrong_place_is_refused(api: httpx.Client) -> None:
    data = b"x" * 100
    upload_id = begin(api, data)
    assert put(api, upload_id, data, 0, 40).status_code == 200
    answer = put(api, upload_id, data, 50, 60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "40 bytes" in answer.json()["error"]["message"]
    assert api.get(f"/api/uploads/{upload_id}").json()["offset"] == 40


@pytest.mark.parametrize(
    "content_range", ["", "bytes 0-9", "bytes 0-9/99", "bytes 0-100/100", "bytes 9-0/100", "bytes -1-2/100", "0-9/100"]
)
def test_a_range_that_says_nothing_is_refused(api: httpx.Client, content_range: str) -> None:
    upload_id = begin(api, b"x" * 100)
    answer = api.put(f"/api/uploads/{upload_id}", content=b"x" * 10, headers={"Content-Range": content_range})
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "Content-Range"
    assert api.get(f"/api/uploads/{upload_id}").json()["offset"] == 0


def test_more_than_announced_is_refused(api: httpx.Client) -> None:
    upload_id = begin(api, b"x" * 100)
    headers = {"Content-Range": "bytes 0-99/100"}
    answer = api.put(f"/api/uploads/{upload_id}", content=b"x" * 101, headers=headers)
    assert answer.status_code == 422
    assert "more than the 100 bytes" in answer.json()["error"]["message"]


def test_an_incomplete_upload_is_not_registered(api: httpx.Client) -> None:
    upload_id = begin(api, b"x" * 100)
    answer = api.post(f"/api/uploads/{upload_id}/register", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_what_is_no_archive_is_refused_and_may_be_given_up(api: httpx.Client) -> None:
    data = b"no archive at all"
    upload_id = begin(api, data, name="<b>.zip")
    put(api, upload_id, data, 0, len(data))
    answer = api.post(f"/api/uploads/{upload_id}/register", json={})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert [field["field"] for field in error["fields"]] == ["upload"]
    assert "'<b>.zip'" in error["message"]
    assert api.delete(f"/api/uploads/{upload_id}").status_code == 204
    assert api.delete(f"/api/uploads/{upload_id}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "", "size": 1}, "name"), ({"name": "a.zip", "size": 0}, "size"), ({"name": "a.zip"}, "size")],
)
def test_a_wrong_start_names_the_field(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = api.post("/api/uploads", json=body)
    assert answer.status_code == 422
    assert [entry["field"] for entry in answer.json()["error"]["fields"]] == [field]


def test_too_large_is_said_before_a_byte_is_sent(api: httpx.Client) -> None:
    answer = api.post("/api/uploads", json={"name": "a.zip", "size": 2**50})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
    assert "SEGSCOPE_UPLOAD_MAX_BYTES" in answer.json()["error"]["message"]


def test_other_sites_may_not_upload(api: httpx.Client) -> None:
    upload_id = begin(api, b"x" * 100)
    headers = {"Content-Range": "bytes 0-9/100", "Sec-Fetch-Site": "cross-site"}
    assert api.put(f"/api/uploads/{upload_id}", content=b"x" * 10, headers=headers).status_code == 403


@pytest.mark.parametrize("upload_id", ["..", "%2e%2e", "0" * 32, "x"])
def test_unknown_uploads(api: httpx.Client, upload_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/register")):
        answer = api.request(method, f"/api/uploads/{upload_id}{path}", json={} if method == "POST" else None)
        assert answer.status_code in {404, 405}


def test_the_form_works_without_scripts(api: httpx.Client, folder: Path) -> None:
    answer = api.post("/datasets/upload", files={"upload": ("plain.tgz", packed(folder, "tar.gz"))}, data={"name": ""})
    assert answer.status_code == 303
    view = wait_for_dataset(api, int(answer.headers["location"].rpartition("/")[2]))
    assert (view["name"], view["n_items"]) == ("plain", 3)
