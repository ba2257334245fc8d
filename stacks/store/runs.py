"""Runs in the database: their queue, their course and their end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.inputs import NONE
from stacks.moments import aware, now
from stacks.records import ACTIVE, ENDED, OF_MIGRATIONS, QUEUED, RUNNING, SUCCEEDED, UPDATE, Run
from stacks.requests import RunFilter
from stacks.store import events
from stacks.store.stacks import Row, is_equal, shown_inputs
from stacks.store.tables import keys, log_parts, runs, stacks

# What a list leaves out, because it may be long; and what one leaves out that needs no inputs.
LONG, LONGER = {'resources'}, {'resources', 'inputs'}


def insert(connection: sa.Connection, values: Mapping[str, Any]) -> int:
    """Put a run into the queue and return its number."""
    result = connection.execute(runs.insert().values(state=QUEUED, created_at=now(), **values))
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # It has one.


def by_id(connection: sa.Connection, run_id: str) -> Row | None:
    """Return a run."""
    return connection.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()


def active(connection: sa.Connection, stack_id: int) -> list[Row]:
    """Return the runs of a stack that have not ended, in their order."""
    query = (
        sa.select(runs)
        .where(runs.c.stack_id == stack_id, runs.c.state.in_(ACTIVE))
        .order_by(runs.c.number)
    )
    return list(connection.execute(query))


def active_migrations(connection: sa.Connection, caller: str) -> int:
    """Return how many runs of migrations of a caller have not ended."""
    query = sa.select(sa.func.count()).where(
        runs.c.caller == caller, runs.c.state.in_(ACTIVE), runs.c.operation.in_(OF_MIGRATIONS)
    )
    return int(connection.execute(query).scalar_one())


def page(
    connection: sa.Connection,
    where: RunFilter,
    programs: frozenset[str] | None,
    limit: int,
    before: int | None,
    *,
    is_brief: bool = False,
    whose: str | None = None,
) -> list[Row]:
    """Return runs, the newest first, without what is long; those before a number.

    programs: those whose runs are wanted; None for all.
    is_brief: whether their inputs are left out too.
    whose: the one whose runs of migrations are wanted beside them; None for everybody's.
    """
    left_out = LONGER if is_brief else LONG
    columns = [column for column in runs.c if column.name not in left_out]
    query = sa.select(*columns).order_by(runs.c.number.desc()).limit(limit)
    of_migration = runs.c.operation.in_(OF_MIGRATIONS)
    of_stacks = sa.true() if programs is None else runs.c.program.in_(programs)
    mine = sa.true() if whose is None else runs.c.caller == whose
    query = query.where(sa.or_(sa.and_(~of_migration, of_stacks), sa.and_(of_migration, mine)))
    if before is not None:
        query = query.where(runs.c.number < before)
    for column, value in (
        (runs.c.stack, where.stack),
        (runs.c.operation, where.operation),
        (runs.c.state, where.state),
    ):
        query = query if value is None else query.where(is_equal(column, value))
    if where.is_kept:
        query = query.where(runs.c.stack_id.is_not(None))
    return list(connection.execute(query))


def by_ids(connection: sa.Connection, ids: Collection[str]) -> list[Row]:
    """Return runs without their resources and inputs, in any order."""
    columns = [column for column in runs.c if column.name not in LONGER]
    return list(connection.execute(sa.select(*columns).where(runs.c.id.in_(ids))))


def seconds_of_updates(connection: sa.Connection, program: str, limit: int) -> list[float]:
    """Return how long the last updates of a program took that succeeded, the newest first."""
    query = (
        sa.select(runs.c.started_at, runs.c.ended_at)
        .where(
            runs.c.program == program,
            runs.c.operation == UPDATE,
            runs.c.state == SUCCEEDED,
            runs.c.started_at.is_not(None),
        )
        .order_by(runs.c.number.desc())
        .limit(limit)
    )
    return [(row.ended_at - row.started_at).total_seconds() for row in connection.execute(query)]


def has_queued(connection: sa.Connection) -> bool:
    """Tell whether any run waits."""
    query = sa.select(runs.c.number).where(runs.c.state == QUEUED).limit(1)
    return connection.execute(query).first() is not None


def claim(connection: sa.Connection, executor: str, without: Collection[str] = ()) -> Row | None:
    """Take the run that has waited longest and whose stack has none before it; None without one.

    without: operations of which none is taken.

    Two that take the same are told apart by the index of one running run for each stack, or by
    the row's lock.
    """
    earlier = runs.alias('earlier')
    is_next = ~sa.exists().where(
        earlier.c.stack_id == runs.c.stack_id,
        earlier.c.state.in_(ACTIVE),
        earlier.c.number < runs.c.number,
    )
    query = (
        sa.select(runs)
        .where(runs.c.state == QUEUED, is_next, runs.c.operation.not_in(without))
        .order_by(runs.c.number)
        .limit(1)
        .with_for_update(skip_locked=True, of=runs)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    changed = connection.execute(
        runs.update()
        .where(runs.c.id == row.id, runs.c.state == QUEUED)
        .values(
            state=RUNNING,
            executor=executor,
            attempts=runs.c.attempts + 1,
            started_at=sa.func.coalesce(runs.c.started_at, now()),
        )
    )
    return by_id(connection, row.id) if changed.rowcount else None


def change(connection: sa.Connection, run_id: str, executor: str, **values: Any) -> bool:
    """Change a run that a service does; False when it is not that service's any more.

    Its end, by any way, is one that others may be told of.
    """
    changed = connection.execute(
        runs.update()
        .where(runs.c.id == run_id, runs.c.executor == executor, runs.c.state == RUNNING)
        .values(**values)
    )
    return _noted(connection, run_id, bool(changed.rowcount), values.get('state') in ENDED)


def cancel_queued(connection: sa.Connection, run_id: str) -> bool:
    """End a run that has not begun; False when it has."""
    changed = connection.execute(
        runs.update()
        .where(runs.c.id == run_id, runs.c.state == QUEUED)
        .values(state='cancelled', cancel=1, ended_at=now())
    )
    return _noted(connection, run_id, bool(changed.rowcount), True)


def _noted(connection: sa.Connection, run_id: str, is_changed: bool, has_ended: bool) -> bool:
    """Note the end of a run, and return whether it was changed."""
    if is_changed and has_ended and (row := by_id(connection, run_id)):
        events.run_ended(connection, row)
    return is_changed


def ask_to_cancel(connection: sa.Connection, run_id: str) -> bool:
    """Note that a run shall end early; False when it does not run."""
    changed = connection.execute(
        runs.update()
        .where(runs.c.id == run_id, runs.c.state == RUNNING)
        .values(cancel=runs.c.cancel + 1)
    )
    return bool(changed.rowcount)


def cancels(connection: sa.Connection, executor: str) -> dict[str, int]:
    """Return how often each run of a service was asked to end early."""
    query = sa.select(runs.c.id, runs.c.cancel).where(
        runs.c.executor == executor, runs.c.state == RUNNING
    )
    return {row.id: row.cancel for row in connection.execute(query)}


def executors(connection: sa.Connection) -> set[str]:
    """Return the services that have runs under way, alive or not."""
    query = sa.select(runs.c.executor).where(runs.c.state == RUNNING).distinct()
    return set(connection.execute(query).scalars())


def all_executors(connection: sa.Connection) -> set[str]:
    """Return the services that have done any of the runs that are kept."""
    query = sa.select(runs.c.executor).where(runs.c.executor.is_not(None)).distinct()
    return set(connection.execute(query).scalars())


def of_executor(connection: sa.Connection, executor: str) -> list[Row]:
    """Return the runs that a service has under way."""
    query = sa.select(runs).where(runs.c.executor == executor, runs.c.state == RUNNING)
    return list(connection.execute(query))


def locked(connection: sa.Connection, run_id: str, executor: str) -> Row | None:
    """Return a run that nobody else changes until the transaction ends; None when not that one's.

    Whoever also locks its stack does that before.
    """
    query = sa.select(runs).where(
        runs.c.id == run_id, runs.c.executor == executor, runs.c.state == RUNNING
    )
    return connection.execute(query.with_for_update()).one_or_none()


def requeue(connection: sa.Connection, run_id: str, attempts: int) -> None:
    """Have a run begin again, before all that wait for its stack."""
    connection.execute(
        runs.update()
        .where(runs.c.id == run_id, runs.c.state == RUNNING)
        .values(state=QUEUED, executor=None, attempts=attempts)
    )


def remove_ended(connection: sa.Connection, before: datetime, limit: int = 200) -> int:
    """Remove runs that ended before a moment, but not the last one of a stack; return how many."""
    is_last = sa.exists().where(stacks.c.last_run == runs.c.id)
    query = sa.select(runs.c.id).where(runs.c.ended_at < before, ~is_last).limit(limit)
    old = list(connection.execute(query).scalars())
    connection.execute(log_parts.delete().where(log_parts.c.run_id.in_(old)))
    connection.execute(runs.delete().where(runs.c.id.in_(old)))
    return len(old)


def key(connection: sa.Connection, caller: str, text: str) -> Row | None:
    """Return what was asked for under a caller's key."""
    query = sa.select(keys).where(keys.c.caller == caller, keys.c.key == text)
    return connection.execute(query).one_or_none()


def insert_key(
    connection: sa.Connection, caller: str, text: str, fingerprint: str, run_id: str
) -> None:
    """Remember what came of a caller's key."""
    connection.execute(
        keys.insert().values(
            caller=caller, key=text, fingerprint=fingerprint, run_id=run_id, created_at=now()
        )
    )


def remove_keys(connection: sa.Connection, before: datetime) -> None:
    """Forget keys that are older than a moment."""
    connection.execute(keys.delete().where(keys.c.created_at < before))


def shown(row: Row) -> Run:
    """Return what people may see of a run."""
    return Run(
        id=row.id,
        stack=row.stack,
        program=row.program,
        digest=row.digest,
        operation=row.operation,
        state=row.state,
        caller=row.caller,
        reason=row.reason,
        accept=row.accept,
        preview=row.preview,
        inputs=shown_inputs(getattr(row, 'inputs', NONE)),
        error=row.error,
        resources=getattr(row, 'resources', []),
        changes=row.changes,
        attempts=row.attempts,
        cancel_requested=row.cancel > 0,
        created_at=aware(row.created_at),
        started_at=aware(row.started_at) if row.started_at else None,
        ended_at=aware(row.ended_at) if row.ended_at else None,
    )
