"""Registering datasets in a browser: two fields for the common case, previews for the rest, uploads that survive."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
import tifffile
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.factories import register_folder, write_pairs
from tests.processes import Segscope

pytestmark = pytest.mark.browser

READY = re.compile(r"/datasets/\d+$")


@pytest.fixture(scope="module")
def named(roots: Path) -> Path:
    """Return a folder whose names tell two acquisitions, one of them with markup."""
    root = write_pairs(roots / "named", items=6)
    for number in range(6):
        for side in ("images", "masks"):
            name = f"{'<b>one' if number % 2 else 'two'}_field{number}.png"
            (root / side / f"bead-{number:02d}.png").rename(root / side / name)
    (root / "masks" / "two_field0.png").unlink()
    return root


def test_the_common_case_is_a_folder_and_a_button(page: Page, named: Path) -> None:
    page.goto("/datasets")
    form = page.locator("#folder-form")
    expect(form.locator("input:visible, select:visible")).to_have_count(2)
    form.get_by_label("Folder", exact=True).fill(str(named))
    preview = page.locator("#layout-preview")
    expect(preview).to_contain_text("5 pairs in images/ and masks/, 5 acquisitions; left out: 1 without a mask.")
    preview.get_by_text("What is left out").click()
    expect(preview).to_contain_text("images/two_field0.png")
    form.get_by_role("button", name="Register").click()
    page.wait_for_url(READY)
    expect(page.get_by_role("heading", name="named", exact=True)).to_be_visible()


def test_options_show_what_the_layout_needs_and_groups_while_one_types(
    open_page: OpenPage, live_server: Segscope, named: Path
) -> None:
    page = open_page(base_url=live_server.url, allow=(r"status of 422",))
    page.goto("/datasets")
    form = page.locator("#folder-form")
    form.get_by_label("Folder", exact=True).fill(str(named))
    form.get_by_text("More options").click()
    groups = form.locator("[data-groups-preview]")
    expect(groups).to_contain_text("5 acquisitions.")

    form.get_by_label("Layout").select_option("suffixes")
    expect(form.get_by_label("Mask suffix")).to_be_visible()
    expect(form.get_by_label("Masks", exact=True)).to_be_hidden()
    expect(page.locator("#layout-preview")).to_have_class(re.compile("wrong"))
    expect(form.locator("#folder-mask-suffix-error")).to_contain_text("at least one mask")
    form.get_by_label("Layout").select_option("table")
    expect(form.get_by_label("Table")).to_be_visible()
    expect(form.get_by_label("Mask suffix")).to_be_hidden()
    form.get_by_label("Layout").select_option("auto")
    expect(form.get_by_label("Images", exact=True)).to_be_hidden()

    pattern = form.get_by_label("Group pattern")
    pattern.press_sequentially("^(.*?)_")
    expect(groups).to_contain_text("2 acquisitions.")
    expect(groups.locator("li").first).to_have_text(re.compile(r"<b>one\s*3 pairs"))
    pattern.press_sequentially("(")
    expect(form.locator("#folder-group-pattern-error")).to_contain_text("regular expression")
    expect(pattern).to_have_attribute("aria-invalid", "true")
    pattern.fill("^two")
    expect(groups).to_contain_text("does not match 3 names")

    expect(form.get_by_label("Foreground labels")).to_be_hidden()
    form.get_by_label("Mask rule").select_option("labels")
    form.get_by_label("Foreground labels").fill("255, 300-302")
    expect(form.get_by_label("Tile size")).to_be_hidden()
    form.get_by_label("Cut into tiles").check()
    form.get_by_label("Tile size").fill("32")
    expect(page.locator("#layout-preview")).to_contain_text("5 pairs")
    form.get_by_role("button", name="Register").click()
    page.wait_for_url(READY)
    number = page.url.rpartition("/")[2]
    spec = httpx.get(f"{live_server.url}/api/datasets/{number}").json()["import_spec"]
    assert spec["mask"] == {"rule": "labels", "foreground_labels": [255, 300, 301, 302]}
    assert (spec["tiling"]["size"], spec["group_pattern"]) == (32, "^two")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a zip of 20 MB: three pieces."""
    root = write_pairs(tmp_path / "set", items=3)
    noise = np.random.default_rng(0).integers(0, 256, 20_000_000, dtype=np.uint8)
    with zipfile.ZipFile(tmp_path / "noisy.zip", "w") as packed:
        for path in root.rglob("*.png"):
            packed.write(path, path.relative_to(root))
        packed.writestr("notes/noise.bin", noise.tobytes())
    return tmp_path / "noisy.zip"


def test_an_upload_survives_a_broken_connection_a_pause_and_a_reload(
    open_page: OpenPage, live_server: Segscope, archive: Path
) -> None:
    page = open_page(base_url=live_server.url, allow=(r"ERR_FAILED", r"net::"))
    sent: list[str] = []
    broken = False

    def watch(route: Route) -> None:
        nonlocal broken
        if route.request.method != "PUT":
            route.continue_()
            return
        start = route.request.headers["content-range"].split("-")[0]
        if start == "bytes 8388608" and not broken:
            broken = True
            route.abort("failed")
            return
        sent.append(start)
        route.continue_()

    page.route("**/api/uploads/*", watch)
    page.goto("/datasets")
    form = page.locator("#upload-form")
    form.get_by_label("Archive").set_input_files(archive)
    form.get_by_role("button", name="Upload").click()
    status = page.locator("#upload-text")
    expect(status).to_contain_text("Trying again in 1 s")
    form.get_by_role("button", name="Pause").click()
    expect(status).to_contain_text("Paused")
    page.wait_for_timeout(1500)
    assert sent == ["bytes 0"]

    # As if the browser had been closed: the same file goes on where it was.
    page.evaluate("window.onbeforeunload = null")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    form.get_by_label("Archive").set_input_files(archive)
    form.get_by_label("Name").fill("Survivor")
    form.get_by_role("button", name="Upload").click()
    page.wait_for_url(READY)
    assert sent == ["bytes 0", "bytes 8388608", "bytes 16777216"]
    expect(page.get_by_role("heading", name="Survivor")).to_be_visible()
    expect(page.get_by_text("3 items").or_(page.locator(".facts-inline, .facts")).first).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('segscope-upload'))") == []


def test_what_is_no_archive_is_said_beside_the_field(
    open_page: OpenPage, live_server: Segscope, tmp_path: Path
) -> None:
    page = open_page(base_url=live_server.url, allow=(r"status of 422",))
    (tmp_path / "notes.zip").write_bytes(b"just text")
    page.goto("/datasets")
    form = page.locator("#upload-form")
    form.get_by_label("Archive").set_input_files(tmp_path / "notes.zip")
    form.get_by_role("button", name="Upload").click()
    expect(page.locator("#upload-error")).to_contain_text("zip or tar archive")
    expect(form.get_by_role("button", name="Upload")).to_be_enabled()
    expect(page.locator("#upload-status")).to_be_hidden()


def test_labels_are_ticked_from_what_the_masks_hold(page: Page, live_server: Segscope, roots: Path) -> None:
    root = roots / "labelled"
    root.mkdir()
    pixels = np.repeat(np.arange(4, dtype=np.uint8), 64).reshape(16, 16)
    tifffile.imwrite(root / "a.tif", pixels)
    tifffile.imwrite(root / "a_mask.tif", pixels)
    with httpx.Client(base_url=live_server.url) as client:
        dataset = register_folder(client, root)
    page.goto(f"/datasets/{dataset['id']}/reading")
    expect(page.locator("[data-groups-preview]")).to_contain_text("1 acquisition now.")
    page.get_by_label("Group pattern").fill("(.)")
    expect(page.locator("[data-groups-preview] li")).to_have_text(re.compile(r"a\s*1 item"))
    page.locator('.mask-values input[value="2"]').check()
    expect(page.get_by_label("Mask rule")).to_have_value("labels")
    page.get_by_role("button", name="Make a new version").click()
    page.wait_for_url(lambda url: READY.search(url) is not None and not url.endswith(f"/{dataset['id']}"))
    with httpx.Client(base_url=live_server.url) as client:
        version = client.get(f"/api/datasets/{page.url.rpartition('/')[2]}").json()
    assert version["version"] == 2
    assert version["import_spec"]["mask"] == {"rule": "labels", "foreground_labels": [2]}
