"""Alembic's entry: migrates the connection that `app.store.migrations` hands over, or the configured database."""

from alembic import context
from sqlalchemy import Connection

from app.settings import load_settings
from app.store.database import Database
from app.store.schema import Base


def migrate(connection: Connection) -> None:
    """Run the migrations on `connection` in its present transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        user_module_prefix="schema.",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with Database(load_settings().resolved_database_url).engine.begin() as own:
        migrate(own)
