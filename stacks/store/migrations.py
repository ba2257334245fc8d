"""Migrations in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stacks.moments import aware
from stacks.records import Migration
from stacks.store.stacks import Row
from stacks.store.tables import migrations, runs

# Of the last run, which every migration has: they go together.
OF_RUN = ('operation', 'state', 'error', 'cancel', 'started_at', 'ended_at')
# What a list leaves out, because it may be long.
LONG = ('plan', 'rejects', 'moved')
# Rejects that people see at once; all of them are a list of its own.
SHOWN_REJECTS = 1000
JOINED = migrations.join(runs, runs.c.id == migrations.c.run_id)


def insert(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Add a migration."""
    connection.execute(migrations.insert().values(values))


def by_id(
    connection: sa.Connection, migration: str, lock: bool = False, is_brief: bool = False
) -> Row | None:
    """Return a migration with what is known of its last run.

    lock: nobody else changes it until the transaction ends. is_brief: without what is long.
    """
    if lock:
        own = sa.select(migrations.c.id).where(migrations.c.id == migration)
        connection.execute(own.with_for_update())
    query = _selected(_brief() if is_brief else migrations.c).where(migrations.c.id == migration)
    return connection.execute(query).one_or_none()


def page(
    connection: sa.Connection, caller: str | None, limit: int, before: int | None
) -> list[Row]:
    """Return migrations, the newest first, without what is long; those before a number.

    caller: whose they are; None for all.
    """
    query = _selected(_brief())
    if caller is not None:
        query = query.where(migrations.c.caller == caller)
    if before is not None:
        query = query.where(migrations.c.number < before)
    return list(connection.execute(query.order_by(migrations.c.number.desc()).limit(limit)))


def change(connection: sa.Connection, migration: str, **values: Any) -> None:
    """Change what is known of a migration."""
    connection.execute(migrations.update().where(migrations.c.id == migration).values(**values))


def remove(connection: sa.Connection, migration: str) -> None:
    """Remove a migration; its runs stay."""
    connection.execute(migrations.delete().where(migrations.c.id == migration))


def remove_old(connection: sa.Connection) -> None:
    """Remove the migrations whose last run is not kept any more."""
    is_kept = sa.exists().where(runs.c.id == migrations.c.run_id)
    connection.execute(migrations.delete().where(~is_kept))


def ids(connection: sa.Connection) -> set[str]:
    """Return the ids of all."""
    return set(connection.execute(sa.select(migrations.c.id)).scalars())


def shown(row: Row) -> Migration:
    """Return what people may see of a migration."""
    result, rejects = row.result or {}, getattr(row, 'rejects', [])
    return Migration(
        id=row.id,
        run=row.run_id,
        operation=row.operation,
        state=row.state,
        source=row.source,
        target=row.target,
        tables=row.wishes['tables'],
        schema=row.wishes['schema'],
        source_schema=row.wishes['source_schema'],
        types=dict(row.wishes['types']),
        zero_dates_are_null=row.wishes['zero_dates_are_null'],
        replace=row.wishes['replace'],
        allow_rejects=row.wishes['allow_rejects'],
        plan=getattr(row, 'plan', None),
        progress=row.progress,
        rejects=rejects[:SHOWN_REJECTS],
        left_out=len(rejects),
        moved=dict(getattr(row, 'moved', None) or []),
        rows=result.get('rows'),
        backup=result.get('backup'),
        error=row.error,
        caller=row.caller,
        cancel_requested=row.cancel > 0,
        created_at=aware(row.created_at),
        started_at=aware(row.started_at) if row.started_at else None,
        ended_at=aware(row.ended_at) if row.ended_at else None,
    )


def _brief() -> list[sa.Column[Any]]:
    return [each for each in migrations.c if each.name not in LONG]


def _selected(columns: Any) -> sa.Select[tuple[Any, ...]]:
    return sa.select(*columns, *(runs.c[name] for name in OF_RUN)).select_from(JOINED)
