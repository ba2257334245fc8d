"""Events on their way to destinations, in the database."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.moments import aware, now
from stacks.records import DROPPED, WAITING, Notification
from stacks.requests import NotificationFilter
from stacks.store.stacks import is_equal
from stacks.store.tables import deliveries, disabled_destinations, events

Row = sa.Row[Any]

JOINED = deliveries.join(events, events.c.number == deliveries.c.event)
OF_EVENT = (
    *(events.c.id.label('event_id'), events.c.type, events.c.stack, events.c.data),
    events.c.created_at.label('happened_at'),
)


def insert(connection: sa.Connection, event: int, destination: str, dropped: str = '') -> None:
    """Have an event be sent to a destination; dropped: why it is not, if so."""
    moment = now()
    connection.execute(
        deliveries.insert().values(
            id=f'ntf_{secrets.token_hex(12)}',
            event=event,
            destination=destination,
            state=DROPPED if dropped else WAITING,
            answer=dropped,
            due_at=moment,
            created_at=moment,
        )
    )


def due(connection: sa.Connection, but: Collection[str], limit: int) -> list[Row]:
    """Return what is to be sent now and nobody sends, the first due first.

    but: destinations of which nothing is wanted.
    """
    query = (
        sa.select(deliveries.c.number, deliveries.c.destination)
        .where(
            deliveries.c.state == WAITING,
            deliveries.c.due_at <= now(),
            deliveries.c.executor.is_(None),
            deliveries.c.destination.not_in(but),
        )
        .order_by(deliveries.c.due_at, deliveries.c.number)
        .limit(limit)
    )
    return list(connection.execute(query))


def claim(connection: sa.Connection, number: int, executor: str) -> Row | None:
    """Take a delivery, with its event; None where another service was faster."""
    changed = connection.execute(
        deliveries.update()
        .where(
            deliveries.c.number == number,
            deliveries.c.state == WAITING,
            deliveries.c.executor.is_(None),
        )
        .values(executor=executor)
    )
    if not changed.rowcount:
        return None
    query = sa.select(deliveries, *OF_EVENT).select_from(JOINED)
    return connection.execute(query.where(deliveries.c.number == number)).one()


def change(connection: sa.Connection, number: int, executor: str, **values: Any) -> bool:
    """Store what came of a delivery that a service has taken; it is nobody's then."""
    changed = connection.execute(
        deliveries.update()
        .where(deliveries.c.number == number, deliveries.c.executor == executor)
        .values(executor=None, **values)
    )
    return bool(changed.rowcount)


def executors(connection: sa.Connection) -> set[str]:
    """Return the services that have taken something, alive or not."""
    query = sa.select(deliveries.c.executor).where(deliveries.c.executor.is_not(None)).distinct()
    return set(connection.execute(query).scalars())


def release(connection: sa.Connection, executor: str) -> None:
    """Have what a service has taken be sent again, as nobody knows whether it was."""
    connection.execute(
        deliveries.update().where(deliveries.c.executor == executor).values(executor=None)
    )


def drop(connection: sa.Connection, destination: str, reason: str) -> None:
    """Have what waits for a destination not be sent any more."""
    connection.execute(
        deliveries.update()
        .where(deliveries.c.destination == destination, deliveries.c.state == WAITING)
        .values(state=DROPPED, answer=reason)
    )


def disable(connection: sa.Connection, name: str, fingerprint: str, reason: str) -> None:
    """Have nothing be sent to a destination any more."""
    enable(connection, name)
    connection.execute(
        disabled_destinations.insert().values(
            name=name, fingerprint=fingerprint, reason=reason, disabled_at=now()
        )
    )


def enable(connection: sa.Connection, name: str) -> bool:
    """Have a destination be sent to again; False when it was all the time."""
    same = disabled_destinations.c.name == name
    return bool(connection.execute(disabled_destinations.delete().where(same)).rowcount)


def disabled(connection: sa.Connection) -> dict[str, Row]:
    """Return by their names the destinations that are sent nothing."""
    found = connection.execute(sa.select(disabled_destinations))
    return {row.name: row for row in found}


def page(
    connection: sa.Connection,
    where: NotificationFilter,
    programs: frozenset[str] | None,
    limit: int,
    before: int | None,
) -> list[Row]:
    """Return deliveries, the newest first; those before a number.

    programs: those whose events are wanted; None for all.
    """
    query = sa.select(deliveries, *OF_EVENT).select_from(JOINED)
    if programs is not None:
        query = query.where(events.c.program.in_(programs))
    for column, value in (
        (deliveries.c.destination, where.destination),
        (deliveries.c.state, where.state),
        (events.c.stack, where.stack),
    ):
        query = query if value is None else query.where(is_equal(column, value))
    if before is not None:
        query = query.where(deliveries.c.number < before)
    return list(connection.execute(query.order_by(deliveries.c.number.desc()).limit(limit)))


def remove_ended(connection: sa.Connection, before: datetime) -> None:
    """Remove what is not sent any more since before a moment, and the events that leaves alone."""
    is_old = sa.and_(deliveries.c.state != WAITING, deliveries.c.created_at < before)
    connection.execute(deliveries.delete().where(is_old))
    is_needed = sa.exists().where(deliveries.c.event == events.c.number)
    connection.execute(events.delete().where(events.c.is_spread, ~is_needed))


def shown(row: Row) -> Notification:
    """Return what people may see of a delivery."""
    return Notification(
        id=row.id,
        event=row.event_id,
        type=row.type,
        stack=row.stack,
        run=row.data.get('run'),
        destination=row.destination,
        state=row.state,
        attempts=row.attempts,
        status=row.status,
        answer=row.answer,
        created_at=aware(row.created_at),
        answered_at=aware(row.answered_at) if row.answered_at else None,
        due_at=aware(row.due_at) if row.state == WAITING else None,
    )
