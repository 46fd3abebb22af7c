"""Connections and transactions, for SQLite and PostgreSQL alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import InvalidInputError, UnavailableError

_WRITES = "segscope_writes"
_BUSY_TIMEOUT_SECONDS = 30


class Database:
    """The database of a process.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:///path`` or ``postgresql://…`` (psycopg 3).
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for reading; what is changed in it is rolled back."""
        with _available(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back on an exception.

        On SQLite the write lock is taken at the start, so that a read-then-write cannot be refused half-way.
        """
        engine: Engine = self.engine.execution_options(**{_WRITES: True})
        with _available(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def check(self) -> None:
        """Ask the database for a sign of life.

        Raises
        ------
        UnavailableError
            It does not answer.
        """
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        raise UnavailableError(
            f"The database refused the request ({reason}). Check free disk space and that the database is running."
        ) from error
    except (DataError, OverflowError) as error:
        raise InvalidInputError(
            "Invalid value: received a number or text that the database cannot hold, expected a smaller one."
        ) from error


def _configure_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - narrows the type of the driver's own object
    # The driver must not begin transactions by itself: `_begin_sqlite` chooses the kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # With a write-ahead log, NORMAL loses no commit when a process dies; only a power cut may take the last ones.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
