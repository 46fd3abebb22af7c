"""Versions of a dataset: one lineage, numbers without gaps or doubles, files that live as long as one needs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.domain.corrections import Correction, DatasetEdits
from app.domain.dataset_import import ImportSpec, Layout, MaskRule, MaskSpec, TilingSpec
from app.domain.errors import ConflictError, InvalidInputError, NotFoundError
from app.domain.run_states import DatasetState
from app.store.artifacts import ArtifactStore
from app.store.database import Database
from app.store.datasets import create_version, delete_dataset
from app.store.schema import DatasetRow
from tests.factories import create_dataset, create_experiment

DROPPED = DatasetEdits(dropped=frozenset({"item-1"}))


def first(database: Database, *, source: str = "folder", root: str = "/nowhere") -> int:
    with database.write() as session:
        row = create_dataset(session)
        row.source, row.root = source, root
        return row.id


def add(database: Database, parent: int, edits: DatasetEdits = DROPPED, spec: ImportSpec | None = None) -> int:
    """Add a version and pretend that it was indexed."""
    with database.write() as session:
        row = create_version(session, parent, edits=edits, import_spec=spec)
        row.state = DatasetState.READY
        return row.id


def load(database: Database, dataset_id: int) -> DatasetRow:
    with database.read() as session:
        return session.get_one(DatasetRow, dataset_id)


def test_a_version_has_the_files_of_its_parent_and_waits(database: Database) -> None:
    parent = first(database)
    with database.write() as session:
        version = create_version(session, parent, edits=DROPPED).id
    row, origin = load(database, version), load(database, parent)
    assert (row.lineage_id, row.version, row.parent_id) == (parent, 2, parent)
    assert (row.name, row.source, row.root) == (origin.name, origin.source, origin.root)
    assert row.import_spec == origin.import_spec
    assert (row.state, row.attempt, row.content_hash) == (DatasetState.QUEUED, 0, "")
    assert DatasetEdits.model_validate(row.edits) == DROPPED
    assert (origin.version, origin.state) == (1, DatasetState.READY)


def test_numbers_go_on_in_the_lineage_whatever_the_parent(database: Database) -> None:
    parent = first(database)
    second = add(database, parent)
    third = add(database, parent, DatasetEdits(dropped=frozenset({"item-2"})))
    fourth = add(database, second, DatasetEdits())
    assert [load(database, version).version for version in (second, third, fourth)] == [2, 3, 4]
    assert {load(database, version).lineage_id for version in (second, third, fourth)} == {parent}
    assert load(database, fourth).parent_id == second
    other = first(database)
    assert load(database, add(database, other)).version == 2


def test_versions_that_are_made_together_get_different_numbers(database: Database) -> None:
    parent = first(database)
    edits = [DatasetEdits(dropped=frozenset({f"item-{number}"})) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda edit: add(database, parent, edit), edits))
    assert sorted(load(database, version).version for version in made) == [2, 3, 4, 5]


def test_nothing_new_is_refused(database: Database) -> None:
    parent = first(database)
    spec = ImportSpec.model_validate(load(database, parent).import_spec)
    empty = DatasetEdits(corrected={"item-1": Correction()})
    for edits, changed in ((DatasetEdits(), None), (DatasetEdits(), spec), (empty, None)):
        with pytest.raises(ConflictError, match="Nothing"):
            add(database, parent, edits, changed)


def test_corrections_of_dropped_items_and_empty_ones_are_not_kept(database: Database) -> None:
    inverted = Correction(invert_mask=True)
    edits = DatasetEdits(
        dropped=frozenset({"item-0"}), corrected={"item-0": inverted, "item-1": inverted, "item-2": Correction()}
    )
    row = load(database, add(database, first(database), edits))
    assert DatasetEdits.model_validate(row.edits) == DatasetEdits(
        dropped=frozenset({"item-0"}), corrected={"item-1": inverted}
    )


def test_a_dropped_item_may_come_back(database: Database) -> None:
    version = add(database, first(database))
    with database.write() as session:
        row = session.get_one(DatasetRow, version)
        row.items = []
    back = add(database, version, DatasetEdits(corrected={"item-1": Correction(invert_mask=True)}))
    assert load(database, back).version == 3


def test_unknown_items_are_refused_unless_the_files_are_read_otherwise(database: Database) -> None:
    parent = first(database)
    edits = DatasetEdits(dropped=frozenset({"<script>"}))
    with pytest.raises(InvalidInputError, match="'<script>'") as caught:
        add(database, parent, edits)
    assert caught.value.fields[0].field == "edits"
    mask = MaskSpec(rule=MaskRule.NONZERO)
    with pytest.raises(InvalidInputError):
        add(database, parent, edits, ImportSpec(layout=Layout.FOLDERS, mask=mask, group_pattern="a"))
    tiled = ImportSpec(layout=Layout.FOLDERS, tiling=TilingSpec())
    assert load(database, add(database, parent, edits, tiled)).version == 2


@pytest.mark.parametrize("state", [DatasetState.QUEUED, DatasetState.INDEXING, DatasetState.FAILED])
def test_a_parent_that_is_not_ready_is_refused(database: Database, state: DatasetState) -> None:
    parent = first(database)
    with database.write() as session:
        session.get_one(DatasetRow, parent).state = state
    with pytest.raises(ConflictError, match=state.value):
        add(database, parent)


def test_a_missing_parent(database: Database) -> None:
    with pytest.raises(NotFoundError):
        add(database, 4711)


# --- Removal ----------------------------------------------------------------------------------------------------


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def upload(database: Database, artifacts: ArtifactStore) -> int:
    dataset_id = first(database, source="upload")
    files = artifacts.dataset_files(dataset_id)
    with database.write() as session:
        session.get_one(DatasetRow, dataset_id).root = str(files)
    (files / "images").mkdir(parents=True)
    (files / "images" / "a.png").write_bytes(b"a")
    return dataset_id


def thumbnails(artifacts: ArtifactStore, dataset_id: int) -> Path:
    folder = artifacts.dataset_dir(dataset_id) / "thumbnails"
    folder.mkdir(parents=True)
    (folder / "0-image.jpg").write_bytes(b"x")
    return folder


def remove(database: Database, artifacts: ArtifactStore, dataset_id: int) -> None:
    with database.write() as session:
        files = delete_dataset(session, dataset_id)
    artifacts.remove_dataset(dataset_id, files=files)


def test_uploaded_files_stay_until_the_last_version_goes(database: Database, artifacts: ArtifactStore) -> None:
    origin = upload(database, artifacts)
    second = add(database, origin)
    third = add(database, second, DatasetEdits())
    picture = artifacts.dataset_files(origin) / "images" / "a.png"
    folders = [thumbnails(artifacts, version) for version in (origin, second, third)]

    remove(database, artifacts, second)
    assert picture.exists()
    assert not artifacts.dataset_dir(second).exists()
    assert load(database, third).parent_id == origin

    remove(database, artifacts, origin)
    assert picture.exists()
    assert [folder.exists() for folder in folders] == [False, False, True]
    assert (load(database, third).parent_id, load(database, third).lineage_id) == (None, origin)
    fourth = add(database, third, DatasetEdits(), ImportSpec(layout=Layout.FOLDERS, group_pattern="x"))
    assert (load(database, fourth).version, load(database, fourth).root) == (4, load(database, third).root)

    remove(database, artifacts, third)
    assert picture.exists()
    remove(database, artifacts, fourth)
    assert list((artifacts.root / "datasets").iterdir()) == []


def test_a_registered_folder_is_never_touched(database: Database, artifacts: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    dataset_id = first(database, root=str(tmp_path / "mine"))
    thumbnails(artifacts, dataset_id)
    remove(database, artifacts, dataset_id)
    assert (tmp_path / "mine").exists()
    assert not artifacts.dataset_dir(dataset_id).exists()


def test_files_outside_the_artifacts_are_never_removed(artifacts: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    artifacts.remove_dataset(1, files=tmp_path / "mine")
    assert (tmp_path / "mine").exists()


def test_a_version_that_experiments_use_stays(database: Database, artifacts: ArtifactStore) -> None:
    with database.write() as session:
        dataset = create_dataset(session)
        create_experiment(session, dataset=dataset)
        used = dataset.id
    version = add(database, used)
    with pytest.raises(ConflictError, match="used by 1"):
        remove(database, artifacts, used)
    remove(database, artifacts, version)
    assert load(database, used).state == DatasetState.READY
