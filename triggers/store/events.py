"""Events and decisions in the database."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.moments import aware, now
from stacks.records import SUCCEEDED, UPDATE
from stacks.store.stacks import Row, is_equal
from stacks.store.tables import runs, stacks, trigger_deliveries, trigger_events
from triggers.records import RECEIVED, EventFilter, TriggerEvent

events = trigger_events


def insert(connection: sa.Connection, values: Mapping[str, Any]) -> str:
    """Add an event and return its id."""
    id = f'evt_{secrets.token_hex(12)}'
    connection.execute(events.insert().values(id=id, **{'received_at': now(), **values}))
    return id


def decide(connection: sa.Connection, number: int, values: Mapping[str, Any]) -> None:
    """Note what was decided."""
    connection.execute(
        events.update().where(events.c.number == number).values(decided_at=now(), **values)
    )


def undecided(connection: sa.Connection) -> Row | None:
    """Return the event that has waited longest for a decision."""
    query = sa.select(events).where(events.c.outcome == RECEIVED)
    return connection.execute(query.order_by(events.c.number).limit(1)).one_or_none()


def is_new(connection: sa.Connection, source: str, key: str) -> bool:
    """Tell whether a call was not received before, and remember it."""
    where = trigger_deliveries.c.source == source, trigger_deliveries.c.key == key
    if connection.execute(sa.select(trigger_deliveries.c.key).where(*where)).first():
        return False
    connection.execute(
        trigger_deliveries.insert().values(source=source, key=key, received_at=now())
    )
    return True


def by_ids(connection: sa.Connection, ids: list[str]) -> list[Row]:
    """Return events in their order."""
    query = sa.select(events).where(events.c.id.in_(ids)).order_by(events.c.number)
    return list(connection.execute(query))


def page(
    connection: sa.Connection,
    where: EventFilter,
    programs: frozenset[str] | None,
    limit: int,
    before: int | None,
) -> list[Row]:
    """Return events, the newest first; those before a number, of these programs if not of all."""
    query = sa.select(events).order_by(events.c.number.desc()).limit(limit)
    if programs is not None:
        query = query.where(events.c.program.in_(programs))
    if before is not None:
        query = query.where(events.c.number < before)
    for name, value in vars(where).items():
        query = query if value is None else query.where(is_equal(events.c[name], value))
    return list(connection.execute(query))


def of_run(connection: sa.Connection, run_id: str) -> Row | None:
    """Return the event by which a rule has begun a run; None where none has."""
    query = sa.select(events).where(events.c.run_id == run_id, events.c.rule != '')
    return connection.execute(query.limit(1)).one_or_none()


def last_runs(connection: sa.Connection, rule: str, stack: str, limit: int) -> list[Row]:
    """Return the last runs that a rule has begun on a stack, the newest first."""
    query = (
        sa.select(runs.c.number, runs.c.state, runs.c.ended_at)
        .join(events, events.c.run_id == runs.c.id)
        .where(events.c.rule == rule, events.c.stack == stack)
        .order_by(runs.c.number.desc())
        .limit(limit)
    )
    return list(connection.execute(query))


def has_succeeded_since(connection: sa.Connection, stack: str, number: int) -> bool:
    """Tell whether an update of a stack has succeeded after a run."""
    query = sa.select(runs.c.number).where(
        runs.c.stack == stack,
        runs.c.number > number,
        runs.c.operation == UPDATE,
        runs.c.state == SUCCEEDED,
    )
    return connection.execute(query.limit(1)).first() is not None


def moments_of_runs(connection: sa.Connection, rule: str, since: datetime) -> list[datetime]:
    """Return when a rule has begun runs since a moment, the earliest first."""
    query = sa.select(events.c.decided_at).where(
        events.c.rule == rule, events.c.run_id.is_not(None), events.c.decided_at > since
    )
    return list(connection.execute(query.order_by(events.c.decided_at)).scalars())


def stacks_of(connection: sa.Connection, rule: str) -> set[str]:
    """Return the stacks that are there and that a rule has begun runs on."""
    query = (
        sa.select(events.c.stack)
        .join(stacks, stacks.c.name == events.c.stack)
        .where(events.c.rule == rule, events.c.run_id.is_not(None))
        .distinct()
    )
    return set(connection.execute(query).scalars())


def remove_old(connection: sa.Connection, before: datetime, keys_before: datetime) -> None:
    """Remove what was decided before a moment, and what was received before another one.

    Of each stack that is there, the last event by which a rule has begun a run stays: the rule's
    quota of stacks goes by it.
    """
    counted = (
        sa.select(sa.func.max(events.c.number))
        .join(stacks, stacks.c.name == events.c.stack)
        .where(events.c.rule != '', events.c.run_id.is_not(None))
        .group_by(events.c.rule, events.c.stack)
    )
    connection.execute(
        events.delete().where(
            events.c.received_at < before,
            events.c.outcome != RECEIVED,
            events.c.number.not_in(counted),
        )
    )
    connection.execute(
        trigger_deliveries.delete().where(trigger_deliveries.c.received_at < keys_before)
    )


def shown(row: Row) -> TriggerEvent:
    """Return what people may see of an event."""
    return TriggerEvent(
        id=row.id,
        source=row.source,
        rule=row.rule,
        status=row.status,
        name=row.name,
        labels=row.labels,
        url=row.url,
        outcome=row.outcome,
        reason=row.reason,
        program=row.program,
        stack=row.stack,
        target=row.target,
        caller=row.caller,
        run=row.run_id,
        received_at=aware(row.received_at),
        decided_at=aware(row.decided_at) if row.decided_at else None,
    )
