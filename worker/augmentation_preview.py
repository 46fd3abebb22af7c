"""Shows what an augmentation does: ``python -m worker.augmentation_preview --dataset N --spec '{"flip": true}'``.

Writes image/mask pairs as PNGs into the dataset's artifacts and prints one JSON object that says where they are. The
same arguments give the same pictures, in the same folder: a caller may look there first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.datasets.items.mask_rules import settled_mask_rule
from app.datasets.items.preparation import PreparedItems, prepare_items
from app.domain.augmentation_spec import AugmentationSpec
from app.domain.configuration import ImageSpec
from app.domain.dataset_import import ImportSpec
from app.domain.errors import NotFoundError, SegscopeError
from app.store.schema import DatasetRow, ItemRow
from worker.run_recorder import write_png
from worker.services import WorkerServices, open_services
from worker.training.augmentation import augment_pair, augmentation_rng


@dataclass(frozen=True, slots=True)
class PreviewPicture:
    """One pair of pictures; variant 0 is the item as it is. The paths are artifact paths."""

    item_id: int
    name: str
    variant: int
    image: str
    mask: str


@dataclass(frozen=True, slots=True)
class PreviewOrder:
    """What to show.

    Parameters
    ----------
    items : int
        How many items, spread evenly over the dataset.
    variants : int
        How many changed copies of each.
    seed : int
        Of the training: variant k is what the item looks like in epoch k of a training with this seed, if the item
        has the same place among the training items.
    """

    dataset_id: int
    spec: AugmentationSpec
    image: ImageSpec
    items: int
    variants: int
    seed: int

    def key(self) -> str:
        """Return a name for the folder: the same for the same order."""
        parts = (self.spec.model_dump_json(), self.image.model_dump_json(), self.items, self.variants, self.seed)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def preview_variants(
    image: NDArray[np.float32], mask: NDArray[np.uint8], *, spec: AugmentationSpec, item: int, variants: int, seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Yield the pair as it is, and then as it looks in epochs 1, 2, … of a training."""
    yield image, mask
    for epoch in range(1, variants + 1):
        yield augment_pair(image, mask, spec=spec, rng=augmentation_rng(seed=seed, epoch=epoch, item=item))


def write_preview(services: WorkerServices, order: PreviewOrder) -> list[PreviewPicture]:
    """Write the pictures of an order.

    Raises
    ------
    SegscopeError
        There is no such dataset, it is not indexed, or a file of it cannot be used.
    """
    with services.database.read() as session:
        dataset, chosen = _choose(session, order)
        prepared = _prepare(services, dataset, [item for _, item in chosen], image=order.image)
    folder = services.artifacts.dataset_dir(order.dataset_id) / "augmentation" / order.key()
    pictures: list[PreviewPicture] = []
    for row, (position, item) in enumerate(chosen):
        pairs = preview_variants(
            prepared.images[row],
            prepared.masks[row, ..., 0],
            spec=order.spec,
            item=position,
            variants=order.variants,
            seed=order.seed,
        )
        for variant, (image, mask) in enumerate(pairs):
            paths = [folder / f"{item.id}-{variant}-{kind}.png" for kind in ("image", "mask")]
            pixels = np.round(image * 255).astype(np.uint8)
            write_png(paths[0], pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            write_png(paths[1], mask * np.uint8(255))
            relative = [services.artifacts.relative(path) for path in paths]
            pictures.append(PreviewPicture(item.id, item.name, variant, *relative))
    return pictures


def _choose(session: Session, order: PreviewOrder) -> tuple[DatasetRow, list[tuple[int, ItemRow]]]:
    dataset = session.get(DatasetRow, order.dataset_id)
    if dataset is None:
        raise NotFoundError(f"There is no dataset {order.dataset_id}.")
    items = dataset.items
    if not items:
        raise SegscopeError(f"Dataset {dataset.name!r} has no items yet; wait until it is indexed.")
    positions = np.linspace(0, len(items) - 1, min(order.items, len(items))).round().astype(int).tolist()
    return dataset, [(position, items[position]) for position in positions]


def _prepare(services: WorkerServices, dataset: DatasetRow, items: list[ItemRow], *, image: ImageSpec) -> PreparedItems:
    if dataset.intensity_low is None or dataset.intensity_high is None:
        raise SegscopeError(f"Dataset {dataset.name!r} is not indexed; register it again.")
    spec = ImportSpec.model_validate(dataset.import_spec)
    return prepare_items(
        items,
        root=Path(dataset.root),
        height=image.height,
        width=image.width,
        channels=image.channels,
        mask_rule=settled_mask_rule(spec.mask, threshold=dataset.mask_threshold, text=dataset.mask_rule_text),
        intensity_low=dataset.intensity_low,
        intensity_high=dataset.intensity_high,
        max_pixels=services.settings.image_max_pixels,
    )


def main() -> int:
    """Write the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=int, required=True)
    parser.add_argument("--spec", type=AugmentationSpec.model_validate_json, required=True, help="as JSON")
    parser.add_argument("--image", type=ImageSpec.model_validate_json, default=ImageSpec(), help="as JSON")
    parser.add_argument("--items", type=int, default=4)
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    order = PreviewOrder(
        dataset_id=arguments.dataset,
        spec=arguments.spec,
        image=arguments.image,
        items=arguments.items,
        variants=arguments.variants,
        seed=arguments.seed,
    )
    try:
        pictures = write_preview(open_services(), order)
    except SegscopeError as error:
        print(json.dumps({"error": {"code": error.code, "message": error.message}}))  # noqa: T201
        return 1
    print(json.dumps({"pictures": [asdict(picture) for picture in pictures]}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
