"""What others may be told of, in the database: written with what it tells of, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from stacks import moments
from stacks.moments import aware, now
from stacks.records import (
    DRIFT_FOUND,
    EXPIRED,
    EXPIRY_FAILED,
    EXPIRY_NEAR,
    FAILED,
    INTERRUPTED,
    PREVIEW,
    RUN_ENDED,
    SCHEDULED,
    SUCCEEDED,
)
from stacks.store.tables import events, stacks

Row = sa.Row[Any]

# Characters of an error's message.
LONGEST_MESSAGE = 1000


def run_ended(connection: sa.Connection, run: Row) -> None:
    """Note that a run has ended, and how.

    Nothing of previews, which change nothing and are waited for, nor of looks at drift that went
    well: what they find is told.
    """
    is_quiet = run.reason == SCHEDULED and run.state == SUCCEEDED
    if run.operation == PREVIEW or is_quiet:
        return
    data = _run(run)
    _insert(connection, RUN_ENDED[run.state], run, data)
    if run.reason == EXPIRED and run.state in (FAILED, INTERRUPTED):
        retry_at = sa.select(stacks.c.expiry_retry_at).where(stacks.c.id == run.stack_id)
        again = _text(connection.execute(retry_at).scalar_one_or_none())
        _insert(connection, EXPIRY_FAILED, run, {**data, 'retry_at': again})


def drift_found(connection: sa.Connection, run: Row, drift: Mapping[str, Any]) -> None:
    """Note that a run has found a stack changed outside."""
    _insert(connection, DRIFT_FOUND, run, {**_run(run), 'drift': dict(drift)})


def warn(connection: sa.Connection, before: datetime, span: timedelta, limit: int = 50) -> None:
    """Note of which stacks the end is near, once of each end.

    before: the moment until which it is. span: stacks that were to last no longer than that from
        the start are left out.
    """
    query = (
        sa.select(stacks)
        .where(
            stacks.c.expires_at <= before,
            stacks.c.expires_at > now(),
            ~stacks.c.protected,
            sa.or_(stacks.c.warned_of.is_(None), stacks.c.warned_of != stacks.c.expires_at),
        )
        .limit(limit)
        .with_for_update()
    )
    for row in list(connection.execute(query)):
        if row.expires_at - row.created_at > span:
            _insert(connection, EXPIRY_NEAR, row, _stack(row), row.name)
        # No change that a client sees: the version stays.
        change = stacks.update().where(stacks.c.id == row.id)
        connection.execute(change.values(warned_of=row.expires_at))


def unspread(connection: sa.Connection, limit: int = 100) -> list[Row]:
    """Return events of which nobody was told yet, in their order."""
    query = sa.select(events).where(~events.c.is_spread).order_by(events.c.number).limit(limit)
    return list(connection.execute(query.with_for_update(skip_locked=True)))


def has_unspread(connection: sa.Connection) -> bool:
    """Tell whether there are such events."""
    query = sa.select(events.c.number).where(~events.c.is_spread).limit(1)
    return connection.execute(query).first() is not None


def spread(connection: sa.Connection, number: int) -> None:
    """Note that there is a delivery of an event for each of those who are to be told."""
    change = events.update().where(events.c.number == number)
    connection.execute(change.values(is_spread=True))


def remove(connection: sa.Connection, number: int) -> None:
    """Remove an event that nobody is to be told of."""
    connection.execute(events.delete().where(events.c.number == number))


def _insert(
    connection: sa.Connection, type: str, about: Row, data: dict[str, Any], stack: str = ''
) -> None:
    connection.execute(
        events.insert().values(
            id=f'evt_{secrets.token_hex(12)}',
            type=type,
            stack=stack or about.stack,
            program=about.program,
            data=data,
            created_at=now(),
        )
    )


def _run(run: Row) -> dict[str, Any]:
    """Return what is told of a run: nothing that may be secret."""
    error = run.error
    if error is not None:
        error = {'message': error['message'][:LONGEST_MESSAGE], 'resource': error['resource']}
    return {
        'run': run.id,
        'stack': run.stack,
        'program': run.program,
        'operation': run.operation,
        'state': run.state,
        'caller': run.caller,
        'reason': run.reason,
        'changes': run.changes,
        'error': error,
        'started_at': _text(run.started_at),
        'ended_at': _text(run.ended_at),
    }


def _stack(row: Row) -> dict[str, Any]:
    return {
        'stack': row.name,
        'program': row.program,
        'owner': row.owner,
        'expires_at': _text(row.expires_at),
    }


def _text(moment: datetime | None) -> str | None:
    return moments.text(aware(moment)) if moment else None
