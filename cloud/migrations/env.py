"""Alembic's entry: runs the revisions on the connection that ``upgrade`` opened."""

from alembic import context

import cloud.http_tables
import cloud.trouble_tables  # noqa: F401 - same
from cloud.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    # SQLite can take back a half-done revision; Alembic assumes that it cannot.
    transactional_ddl=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
