"""Stacks in the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.moments import aware
from stacks.operation.marks import SECRET
from stacks.records import ACTIVE, DESTROY, MEANWHILE, Stack
from stacks.requests import StackFilter
from stacks.shortening import shortened
from stacks.store.tables import runs, stacks, vaults

Row = sa.Row[Any]
NUL = '\0'
PROBLEMS = ('failed', 'incomplete')


def insert(connection: sa.Connection, values: Mapping[str, Any]) -> int:
    """Add a stack and return its number in the database."""
    result = connection.execute(stacks.insert().values(values))
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # It has one.


def by_name(connection: sa.Connection, name: str, lock: bool = False) -> Row | None:
    """Return a stack; with `lock`, nobody else changes it until the transaction ends."""
    query = sa.select(stacks).where(stacks.c.name == name)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def change(connection: sa.Connection, stack_id: int, **values: Any) -> None:
    """Change what is known of a stack; its version goes up."""
    connection.execute(
        stacks.update()
        .where(stacks.c.id == stack_id)
        .values(version=stacks.c.version + 1, **values)
    )


def cut_short(connection: sa.Connection, stack: Row | None, operation: str) -> None:
    """Note of a stack that an operation on it has ended somewhere in its midst."""
    if stack is not None and operation in MEANWHILE:
        failures = stack.expiry_failures + (operation == DESTROY)
        change(connection, stack.id, state='incomplete', expiry_failures=failures)


def remove(connection: sa.Connection, stack_id: int) -> None:
    """Remove a stack; its runs stay."""
    connection.execute(stacks.delete().where(stacks.c.id == stack_id))


def page(
    connection: sa.Connection,
    where: StackFilter,
    programs: frozenset[str] | None,
    limit: int,
    after: str,
) -> list[Stack]:
    """Return stacks by name, those behind `after`, and of these programs if not of all."""
    query = _selected(where, programs).where(stacks.c.name > after)
    found = connection.execute(query.order_by(stacks.c.name).limit(limit))
    return [shown(row) for row in found]


def names_with_secret(
    connection: sa.Connection,
    output: str,
    owner: str | None,
    programs: frozenset[str] | None,
    limit: int,
) -> list[str]:
    """Return the names of stacks with a secret output; owner, programs: None for all."""
    query = _selected(StackFilter(owner=owner), programs)
    query = query.where(stacks.c.outputs[output].as_string() == SECRET)
    return [row.name for row in connection.execute(query.order_by(stacks.c.name).limit(limit))]


def by_urgency(
    connection: sa.Connection,
    where: StackFilter,
    programs: frozenset[str] | None,
    limit: int,
    offset: int,
) -> list[Stack]:
    """Return stacks: first those with problems, then those that expire soonest.

    offset: how many come before.
    """
    has_problem = sa.or_(stacks.c.state.in_(PROBLEMS), stacks.c.expiry_failures > 0)
    order = sa.case((has_problem, 0), else_=1), sa.case((stacks.c.expires_at.is_(None), 1), else_=0)
    query = _selected(where, programs).order_by(*order, stacks.c.expires_at, stacks.c.name)
    found = connection.execute(query.limit(limit).offset(offset))
    return [shown(row) for row in found]


def _selected(where: StackFilter, programs: frozenset[str] | None) -> sa.Select[tuple[Any, ...]]:
    query = sa.select(stacks)
    query = query if programs is None else query.where(stacks.c.program.in_(programs))
    for column, value in (
        (stacks.c.program, where.program),
        (stacks.c.state, where.state),
        (stacks.c.owner, where.owner),
    ):
        query = query if value is None else query.where(is_equal(column, value))
    if where.text:
        words = stacks.c.name + ' ' + stacks.c.description
        is_there = words.icontains(where.text, autoescape=True)
        query = query.where(sa.false() if NUL in where.text else is_there)
    return query


def is_equal(column: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    """Return whether a column has a text, which may be one that PostgreSQL does not even take."""
    return sa.false() if NUL in text else column == text


def add_alone(connection: sa.Connection) -> None:
    """Have nobody else add a stack, or give one away, until the transaction ends."""
    # Any row would do that is always there and that nothing else locks.
    connection.execute(sa.select(vaults.c.id).with_for_update())


def count(connection: sa.Connection, owner: str | None = None) -> int:
    """Return how many stacks there are, or how many somebody owns."""
    query = sa.select(sa.func.count()).select_from(stacks)
    query = query if owner is None else query.where(stacks.c.owner == owner)
    return int(connection.execute(query).scalar_one())


def due(connection: sa.Connection, now: datetime, limit: int = 50) -> list[Row]:
    """Return stacks whose time is over and with which nothing is under way, the first due first.

    Those that are protected stay.
    """
    is_time = sa.or_(stacks.c.expiry_retry_at.is_(None), stacks.c.expiry_retry_at <= now)
    query = (
        sa.select(stacks)
        .where(stacks.c.expires_at <= now, ~stacks.c.protected, is_time, ~_is_busy())
        .order_by(stacks.c.expires_at)
        .limit(limit)
    )
    return list(connection.execute(query))


def idle_unlooked(connection: sa.Connection, before: datetime, limit: int = 10) -> list[Row]:
    """Return ready stacks with which nothing was done since a moment."""
    recent = sa.exists().where(
        runs.c.stack_id == stacks.c.id,
        sa.or_(runs.c.created_at > before, runs.c.state.in_(ACTIVE)),
    )
    query = sa.select(stacks).where(stacks.c.state == 'ready', ~recent).limit(limit)
    return list(connection.execute(query))


def digests(connection: sa.Connection) -> set[str]:
    """Return the digests of all programs that stacks were applied with, or runs go with."""
    of_stacks = sa.select(stacks.c.digest)
    of_runs = sa.select(runs.c.digest).where(runs.c.state.in_(ACTIVE))
    return set(connection.execute(sa.union(of_stacks, of_runs)).scalars())


def shown(row: Row) -> Stack:
    """Return what people may see of a stack."""
    return Stack(
        name=row.name,
        program=row.program,
        state=row.state,
        description=row.description,
        inputs=shown_inputs(row.inputs),
        outputs=row.outputs,
        owner=row.owner,
        created_at=aware(row.created_at),
        expires_at=aware(row.expires_at) if row.expires_at else None,
        protected=row.protected,
        drift=row.drift,
        last_run=row.last_run,
        version=row.version,
    )


def shown_inputs(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs as people may see them."""
    return {**shortened(stored['plain']), **dict.fromkeys(stored['secret'], SECRET)}


def _is_busy() -> sa.Exists:
    return sa.exists().where(runs.c.stack_id == stacks.c.id, runs.c.state.in_(ACTIVE))
