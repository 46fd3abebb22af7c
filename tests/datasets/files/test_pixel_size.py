"""How large a pixel is, from metadata of every kind; what is hostile or says nothing gives nothing."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
import tifffile

from app.datasets.files.ome import ome_pixels
from app.datasets.files.raster import PixelSize
from app.datasets.files.tiff import TiffPictures

PIXELS = np.zeros((9, 7), np.uint8)


def size(**options: Any) -> PixelSize | None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, PIXELS, **options)
    with TiffPictures(stream, name="a.tif") as pictures:
        return pictures.read(0, max_pixels=100).pixel_size


@pytest.mark.parametrize(
    ("unit", "micrometres"), [("um", 1), ("micron", 1), (r"\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3), ("inch", 25_400)]
)
def test_imagej(unit: str, micrometres: float) -> None:
    found = size(imagej=True, resolution=(1 / 0.325, 1 / 0.65), metadata={"unit": unit})
    assert found == pytest.approx((0.65 * micrometres, 0.325 * micrometres), rel=1e-4)


@pytest.mark.parametrize("unit", ["pixel", "furlong"])
def test_imagej_without_a_unit_of_length(unit: str) -> None:
    assert size(imagej=True, resolution=(1, 1), metadata={"unit": unit}) is None
    assert size(imagej=True) is None


@pytest.mark.parametrize(("unit", "micrometres"), [("µm", 1.0), ("nm", 1e-3), ("mm", 1e3), ("Å", 1e-4)])
def test_ome(unit: str, micrometres: float) -> None:
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": 0.2,
        "PhysicalSizeY": 0.3,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeYUnit": unit,
    }
    assert size(ome=True, metadata=metadata) == pytest.approx((0.3 * micrometres, 0.2 * micrometres))


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"PhysicalSizeX": 0.2},
        {"PhysicalSizeX": 0.0, "PhysicalSizeY": 0.0},
        {"PhysicalSizeX": -1.0, "PhysicalSizeY": 1.0},
        {"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0, "PhysicalSizeXUnit": "reference frame"},
    ],
)
def test_ome_without_a_size(metadata: dict[str, Any]) -> None:
    assert size(ome=True, metadata={"axes": "YX"} | metadata) is None


def test_resolution_tags() -> None:
    assert size(resolution=(2e4, 1e4), resolutionunit="CENTIMETER") == pytest.approx((1.0, 0.5))
    assert size(resolution=(25_400, 25_400), resolutionunit="INCH") == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize("dots", [72, 96, 150, 300, 600])
def test_resolutions_of_printers_say_nothing(dots: int) -> None:
    assert size(resolution=(dots, dots), resolutionunit="INCH") is None


def test_resolution_without_unit_or_of_nothing() -> None:
    assert size(resolution=(2e4, 1e4), resolutionunit="NONE") is None
    assert size(resolution=((0, 1), (0, 1)), resolutionunit="CENTIMETER") is None


def test_a_stack_has_the_size_of_its_first_page() -> None:
    stream = io.BytesIO()
    options: dict[str, Any] = {"resolution": (2, 4), "metadata": {"unit": "um", "axes": "TYX"}}
    tifffile.imwrite(stream, np.zeros((3, 9, 7), np.uint8), imagej=True, **options)
    with TiffPictures(stream, name="a.tif") as pictures:
        assert pictures.read(2, max_pixels=100).pixel_size == pytest.approx((0.25, 0.5))


# --- Hostile XML ------------------------------------------------------------------------------------------------

BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + level)} "{f"&{chr(97 + level)};" * 10}">' for level in range(20))
    + ']><OME><Pixels PhysicalSizeX="&u;" PhysicalSizeY="1"/></OME>'
)


@pytest.mark.parametrize(
    "xml",
    [
        BILLION_LAUGHS,
        '<!DOCTYPE OME SYSTEM "file:///etc/passwd"><OME><Pixels SizeC="1"/></OME>',
        '<!DOCTYPE OME [<!ENTITY x SYSTEM "file:///etc/passwd">]><OME><Pixels Name="&x;"/></OME>',
        '<OME><Pixels Name="&x;"/></OME>',
        "<OME><Pixels",
        "<OME></OME>",
        "",
        "\ud800",
        "<OME>" * 200_000,
        '<?xml version="1.0" encoding="UTF-7"?><OME>+ADw-Pixels/></OME>',
    ],
    ids=lambda xml: xml[:30],
)
def test_hostile_xml_says_nothing_and_takes_no_time(xml: str) -> None:
    started = time.monotonic()
    assert ome_pixels(xml) == {}
    assert time.monotonic() - started < 2


def test_only_the_first_pixels_count_and_nothing_behind_them_is_read() -> None:
    xml = '<?xml version="1.0" encoding="UTF-16"?><a:OME xmlns:a="x"><a:Pixels SizeC="2"/><a:Pixels SizeC="3"/>broken'
    assert ome_pixels(xml) == {"SizeC": "2"}


def test_a_file_with_hostile_xml_is_still_a_picture() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, PIXELS, description=BILLION_LAUGHS, metadata=None)
    with TiffPictures(stream, name="a.tif") as pictures:
        raster = pictures.read(0, max_pixels=100)
    assert (raster.pixels.shape, raster.pixel_size) == ((9, 7), None)
