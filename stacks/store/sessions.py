"""Who has signed in, in the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.moments import now
from stacks.store.tables import sessions


def insert(connection: sa.Connection, id: str, fingerprint: str) -> None:
    """Add a session."""
    moment = now()
    connection.execute(
        sessions.insert().values(id=id, fingerprint=fingerprint, created_at=moment, seen_at=moment)
    )


def by_id(
    connection: sa.Connection, id: str, begun: datetime, seen: datetime
) -> sa.Row[Any] | None:
    """Return a session that was begun, and seen last, since these moments."""
    query = sa.select(sessions).where(
        sessions.c.id == id, sessions.c.created_at > begun, sessions.c.seen_at > seen
    )
    return connection.execute(query).one_or_none()


def see(connection: sa.Connection, id: str) -> None:
    """Note that somebody is there still."""
    connection.execute(sessions.update().where(sessions.c.id == id).values(seen_at=now()))


def remove(connection: sa.Connection, id: str) -> None:
    """End a session."""
    connection.execute(sessions.delete().where(sessions.c.id == id))


def remove_old(connection: sa.Connection, begun: datetime, seen: datetime) -> None:
    """End all that were begun, or seen last, before these moments."""
    is_old = sa.or_(sessions.c.created_at <= begun, sessions.c.seen_at <= seen)
    connection.execute(sessions.delete().where(is_old))
