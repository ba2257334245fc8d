"""One who decides at a time, of all services of a database."""

from __future__ import annotations

import sqlalchemy as sa

# A number of our own among PostgreSQL's advisory locks.
DECIDING = 7_405_002


def take(connection: sa.Connection) -> None:
    """Be the only one who decides until the transaction ends.

    Taken before any lock of a stack. A writer of SQLite is alone from its begin.
    """
    if connection.dialect.name == 'postgresql':
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(DECIDING)))
