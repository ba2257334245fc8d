"""What Alembic runs: it gets the connection that holds the lock."""

from __future__ import annotations

from alembic import context

from stacks.store.schema import VERSION_TABLE
from stacks.store.tables import metadata

context.configure(
    connection=context.config.attributes['connection'],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
