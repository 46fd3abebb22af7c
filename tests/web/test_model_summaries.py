"""The summary of a model over the API and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import httpx
import pytest

from app.domain.configuration import Architecture
from app.domain.presets import recommended_preset
from app.web.pages.launch_form import payload_from_form, summary_query, values_of_spec
from tests.processes import Segscope


@pytest.fixture
def web(web_process: Segscope) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web_process.url, timeout=20) as client:
        yield client


def test_the_api_counts_every_layer(web: httpx.Client) -> None:
    answer = web.post("/api/models/summary", json={"architecture": "attention-unet"}).raise_for_status().json()
    assert (answer["parameters"], answer["trainable"]) == (37_334_665, 37_334_665 - 15_618)
    assert answer["batchnorm_layers"] == 27
    assert answer["parameters"] == sum(layer["parameters"] for layer in answer["layers"])
    assert answer["flops"] == sum(layer["flops"] for layer in answer["layers"])
    assert answer["padded_height"] is None
    assert {"encoder_1_conv_1", "decoder_4_attention_theta", "head_sigmoid"} <= {
        layer["name"] for layer in answer["layers"]
    }


def test_the_options_of_the_network_count(web: httpx.Client) -> None:
    def parameters(**network: object) -> int:
        body = {"network": {"base_filters": 4, **network}, "image": {"height": 100, "width": 64, "channels": 1}}
        answer = web.post("/api/models/summary", json=body).raise_for_status().json()
        assert answer["padded_height"] == (112 if network.get("levels", 5) == 5 else None)
        return int(answer["parameters"])

    assert parameters(levels=3) < parameters() < parameters(deep_supervision=True)


def test_a_network_that_cannot_be_is_refused_with_its_field(web: httpx.Client) -> None:
    answer = web.post("/api/models/summary", json={"network": {"levels": 9}})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["error"]["fields"]] == ["network.levels"]
    page = web.get("/models/summary", params={"network.levels": "9"})
    assert page.status_code == 422
    assert "network.levels" in page.text


def test_the_page_shows_the_model_of_its_address(web: httpx.Client) -> None:
    page = web.get("/models/summary", params={"architecture": "attention-resunet", "image.channels": "1"})
    assert page.status_code == 200
    assert "39,089,097" in page.text
    assert "decoder_2_shortcut_conv" in page.text
    # The other models keep the settings.
    assert "/models/summary?architecture=unet&amp;image.channels=1" in page.text


def test_the_address_from_the_form_describes_the_form(web: httpx.Client) -> None:
    spec = recommended_preset(1)
    query = summary_query(Architecture.UNET, values_of_spec(spec))
    payload = payload_from_form(parse_qsl(query, keep_blank_values=True))
    assert payload["network"] == spec.network.model_dump(mode="json")
    assert payload["image"] == spec.image.model_dump(mode="json")
    page = web.get(f"/models/summary?{query}")
    assert page.status_code == 200
    assert "31,402,501" in page.text
