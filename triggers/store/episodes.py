"""Episodes in the database: what goes on from its first call to its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.moments import now
from stacks.store.stacks import Row
from stacks.store.tables import trigger_episodes

episodes = trigger_episodes
FIRING, RESOLVING, OVER = 'firing', 'resolving', 'over'
OPEN = (FIRING, RESOLVING)


def insert(connection: sa.Connection, values: Mapping[str, Any]) -> Row:
    """Add an episode and return it."""
    result = connection.execute(episodes.insert().values(created_at=now(), **values))
    number = int(result.inserted_primary_key[0])  # type: ignore[index]  # It has one.
    return by_number(connection, number)


def by_number(connection: sa.Connection, number: int) -> Row:
    """Return an episode that is there."""
    return connection.execute(sa.select(episodes).where(episodes.c.number == number)).one()


def find(connection: sa.Connection, source: str, rule: str, episode: str) -> Row | None:
    """Return an episode; None where there is none."""
    query = sa.select(episodes).where(
        episodes.c.source == source, episodes.c.rule == rule, episodes.c.episode == episode
    )
    return connection.execute(query).one_or_none()


def resolving(
    connection: sa.Connection, source: str, rule: str, fingerprint: str, stack: str
) -> Row | None:
    """Return an episode of the same alert that has just ended, and whose end may yet not count."""
    query = sa.select(episodes).where(
        episodes.c.source == source,
        episodes.c.rule == rule,
        episodes.c.fingerprint == fingerprint,
        episodes.c.stack == stack,
        episodes.c.state == RESOLVING,
    )
    return connection.execute(query.order_by(episodes.c.number.desc()).limit(1)).one_or_none()


def change(connection: sa.Connection, number: int, **values: Any) -> Row:
    """Change what is known of an episode; return it."""
    connection.execute(episodes.update().where(episodes.c.number == number).values(**values))
    return by_number(connection, number)


def end(connection: sa.Connection, number: int) -> None:
    """Note that an episode is over."""
    change(connection, number, state=OVER, ended_at=now(), due_at=None, lease_until=None)


def holders(connection: sa.Connection, stack: str, but: int) -> list[Row]:
    """Return the episodes that hold a stack, all but one of them."""
    query = sa.select(episodes).where(
        episodes.c.stack == stack, episodes.c.state.in_(OPEN), episodes.c.number != but
    )
    return list(connection.execute(query.order_by(episodes.c.number)))


def due(connection: sa.Connection, moment: datetime) -> list[Row]:
    """Return the episodes that are to be looked at now, those first that have waited longest."""
    is_due = sa.or_(episodes.c.due_at <= moment, episodes.c.lease_until <= moment)
    query = sa.select(episodes).where(episodes.c.state.in_(OPEN), is_due)
    # Not the oldest: many that wait for the same run are due all the time.
    since = sa.case((episodes.c.due_at <= moment, episodes.c.due_at), else_=episodes.c.lease_until)
    return list(connection.execute(query.order_by(since, episodes.c.number).limit(100)))


def remove_old(connection: sa.Connection, before: datetime) -> None:
    """Remove the episodes that ended before a moment."""
    connection.execute(episodes.delete().where(episodes.c.ended_at < before))
