"""A dataset's fatal findings stand between the form and a launch until a person has acknowledged them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.store.database import Database
from app.store.schema import DatasetRow
from tests.factories import tiny_spec
from tests.processes import Segscope


@pytest.fixture
def fatal_dataset(live_server: Segscope, beads: int) -> Iterator[int]:
    """Return the beads with two findings, one of them fatal, and take them away again."""
    database = Database(f"sqlite:///{live_server.data_dir / 'segscope.db'}")
    findings = [
        DataFinding(
            code=DataFindingCode.PAIRS_SHUFFLED,
            severity=DataSeverity.FATAL,
            title="Masks belong to other images",
            message="<b>12 of 12</b> masks fit another image better.",
            fix="Match by name.",
        ),
        DataFinding(
            code=DataFindingCode.VALIDATION_TOO_SMALL,
            severity=DataSeverity.SERIOUS,
            title="Few validation items",
            message="m",
            fix="f",
        ),
    ]
    with database.write() as session:
        row = session.get_one(DatasetRow, beads)
        before = row.findings
        row.findings = [finding.model_dump(mode="json") for finding in findings]
    yield beads
    with database.write() as session:
        session.get_one(DatasetRow, beads).findings = before
    database.dispose()


def test_a_launch_names_what_was_not_acknowledged(api: httpx.Client, fatal_dataset: int) -> None:
    before = len(api.get("/api/experiments").json()["experiments"])

    answer = api.post("/api/experiments", json=tiny_spec(fatal_dataset))

    assert answer.status_code == 422
    (error,) = answer.json()["error"]["fields"]
    assert error["field"] == "acknowledged_findings"
    assert "Masks belong to other images" in error["message"]
    assert "Few validation items" not in error["message"]
    assert len(api.get("/api/experiments").json()["experiments"]) == before


def test_an_acknowledged_launch_is_launched(api: httpx.Client, fatal_dataset: int) -> None:
    spec = tiny_spec(fatal_dataset) | {"acknowledged_findings": ["pairs-shuffled"], "queue": "gpu"}

    answer = api.post("/api/experiments", json=spec)

    assert answer.status_code == 201
    assert answer.json()["spec"]["acknowledged_findings"] == ["pairs-shuffled"]


def test_a_preview_tells_what_is_fatal_and_does_not_refuse(api: httpx.Client, fatal_dataset: int) -> None:
    preview = api.post("/api/preview", json=tiny_spec(fatal_dataset)).raise_for_status().json()
    assert [finding["code"] for finding in preview["fatal_findings"]] == ["pairs-shuffled"]


def test_the_form_works_without_javascript(api: httpx.Client, fatal_dataset: int) -> None:
    fields = {
        "dataset_id": str(fatal_dataset),
        "models": "unet",
        "models.unet.batch_size": "2",
        "models.unet.learning_rate": "0.001",
        "queue": "gpu",
    }

    refused = api.post("/experiments/new", data=fields)
    accepted = api.post("/experiments/new", data=fields | {"acknowledged_findings": "pairs-shuffled"})

    assert refused.status_code == 422
    assert 'name="acknowledged_findings" value="pairs-shuffled"' in refused.text
    assert "&lt;b&gt;12 of 12&lt;/b&gt; masks" in refused.text
    assert accepted.status_code == 303, accepted.text


def test_a_code_that_does_not_exist_is_refused(api: httpx.Client, beads: int) -> None:
    answer = api.post("/api/experiments", json=tiny_spec(beads) | {"acknowledged_findings": ["nonsense"]})
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"].startswith("acknowledged_findings")
