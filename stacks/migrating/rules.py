"""What must hold before something is done with a migration."""

from __future__ import annotations

import re

import sqlalchemy as sa

from stacks import permissions
from stacks.errors import ConflictError, NotFoundError
from stacks.records import ACTIVE, PLAN, SUCCEEDED, Caller, Migration
from stacks.requests import Key
from stacks.store import migrations, runs
from stacks.store.stacks import Row
from stacks.submission import MOST_ACTIVE, known_run

ID = re.compile('[a-z0-9_]{1,40}')


def known(connection: sa.Connection, caller: Caller, key: Key | None) -> Migration | None:
    """Return what came of the same request when it was sent before; None when it was not."""
    run = known_run(connection, caller.name, key)
    if run is None:
        return None
    return migrations.shown(visible(connection, caller, str(run.inputs.get('migration'))))


def visible(
    connection: sa.Connection,
    caller: Caller,
    migration: str,
    lock: bool = False,
    is_brief: bool = False,
) -> Row:
    """Return a migration as store.migrations has it; raises NotFoundError."""
    permissions.insist_on_role(caller, 'reader')
    # No database takes whatever somebody may write for an id.
    is_id = ID.fullmatch(migration)
    row = migrations.by_id(connection, migration, lock, is_brief) if is_id else None
    if row is None or not (caller.name == row.caller or caller.may('operator')):
        raise NotFoundError('There is no migration of this id.')
    return row


def is_planned(row: Row) -> bool:
    """Tell whether a plan waits to be run."""
    return (row.operation, row.state) == (PLAN, SUCCEEDED)


def insist_on_rest(row: Row) -> None:
    """Raise ConflictError while a run of a migration is on."""
    if row.state in ACTIVE:
        raise ConflictError(
            'run-in-progress',
            f'A run is under way on this migration ({row.operation}).',
            row.run_id,
        )


def insist_on_room(connection: sa.Connection, caller: Caller) -> None:
    """Raise ConflictError when the caller has as many migrations under way as one may have."""
    if runs.active_migrations(connection, caller.name) >= MOST_ACTIVE:
        raise ConflictError(
            'queue-full', f'{MOST_ACTIVE} migrations of yours are under way. Wait for one to end.'
        )


def has_traces(row: Row) -> bool:
    """Tell whether there may be something of a migration in the target."""
    return bool(row.is_begun and row.plan is not None and row.secret)
