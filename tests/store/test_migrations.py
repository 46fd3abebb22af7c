"""The migrations lead to the tables of `app.store.schema`, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.store.database import Database
from app.store.migrations import migration_config, upgrade
from app.store.schema import Base
from app.store.schema_version import SCHEMA_REVISION


def _differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def test_an_empty_database_lacks_every_table(empty_database: Database) -> None:
    tables = [entry for entry in _differences(empty_database) if isinstance(entry, tuple) and entry[0] == "add_table"]
    assert len(tables) == len(Base.metadata.tables)


def test_the_newest_migration_is_the_one_that_a_start_asks_for() -> None:
    assert ScriptDirectory.from_config(migration_config()).get_current_head() == SCHEMA_REVISION


def test_migrations_equal_the_models(database: Database) -> None:
    assert _differences(database) == []


def test_processes_that_start_together_take_turns(empty_database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(upgrade, empty_database) for _ in range(2)]:
            future.result()

    assert _differences(empty_database) == []
