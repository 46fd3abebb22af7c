"""The launch form: errors beside their fields, nothing typed is lost, suggestions, clones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import OpenPage
from tests.browser.watching import REFUSED
from tests.processes import Segscope

pytestmark = pytest.mark.browser

WRONG = {
    "image.height": ("20", "at least 32"),
    "training.epochs": ("0", "at least 1"),
    "models.unet.learning_rate": ("abc", "expected a number"),
}
TYPED = {
    "name": 'Tuesday\'s <b>"try"</b> & more',
    "network.base_filters": "6",
    "split.seed": "7",
    "training.clipnorm": "2.5",
    "models.attention-unet.batch_size": "3",
}


def _input(page: Page, name: str) -> Any:
    return page.locator(f'input[name="{name}"]')


def _assert_refused(page: Page) -> None:
    """Check that each wrong field says what is wrong with it, to eyes and to a screen reader."""
    for name, (typed, message) in WRONG.items():
        field = _input(page, name)
        expect(field).to_have_value(typed)
        expect(field).to_have_attribute("aria-invalid", "true")
        described = (field.get_attribute("aria-describedby") or "").split()
        error = page.locator("#" + next(part for part in described if part.endswith("-error")))
        expect(error).to_be_visible()
        expect(error).to_contain_text(message)
        below = error.bounding_box()
        beside = field.bounding_box()
        assert below is not None
        assert beside is not None
        assert 0 <= below["y"] - beside["y"] < 200
        assert abs(below["x"] - beside["x"]) < 5
    expect(page.locator("input[aria-invalid=true]")).to_have_count(len(WRONG))


def _assert_kept(page: Page) -> None:
    for name, typed in TYPED.items():
        expect(_input(page, name)).to_have_value(typed)
    expect(page.locator('select[name="queue"]')).to_have_value("cpu")
    expect(page.get_by_role("checkbox", name="UNet", exact=True)).to_be_checked()
    expect(page.get_by_role("checkbox", name="Attention UNet", exact=True)).to_be_checked()
    expect(page.get_by_role("checkbox", name="Attention ResUNet")).not_to_be_checked()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_what_is_wrong_stands_beside_its_field(
    javascript: bool, open_page: OpenPage, live_server: Segscope, beads: int
) -> None:
    page = open_page(base_url=live_server.url, java_script_enabled=javascript, allow=(REFUSED,))
    page.goto(f"/experiments/new?dataset={beads}")
    for name, (typed, _) in WRONG.items():
        _input(page, name).fill(typed)
    for name, typed in TYPED.items():
        _input(page, name).fill(typed)
    page.get_by_role("checkbox", name="Attention ResUNet").uncheck()
    page.locator('select[name="queue"]').select_option("cpu")
    if javascript:
        # Before anything is sent.
        expect(page.locator("#preview")).to_contain_text("This cannot be launched yet")
        _assert_refused(page)
    with page.expect_navigation():
        page.get_by_role("button", name="Launch").click()
    expect(page.locator(".banner")).to_contain_text("The experiment cannot be launched: 3 field(s) need a change.")
    _assert_refused(page)
    _assert_kept(page)
    # The list of what is wrong leads to the fields.
    for name in WRONG:
        target = page.locator(".banner a", has_text=re.compile(f"^{re.escape(name)}$")).get_attribute("href")
        assert target == "#" + str(_input(page, name).get_attribute("id"))
    if javascript:
        for name, value in {"image.height": "96", "training.epochs": "2", "models.unet.learning_rate": "1e-4"}.items():
            _input(page, name).fill(value)
        expect(page.locator("input[aria-invalid=true]")).to_have_count(0)
        for name in WRONG:
            expect(page.locator(f"#field-{name.replace('.', '-')}-error")).to_be_empty()


def test_a_form_without_models_says_so(open_page: OpenPage, live_server: Segscope, beads: int) -> None:
    page = open_page(base_url=live_server.url, java_script_enabled=False, allow=(REFUSED,))
    page.goto(f"/experiments/new?dataset={beads}")
    for box in page.locator('input[name="models"]').all():
        box.uncheck()
    page.get_by_role("button", name="Launch").click()
    expect(page.locator("#field-models")).not_to_be_empty()
    for box in page.locator('input[name="models"]').all():
        expect(box).not_to_be_checked()


def test_the_suggestion_of_the_batch_norm_warning_sets_the_momentum(
    open_page: OpenPage, live_server: Segscope, beads: int
) -> None:
    page = open_page(base_url=live_server.url, allow=(REFUSED,))
    page.goto(f"/experiments/new?dataset={beads}&preset=report")
    # Sixteen images a step are more than this dataset has.
    page.get_by_role("checkbox", name="Attention UNet", exact=True).uncheck()
    page.get_by_role("checkbox", name="Attention ResUNet").uncheck()
    momentum = _input(page, "network.batchnorm_momentum")
    expect(momentum).to_have_value("0.99")
    button = page.locator("#preview").get_by_role("button", name="Use 0.9", exact=True)
    expect(button.first).to_be_visible()
    button.first.click()
    expect(momentum).to_have_value("0.9")
    # The estimate is asked for again, with the new value.
    expect(button).to_have_count(0)
    expect(page.locator("#preview")).to_contain_text("parameters")


def test_the_automatic_momentum_is_shown_before_the_launch(
    open_page: OpenPage, live_server: Segscope, beads: int
) -> None:
    page = open_page(base_url=live_server.url, allow=(REFUSED,))
    page.goto(f"/experiments/new?dataset={beads}")
    expect(page.get_by_role("link", name="Recommended")).to_have_attribute("aria-current", "page")
    page.get_by_role("checkbox", name="Attention UNet", exact=True).uncheck()
    page.get_by_role("checkbox", name="Attention ResUNet").uncheck()
    expect(_input(page, "network.batchnorm_momentum")).to_have_value("")
    # Ten items in batches of eight: two steps an epoch, of which early stopping may leave sixteen.
    expect(page.locator("#preview")).to_contain_text("batch-norm momentum 0.8")
    page.locator('select[name="network.normalisation"]').select_option("group")
    expect(page.locator("#preview")).not_to_contain_text("momentum")
    expect(_input(page, "network.batchnorm_momentum")).to_be_hidden()


def test_settings_of_every_kind_are_read_by_the_page(open_page: OpenPage, live_server: Segscope, beads: int) -> None:
    page = open_page(base_url=live_server.url, allow=(REFUSED,))
    sent: list[Any] = []

    def hear(request: Request) -> None:
        if request.url.endswith("/api/preview"):
            sent.append(request.post_data_json)

    page.on("request", hear)
    page.goto(f"/experiments/new?dataset={beads}")
    advanced = page.locator('[data-section="network"] details')
    expect(_input(page, "network.groups")).to_be_hidden()
    advanced.locator("summary").click()
    page.get_by_label("Deep supervision").check()
    page.get_by_label("Final batch normalisation").uncheck()
    page.locator('select[name="loss.kind"]').select_option("tversky")
    expect(page.get_by_label("Tversky α", exact=True)).to_be_visible()
    expect(page.get_by_label("Focal γ", exact=True)).to_be_hidden()
    _input(page, "network.batchnorm_momentum").fill("0.85")
    with page.expect_response("**/api/preview"):
        page.get_by_label("Tversky α", exact=True).fill("0.4")
    last = sent[-1]
    assert last["network"]["deep_supervision"] is True
    assert last["network"]["final_batchnorm"] is False
    assert last["network"]["batchnorm_momentum"] == 0.85
    assert last["loss"]["kind"] == "tversky"
    assert last["loss"]["tversky_alpha"] == 0.4
    assert last["queue"] is None
    assert last["dataset_id"] == beads
    # What is wrong behind a closed disclosure opens it.
    advanced.locator("summary").click()
    expect(_input(page, "network.dropout")).to_be_hidden()
    _input(page, "network.dropout").evaluate("input => { input.value = '7'; }")
    _input(page, "network.base_filters").fill("9")
    expect(_input(page, "network.dropout")).to_be_visible()
    expect(page.locator("#field-network-dropout-error")).to_contain_text("at most 0.5")


def test_the_summary_is_of_the_model_in_the_form(open_page: OpenPage, live_server: Segscope, beads: int) -> None:
    page = open_page(base_url=live_server.url, allow=(REFUSED,))
    page.goto(f"/experiments/new?dataset={beads}")
    _input(page, "network.base_filters").fill("4")
    _input(page, "image.height").fill("250")
    page.get_by_role("link", name="Summary of Attention ResUNet").click()
    page.wait_for_url("**/models/summary?architecture=attention-resunet*")
    expect(page.get_by_role("heading", name="Attention ResUNet")).to_be_visible()
    expect(page.get_by_text("250×256×3, 4 base filters")).to_be_visible()
    expect(page.get_by_text("mirrored at the border")).to_be_visible()
    page.get_by_role("link", name="UNet", exact=True).click()
    expect(page.get_by_text("250×256×3, 4 base filters")).to_be_visible()


def test_a_run_is_cloned_into_a_prefilled_form(page: Page, finished_run: dict[str, Any], beads: int) -> None:
    page.goto(f"/runs/{finished_run['id']}")
    page.get_by_role("link", name="Clone").click()
    page.wait_for_url("**/experiments/new?from_run=*")
    expected = {
        "name": "A finished one",
        "image.height": "32",
        "image.width": "32",
        "image.channels": "1",
        "network.base_filters": "2",
        "network.batchnorm_momentum": "0.9",
        "split.validation_fraction": "0.25",
        "training.epochs": "3",
        "training.early_stopping_patience": "0",
        "models.unet.batch_size": "2",
        "models.unet.learning_rate": "0.001",
    }
    for name, value in expected.items():
        expect(_input(page, name)).to_have_value(value)
    expect(page.locator('select[name="dataset_id"]')).to_have_value(str(beads))
    expect(page.get_by_role("checkbox", name="UNet", exact=True)).to_be_checked()
    expect(page.get_by_role("checkbox", name="Attention UNet", exact=True)).not_to_be_checked()
    expect(page.locator("#preview")).to_contain_text("9 items train, 3 validate")
