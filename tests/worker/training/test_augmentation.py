"""Image and mask move alike, masks stay masks, and chance comes from the generator alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.augmentation_spec import AugmentationSpec
from worker.training.augmentation import augment_pair, augmentation_rng

POSITION: dict[str, Any] = {"rotate90": True, "flip": True, "rotation_degrees": 30, "scale": 0.3, "elastic_pixels": 3}
INTENSITY: dict[str, Any] = {"brightness": 0.3, "contrast": 0.5, "gamma": 0.5, "noise": 0.1, "blur_pixels": 1.5}


def pair(height: int = 48, width: int = 48, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A mask of smooth blobs, and an image whose channels are the mask, a ramp and noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(3):
        row, column = rng.integers(height), rng.integers(width)
        mask[(rows - row) ** 2 + (columns - column) ** 2 < rng.integers(20, 120)] = 1
    channels = (mask, rows / height, rng.random((height, width)))
    return np.stack(channels, axis=-1).astype(np.float32), mask


specs = st.builds(
    AugmentationSpec,
    rotate90=st.booleans(),
    flip=st.booleans(),
    probability=st.floats(0.01, 1),
    rotation_degrees=st.floats(0, 180),
    scale=st.floats(0, 1),
    elastic_pixels=st.floats(0, 20),
    elastic_spacing=st.integers(8, 64),
    brightness=st.floats(0, 1),
    contrast=st.floats(0, 1),
    gamma=st.floats(0, 2),
    noise=st.floats(0, 1),
    blur_pixels=st.floats(0, 5),
)


@settings(deadline=None)
@given(specs, st.sampled_from([(48, 48), (32, 64), (33, 17)]), st.integers(0, 1000))
def test_shapes_types_and_ranges_hold_and_inputs_are_untouched(
    spec: AugmentationSpec, size: tuple[int, int], seed: int
) -> None:
    image, mask = pair(*size)
    before = image.copy(), mask.copy()
    new_image, new_mask = augment_pair(image, mask, spec=spec, rng=np.random.default_rng(seed))
    assert (new_image.shape, new_mask.shape) == (image.shape, mask.shape)
    assert new_image.dtype == np.float32
    assert new_mask.dtype == np.uint8
    assert 0 <= new_image.min() <= new_image.max() <= 1
    assert set(np.unique(new_mask)) <= {0, 1}
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_the_mask_goes_where_the_image_goes(seed: int) -> None:
    image, mask = pair(seed=seed)
    spec = AugmentationSpec(**POSITION, probability=1)
    new_image, new_mask = augment_pair(image, mask, spec=spec, rng=np.random.default_rng(seed))
    # The first channel is the mask: sampled linearly, it is above one half where the nearest pixel is foreground, but
    # for pixels right at the edge.
    assert np.mean((new_image[..., 0] > 0.5) != (new_mask > 0)) < 0.05


def test_each_change_alone_changes_what_it_should() -> None:
    image, mask = pair()
    for name, value in (POSITION | INTENSITY).items():
        spec = AugmentationSpec(**{name: value}, probability=1)
        assert spec.is_active
        results = [augment_pair(image, mask, spec=spec, rng=np.random.default_rng(seed)) for seed in range(8)]
        assert any(not np.array_equal(new_image, image) for new_image, _ in results), name
        assert any(not np.array_equal(new_mask, mask) for _, new_mask in results) == (name in POSITION), name


def test_nothing_is_changed_by_default() -> None:
    image, mask = pair()
    assert not AugmentationSpec().is_active
    new_image, new_mask = augment_pair(image, mask, spec=AugmentationSpec(), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(new_image, image)
    np.testing.assert_array_equal(new_mask, mask)


def test_turns_and_flips_give_the_eight_symmetries_and_four_of_an_oblong() -> None:
    spec = AugmentationSpec(rotate90=True, flip=True)
    for size, count in (((48, 48), 8), ((32, 64), 4)):
        image, mask = pair(*size)
        seen = {
            augment_pair(image, mask, spec=spec, rng=np.random.default_rng(seed))[0].tobytes() for seed in range(200)
        }
        assert len(seen) == count


def test_a_rotation_by_hand() -> None:
    image, mask = pair()
    spec = AugmentationSpec(rotation_degrees=180, probability=1)
    # The angle is the second number that is drawn; this generator's makes a quarter turn of it.
    rotated = [augment_pair(image, mask, spec=spec, rng=_Fixed(uniform=angle))[1] for angle in (-90.0, 90.0, 180.0)]
    np.testing.assert_array_equal(rotated[2], np.rot90(mask, 2))
    np.testing.assert_array_equal(rotated[0], np.rot90(rotated[1], 2))
    assert any(np.array_equal(rotated[1], np.rot90(mask, turns)) for turns in (1, 3))


def test_a_zoom_by_hand() -> None:
    rows = np.mgrid[:33, :33][0].astype(np.float32)
    image = (rows / 32)[..., None]
    zoomed, _ = augment_pair(
        image, np.zeros((33, 33), np.uint8), spec=AugmentationSpec(scale=1, probability=1), rng=_Fixed(uniform=1.0)
    )
    # Twice as large around the centre: half of the slope.
    np.testing.assert_allclose(zoomed[:, 16, 0], 0.5 + (rows[:, 16] - 16) / 64, atol=1e-6)


def test_what_comes_in_from_outside_is_mirrored() -> None:
    rows = np.mgrid[:33, :33][0].astype(np.float32)
    image = (rows / 32)[..., None]
    shrunk, _ = augment_pair(
        image, np.zeros((33, 33), np.uint8), spec=AugmentationSpec(scale=1, probability=1), rng=_Fixed(uniform=-1.0)
    )
    expected = np.abs(((rows[:, 16] - 16) * 2 + 16 + 64) % 64 - 32)
    np.testing.assert_allclose(shrunk[:, 16, 0], 1 - expected / 32, atol=1e-6)


def test_elastic_displacements_have_the_deviation_asked_for() -> None:
    rows = np.mgrid[:256, :256][0].astype(np.float32)
    image = (rows / 255)[..., None]
    spec = AugmentationSpec(elastic_pixels=4, elastic_spacing=16, probability=1)
    bent, _ = augment_pair(image, np.zeros((256, 256), np.uint8), spec=spec, rng=np.random.default_rng(3))
    inner = slice(32, -32)
    moved = ((bent[..., 0] - image[..., 0]) * 255)[inner, inner]
    assert moved.std() == pytest.approx(4, rel=0.15)
    # Smooth: neighbours move almost alike.
    assert np.abs(np.diff(moved, axis=0)).max() < 2


def test_an_item_s_changes_depend_on_seed_epoch_item_and_repeat_alone() -> None:
    image, mask = pair()
    spec = AugmentationSpec(**POSITION, **INTENSITY)

    def augmented(**key: int) -> bytes:
        rng = augmentation_rng(**({"seed": 1, "epoch": 2, "item": 3} | key))
        return augment_pair(image, mask, spec=spec, rng=rng)[0].tobytes()

    assert augmented() == augmented()
    others = [augmented(seed=2), augmented(epoch=3), augmented(item=4), augmented(repeat=1)]
    assert len({augmented(), *others}) == 5


class _Fixed(np.random.Generator):
    """Draws zeros, and one given number from intervals."""

    def __init__(self, *, uniform: float) -> None:
        super().__init__(np.random.PCG64(0))
        self._uniform = uniform

    def random(self, *arguments: Any, **choices: Any) -> Any:
        return 0.0

    def uniform(self, *arguments: Any, **choices: Any) -> Any:
        return self._uniform
