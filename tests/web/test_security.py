"""Which requests are accepted: known hosts, same origin, artifacts inside their folder, a login off loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import Segscope, run_segscope

TOKEN = "a long secret of the laboratory"  # noqa: S105 - of this test's own server


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["fields"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_changes_of_other_sites_are_refused(api: httpx.Client, headers: dict[str, str], method: str) -> None:
    path = "/api/runs/1/cancel" if method == "POST" else "/api/datasets/4711"
    refused(api.request(method, path, headers=headers), 403, "forbidden")


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "own"}]
)
def test_changes_of_our_own_pages_are_accepted(
    api: httpx.Client, live_server: Segscope, headers: dict[str, str]
) -> None:
    headers = {name: live_server.url if value == "own" else value for name, value in headers.items()}
    assert api.post("/api/runs/4711/cancel", headers=headers).status_code == 404


def test_reading_from_another_site_is_harmless(api: httpx.Client) -> None:
    answer = api.get("/api/runs", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_an_unknown_host_is_refused(api: httpx.Client, host: str) -> None:
    refused(api.get("/api/runs", headers={"Host": host}), 403, "forbidden")


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:80"])
def test_loopback_hosts_are_accepted(api: httpx.Client, host: str) -> None:
    assert api.get("/api/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../segscope.db",
        "..%2Fsegscope.db",
        "%2e%2e/segscope.db",
        "runs/../../segscope.db",
        "runs/..%2f..%2fsegscope.db",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "link.png",
        "secret.txt",
        "%00",
        "",
    ],
)
def test_only_pictures_inside_the_artifacts_are_served(api: httpx.Client, live_server: Segscope, path: str) -> None:
    artifacts = live_server.data_dir / "artifacts"
    (live_server.data_dir / "outside.png").write_bytes(b"hidden content")
    link = artifacts / "link.png"
    if not link.is_symlink():
        link.symlink_to(live_server.data_dir / "outside.png")
    (artifacts / "secret.txt").write_text("hidden content")
    url = httpx.URL(f"{live_server.url}/").copy_with(raw_path=f"/artifacts/{path}".encode())

    answer = api.get(url)

    assert answer.status_code == 404
    assert b"hidden content" not in answer.content


def test_no_login_off_loopback_is_no_start(tmp_path: Path) -> None:
    result = run_segscope(["up", "--host", "0.0.0.0"], SEGSCOPE_DATA_DIR=str(tmp_path / "data"))  # noqa: S104

    assert result.returncode == 2
    [line] = result.stderr.strip().splitlines()
    assert "SEGSCOPE_ACCESS_TOKEN" in line
    assert "0.0.0.0" in line  # noqa: S104


# --- Login ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[httpx.Client]:
    """Return a client of a web process with an access token."""
    server = Segscope(
        tmp_path_factory.mktemp("guarded") / "data",
        command="web",
        settings={"SEGSCOPE_REDIS_URL": redis_url, "SEGSCOPE_ACCESS_TOKEN": TOKEN},
    )
    server.start()
    with httpx.Client(base_url=server.url) as client:
        yield client
    server.kill()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "segscope_session=in.forged.signature"},
    ],
)
@pytest.mark.parametrize("path", ["/api/runs", "/api/events", "/api/openapi.json"])
def test_without_the_token_nothing_is_told(guarded: httpx.Client, headers: dict[str, str], path: str) -> None:
    refused(guarded.get(path, headers=headers), 401, "login-required")


def test_artifacts_need_the_login(guarded: httpx.Client) -> None:
    assert guarded.get("/artifacts/runs/1/samples/1-image.png").status_code in {303, 401}


def test_changes_need_the_token(guarded: httpx.Client) -> None:
    refused(guarded.post("/api/runs/1/cancel"), 401, "login-required")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_the_api(guarded: httpx.Client, scheme: str) -> None:
    answer = guarded.get("/api/runs", headers={"Authorization": f"{scheme} {TOKEN}"})

    assert (answer.status_code, answer.json()) == (200, {"runs": []})


def test_the_sign_of_life_is_public(guarded: httpx.Client) -> None:
    assert guarded.get("/healthz").json()["status"] == "ok"
