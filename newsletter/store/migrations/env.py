"""Alembic's entry. Runs on the connection that `schema.py` hands in, or prints SQL (`--sql`) without one."""

from __future__ import annotations

from alembic import context

from newsletter.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url") or "sqlite://",
        target_metadata=metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
else:
    # SQLite can take table changes back like any others; Alembic only does not assume so.
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True)

with context.begin_transaction():
    context.run_migrations()
