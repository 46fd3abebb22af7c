"""Small folders of pairs for the tests of the datasets room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "microbeads"

WritePair = Callable[..., None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with empty `images` and `masks`."""
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    return folder


@pytest.fixture
def write_pair(root: Path) -> WritePair:
    """Return a function that writes a 16×12 RGB image and a mask with `value` in its upper left quarter."""

    def write(name: str, *, value: int = 255, dtype: type = np.uint8, size: tuple[int, int] = (12, 16)) -> None:
        random = np.random.default_rng(len(name))
        image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        mask: NDArray[Any] = np.zeros(size, dtype)
        mask[: size[0] // 2, : size[1] // 2] = value
        Image.fromarray(image).save(root / "images" / f"{name}.png")
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")

    return write


@pytest.fixture
def real_data() -> Path:
    """Return the real microbeads, or skip where they are not."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real microbeads are not at {REAL_DATA}")
    return REAL_DATA
