"""What people can ask of migrations; a part of the platform (see stacks.platform)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict

import sqlalchemy as sa

from migrations.errors import MigrationError
from migrations.places import Place
from settings import Settings
from stacks import cursors, permissions
from stacks.errors import ConflictError, Flaw, InvalidError, NotFoundError
from stacks.migrating import reach
from stacks.moments import now
from stacks.ordering import visible
from stacks.records import (
    ABANDON,
    ACTIVE,
    MIGRATE,
    PLAN,
    SUCCEEDED,
    Caller,
    Migration,
    Page,
)
from stacks.requests import End, Key, NewMigration
from stacks.running.waiting import Bell
from stacks.store import inventories, migrations, runs
from stacks.store.database import Database
from stacks.store.stacks import Row
from stacks.submission import MOST_ACTIVE, known_run, remember
from stacks.vault import Vault

# The secret output of a stack that is a database.
OUTPUT = 'url'
MOST_TABLES = 10_000
LONGEST_NAME = 1000
MOST_ALLOWED = 10_000
ID = re.compile('[a-z0-9_]{1,40}')
TYPE = re.compile(r'[A-Za-z][\w ]*(\(\d+(, ?\d+)?\))?[\w ]*(\[\])?', re.ASCII)


class Migrations:
    """Migrations, each with its runs; for any thread.

    Every method may raise UnavailableError, and ForbiddenError where the caller may not do that.
    """

    def __init__(
        self,
        settings: Settings,
        database: Callable[[], Database],
        vault: Callable[[], Vault],
        bell: Bell,
    ) -> None:
        """Take what it works with; both functions may raise UnavailableError."""
        self._settings = settings
        self._database = database
        self._vault = vault
        self._bell = bell

    def create(self, caller: Caller, request: NewMigration) -> Migration:
        """Queue the first run of a migration: it makes a plan, and goes by it if that is wanted.

        Raises InvalidError, ConflictError.
        """
        permissions.insist_on_role(caller, 'user')
        with self._database().writing() as connection:
            if known := _known(connection, caller, request.key):
                return known
            _insist_on_room(connection, caller)
            if flaws := _flaws(request):
                raise InvalidError(flaws)
            wishes = {**asdict(request), 'stacks': _stacks(request)}
            for name in ('source', 'target', 'key', 'plan'):
                wishes.pop(name)
            source, target = self._places(connection, caller, request)
            migration = f'mig_{secrets.token_hex(12)}'
            run = _queue(connection, caller, migration, PLAN if request.plan else MIGRATE)
            migrations.insert(
                connection,
                {
                    'id': migration,
                    'run_id': run,
                    'caller': caller.name,
                    'source': _named(request.source, source),
                    'target': _named(request.target, target),
                    'wishes': wishes,
                    'secret': self._sealed(source, target),
                    'created_at': now(),
                },
            )
            remember(connection, caller.name, request.key, run)
            found = migrations.shown(_visible(connection, caller, migration))
        self._bell.ring()
        return found

    def all(self, caller: Caller, limit: int, cursor: str | None) -> Page[Migration]:
        """Return migrations, the newest first, without plans and rejects.

        Raises InvalidError when the cursor is none.
        """
        permissions.insist_on_role(caller, 'reader')
        before = cursors.number(cursor)
        whose = None if caller.may('operator') else caller.name
        with self._database().reading() as connection:
            found = migrations.page(connection, whose, limit + 1, before)
        is_more = len(found) > limit
        items = [migrations.shown(row) for row in found[:limit]]
        return Page(items, str(found[limit - 1].number) if is_more else None)

    def one(self, caller: Caller, migration: str) -> Migration:
        """Return a migration.

        Raises NotFoundError.
        """
        with self._database().reading() as connection:
            return migrations.shown(_visible(connection, caller, migration))

    def run(self, caller: Caller, migration: str, key: Key | None = None) -> Migration:
        """Queue the run that moves what a plan says.

        Raises NotFoundError, ConflictError.
        """
        return self._again(caller, migration, key, self._operation_to_run)

    def resume(
        self,
        caller: Caller,
        migration: str,
        allow_rejects: int | None = None,
        key: Key | None = None,
    ) -> Migration:
        """Queue a run that goes on where the last one has ended.

        allow_rejects: how many rows may be left out from now on; None: as before.

        Raises NotFoundError, ConflictError.
        """

        def operation(connection: sa.Connection, row: Row) -> str:
            if row.state == SUCCEEDED:
                raise ConflictError('wrong-state', 'This migration has nothing to go on with.')
            if allow_rejects is not None:
                wishes = {**row.wishes, 'allow_rejects': allow_rejects}
                migrations.change(connection, migration, wishes=wishes)
            return str(row.operation)

        return self._again(caller, migration, key, operation)

    def abandon(
        self, caller: Caller, migration: str, forget: bool = False, key: Key | None = None
    ) -> Migration | None:
        """Queue the run that removes what there is of a migration in the target, and then itself.

        forget: whether the target is left alone.
        Returns None where the migration is gone at once, as there is nothing in the target.

        Raises NotFoundError, ConflictError.
        """
        with self._database().writing() as connection:
            if not _known(connection, caller, key):
                row = _visible(connection, caller, migration, lock=True)
                _insist_on_rest(row)
                if forget or not _has_traces(row):
                    migrations.remove(connection, migration)
                    return None
        return self._again(caller, migration, key, lambda *_: ABANDON)

    def _again(
        self,
        caller: Caller,
        migration: str,
        key: Key | None,
        operation: Callable[[sa.Connection, Row], str],
    ) -> Migration:
        """Queue another run of a migration; operation: returns which, or raises ConflictError."""
        permissions.insist_on_role(caller, 'user')
        with self._database().writing() as connection:
            if known := _known(connection, caller, key):
                return known
            row = _visible(connection, caller, migration, lock=True)
            _insist_on_rest(row)
            _insist_on_room(connection, caller)
            chosen = operation(connection, row)
            run = _queue(connection, caller, migration, chosen)
            migrations.change(connection, migration, run_id=run)
            remember(connection, caller.name, key, run)
            found = migrations.shown(_visible(connection, caller, migration))
        self._bell.ring()
        return found

    def _operation_to_run(self, connection: sa.Connection, row: Row) -> str:
        if (row.operation, row.state) != (PLAN, SUCCEEDED):
            raise ConflictError('wrong-state', 'This migration has no plan that waits to be run.')
        return MIGRATE

    def _places(
        self, connection: sa.Connection, caller: Caller, request: NewMigration
    ) -> tuple[Place, Place]:
        """Return both ends, if they may be used; raises InvalidError."""
        flaws, found = [], []
        for name, end in (('source', request.source), ('target', request.target)):
            pointer = f'/{name}/{"stack" if end.stack is not None else "url"}'
            try:
                url = end.url or ''
                if end.stack is not None:
                    url = self._url_of(connection, caller, end.stack)
                place = reach.place(self._settings, url, end.stack is not None)
                if name == 'target' and place.kind != 'postgres':
                    raise MigrationError('The target has to be a PostgreSQL.')
                found.append(place)
            except (MigrationError, NotFoundError) as error:
                flaws.append(Flaw(pointer, f'cannot be used: {error}'))
        if flaws:
            raise InvalidError(flaws)
        return found[0], found[1]

    def _url_of(self, connection: sa.Connection, caller: Caller, name: str) -> str:
        row = visible(connection, caller, name)
        permissions.insist_on_owner(caller, row.owner)
        sealed = inventories.of_stack(connection, row.id).secret_outputs.get(OUTPUT)
        if sealed is None:
            raise NotFoundError(f'The stack has no secret output {OUTPUT}.')
        return str(json.loads(self._vault().decrypt(sealed)))

    def _sealed(self, source: Place, target: Place) -> dict[str, str]:
        vault = self._vault()
        return {'source': vault.encrypt(source.url), 'target': vault.encrypt(target.url)}


def _known(connection: sa.Connection, caller: Caller, key: Key | None) -> Migration | None:
    """Return what came of the same request when it was sent before; None when it was not."""
    run = known_run(connection, caller.name, key)
    if run is None:
        return None
    return migrations.shown(_visible(connection, caller, str(run.inputs.get('migration'))))


def _visible(connection: sa.Connection, caller: Caller, migration: str, lock: bool = False) -> Row:
    permissions.insist_on_role(caller, 'reader')
    # No database takes whatever somebody may write for an id.
    row = migrations.by_id(connection, migration, lock) if ID.fullmatch(migration) else None
    if row is None or not (caller.name == row.caller or caller.may('operator')):
        raise NotFoundError('There is no migration of this id.')
    return row


def _insist_on_rest(row: Row) -> None:
    if row.state in ACTIVE:
        raise ConflictError(
            'run-in-progress',
            f'A run is under way on this migration ({row.operation}).',
            row.run_id,
        )


def _insist_on_room(connection: sa.Connection, caller: Caller) -> None:
    if runs.active_migrations(connection, caller.name) >= MOST_ACTIVE:
        raise ConflictError(
            'queue-full', f'{MOST_ACTIVE} migrations of yours are under way. Wait for one to end.'
        )


def _has_traces(row: Row) -> bool:
    """Tell whether there may be something of a migration in the target."""
    return bool(row.is_begun and row.plan is not None and row.secret)


def _queue(connection: sa.Connection, caller: Caller, migration: str, operation: str) -> str:
    run_id = f'run_{secrets.token_hex(12)}'
    values = {
        'id': run_id,
        'stack': '',
        'program': '',
        'operation': operation,
        'caller': caller.name,
        'inputs': {'plain': {'migration': migration}, 'secret': {}},
    }
    runs.insert(connection, values)
    return run_id


def _named(end: End, place: Place) -> str:
    return f'stack {end.stack}' if end.stack is not None else str(place)


def _stacks(request: NewMigration) -> dict[str, str | None]:
    return {'source': request.source.stack, 'target': request.target.stack}


def _flaws(request: NewMigration) -> list[Flaw]:
    flaws = []
    for name, end in (('source', request.source), ('target', request.target)):
        if (end.url is None) == (end.stack is None):
            flaws.append(Flaw(f'/{name}', 'must have either url or stack'))
    if len(request.tables) > MOST_TABLES or not all(map(_is_name, request.tables)):
        flaws.append(Flaw('/tables', f'must be at most {MOST_TABLES} names of tables'))
    for pointer, name in (('schema', request.schema), ('source_schema', request.source_schema)):
        if not _is_name(name):
            flaws.append(Flaw(f'/{pointer}', 'must be the name of a schema'))
    if not all(_is_name(name) and TYPE.fullmatch(kind) for name, kind in request.types):
        flaws.append(
            Flaw('/types', 'must be types of PostgreSQL, as numeric(20,4), by table.column')
        )
    if not 0 <= request.allow_rejects <= MOST_ALLOWED:
        flaws.append(Flaw('/allow_rejects', f'must be a number from 0 to {MOST_ALLOWED}'))
    return flaws


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and '\0' not in text and text.isprintable()
