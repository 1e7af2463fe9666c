"""Alembic's entry: runs the revisions over the connection that `pronghorn.store.migrate` hands in."""

from alembic import context

from pronghorn.store.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
