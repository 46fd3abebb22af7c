"""The preview shows real items of a dataset, as a training would change them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from app.domain.augmentation_spec import AugmentationSpec
from app.domain.configuration import ImageSpec
from app.domain.errors import NotFoundError
from app.settings import Settings
from app.store.artifacts import ArtifactStore
from app.store.database import Database
from app.store.stream import Announcer, connect
from tests.processes import Segscope
from worker.augmentation_preview import PreviewOrder, write_preview
from worker.services import WorkerServices


@pytest.fixture
def services(live_server: Segscope, redis_url: str) -> Iterator[WorkerServices]:
    """Return connections to what the live server keeps."""
    settings = Settings(data_dir=live_server.data_dir)
    client = connect(redis_url)
    database = Database(settings.resolved_database_url)
    yield WorkerServices(
        settings=settings,
        database=database,
        artifacts=ArtifactStore(settings.artifacts_dir),
        announcer=Announcer(client),
    )
    database.dispose()
    client.close()


def order(dataset_id: int) -> PreviewOrder:
    return PreviewOrder(
        dataset_id=dataset_id,
        spec=AugmentationSpec(rotation_degrees=90, noise=0.3, probability=1),
        image=ImageSpec(height=32, width=48, channels=1),
        items=3,
        variants=2,
        seed=7,
    )


def test_pairs_are_written_and_the_same_order_writes_the_same(services: WorkerServices, beads: int) -> None:
    pictures = write_preview(services, order(beads))
    assert len(pictures) == 3 * 3
    assert [picture.variant for picture in pictures] == [0, 1, 2] * 3
    assert len({picture.item_id for picture in pictures}) == 3

    def pixels(path: str) -> np.ndarray:
        return np.asarray(Image.open(services.artifacts.resolve(path)))

    for start in (0, 3, 6):
        images = [pixels(picture.image) for picture in pictures[start : start + 3]]
        masks = [pixels(picture.mask) for picture in pictures[start : start + 3]]
        assert {image.shape for image in images} | {mask.shape for mask in masks} == {(32, 48)}
        assert all(set(np.unique(mask)) <= {0, 255} for mask in masks)
        assert len({image.tobytes() for image in images}) == 3
        # Beads are brighter than what is around them, wherever they have been moved.
        for image, mask in zip(images, masks, strict=True):
            if mask.any():
                assert image[mask > 0].mean() > image[mask == 0].mean() + 50
    before = [pixels(picture.image).tobytes() for picture in pictures]
    again = write_preview(services, order(beads))
    assert again == pictures
    assert [pixels(picture.image).tobytes() for picture in again] == before


def test_a_dataset_that_is_not_there(services: WorkerServices) -> None:
    with pytest.raises(NotFoundError, match="no dataset 999999"):
        write_preview(services, order(999_999))
