"""Run by Alembic: applies the migrations on the connection that `listening_test.database.engine` hands over."""

from alembic import context

from listening_test.database.models import Base

# render_as_batch: SQLite alters a table by making it anew.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
