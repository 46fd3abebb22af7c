"""Whether a database has this version's schema, and the way to give it that.

Alembic is needed once in a while and weighs more than ten megabytes: it runs in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import inspect, text

from app.domain.errors import SettingsError
from app.store.database import Database

#: Newest revision in `migrations/versions`; a test compares them.
SCHEMA_REVISION = "0003"


def is_current(database: Database) -> bool:
    """Whether `database` has the schema of this version."""
    with database.read() as session:
        if not inspect(session.connection()).has_table("alembic_version"):
            return False
        return bool(session.scalar(text("SELECT version_num FROM alembic_version")) == SCHEMA_REVISION)


def ensure_current(database: Database) -> None:
    """Migrate `database` if it needs it.

    Raises
    ------
    SettingsError
        The migration failed; its output has been printed.
    """
    if is_current(database):
        return
    done = subprocess.run([sys.executable, "-m", "app.store.migrations"], stdin=subprocess.DEVNULL, check=False)
    if done.returncode or not is_current(database):
        raise SettingsError(
            "The database could not be brought to this version's schema; see the output above. "
            "Check SEGSCOPE_DATABASE_URL, free disk space and the database's version."
        )
