"""Brings a database to the schema of this version: `python -m app.store.migrations`."""

from __future__ import annotations

import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from app.domain.errors import SegscopeError
from app.settings import PROJECT_ROOT, load_settings
from app.store.database import Database

# Any constant serves; it only has to be the same in every process that migrates.
_ADVISORY_LOCK = 7_243_151


def migration_config() -> Config:
    """Return Alembic's configuration."""
    config = Config()
    config.set_main_option("script_location", str(PROJECT_ROOT / "migrations"))
    return config


def upgrade(database: Database) -> None:
    """Apply every migration that `database` lacks; processes that start together take turns."""
    config = migration_config()
    with database.engine.execution_options(segscope_writes=True).connect() as connection, connection.begin():
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def main() -> int:
    """Migrate the configured database."""
    try:
        upgrade(Database(load_settings().resolved_database_url))
    except SegscopeError as error:
        sys.stderr.write(f"segscope: {error.message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
