"""Alembic's entry: it migrates the connection that core.db.migrate hands it."""

from alembic import context

from core.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
