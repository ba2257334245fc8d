"""What people can ask of migrations; a part of the platform (see stacks.platform)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from migrations.errors import MigrationError
from migrations.places import Place
from migrations.plans import Plan
from settings import Settings
from stacks import cursors, permissions
from stacks.errors import ConflictError, Flaw, InvalidError, NotFoundError
from stacks.migrating import reach, rules, wishes
from stacks.moments import now
from stacks.ordering import visible
from stacks.records import (
    ABANDON,
    MIGRATE,
    PLAN,
    SUCCEEDED,
    Caller,
    Migration,
    Page,
)
from stacks.requests import Key, NewMigration
from stacks.running.waiting import Bell
from stacks.store import inventories, migrations, runs, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row
from stacks.submission import remember
from stacks.vault import Vault

# The secret output of a stack that is a database.
OUTPUT = 'url'
# Stacks that people can choose from; of more they have to know the name.
MOST_OFFERED = 100
# Of what stands in the way of a plan.
MOST_TOLD = 20


@dataclass(frozen=True)
class Reachable:
    """What somebody may move tables from and to.

    stacks: own ones that are databases, as far as people are offered them.
    hosts, folders: as the settings have them.
    """

    stacks: tuple[str, ...]
    hosts: tuple[str, ...]
    folders: tuple[str, ...]


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
            if known := rules.known(connection, caller, request.key):
                return known
            rules.insist_on_room(connection, caller)
            if flaws := wishes.flaws_of(request):
                raise InvalidError(flaws)
            source, target = self._places(connection, caller, request)
            migration = f'mig_{secrets.token_hex(12)}'
            run = _queue(connection, caller.name, migration, PLAN if request.plan else MIGRATE)
            migrations.insert(
                connection,
                {
                    'id': migration,
                    'run_id': run,
                    'caller': caller.name,
                    'source': wishes.named(request.source, source),
                    'target': wishes.named(request.target, target),
                    'wishes': wishes.stored(request),
                    'secret': self._sealed(source, target),
                    'created_at': now(),
                },
            )
            remember(connection, caller.name, request.key, run)
            found = migrations.shown(rules.visible(connection, caller, migration))
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
        return cursors.numbered(found, limit, migrations.shown)

    def one(self, caller: Caller, migration: str, *, is_brief: bool = False) -> Migration:
        """Return a migration.

        is_brief: whether what is long is left out, as in lists.

        Raises NotFoundError.
        """
        with self._database().reading() as connection:
            return migrations.shown(rules.visible(connection, caller, migration, is_brief=is_brief))

    def rejects(self, caller: Caller, migration: str) -> list[dict[str, str]]:
        """Return all that a migration has left out, as Migration has the first of it.

        Raises NotFoundError.
        """
        with self._database().reading() as connection:
            return list(rules.visible(connection, caller, migration).rejects)

    def reachable(self, caller: Caller) -> Reachable:
        """Return what the caller may move tables from and to."""
        owner = None if caller.may('operator') else caller.name
        with self._database().reading() as connection:
            found = stacks.names_with_secret(
                connection, OUTPUT, owner, caller.programs, MOST_OFFERED
            )
        hosts, folders = self._settings.hosts_of_migrations, self._settings.folders_of_migrations
        return Reachable(tuple(found), tuple(hosts), tuple(map(str, folders)))

    def run(self, caller: Caller, migration: str, key: Key | None = None) -> Migration:
        """Queue the run that moves what a plan says.

        Raises NotFoundError, ConflictError.
        """
        with self._database().reading() as connection:
            row = rules.visible(connection, caller, migration)
        if rules.is_planned(row):
            self._insist_on_fit(row)
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
                wished = {**row.wishes, 'allow_rejects': allow_rejects}
                migrations.change(connection, migration, wishes=wished)
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
        permissions.insist_on_role(caller, 'user')
        with self._database().writing() as connection:
            if not rules.known(connection, caller, key):
                row = rules.visible(connection, caller, migration, lock=True)
                rules.insist_on_rest(row)
                if forget or not rules.has_traces(row):
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
            if known := rules.known(connection, caller, key):
                return known
            row = rules.visible(connection, caller, migration, lock=True)
            rules.insist_on_rest(row)
            rules.insist_on_room(connection, caller)
            chosen = operation(connection, row)
            # It is of whoever the migration is of, who else could neither see nor cancel it.
            run = _queue(connection, row.caller, migration, chosen)
            secret = self._renewed(connection, caller, row)
            migrations.change(connection, migration, run_id=run, secret=secret)
            remember(connection, caller.name, key, run)
            found = migrations.shown(rules.visible(connection, caller, migration))
        self._bell.ring()
        return found

    def _operation_to_run(self, connection: sa.Connection, row: Row) -> str:
        if not rules.is_planned(row):
            raise ConflictError('wrong-state', 'This migration has no plan that waits to be run.')
        return MIGRATE

    def _insist_on_fit(self, row: Row) -> None:
        """Raise ConflictError when it is known already that a plan cannot be run."""
        plan = Plan.of_data(row.plan)
        if refusals := plan.refusals[:MOST_TOLD]:
            said = 'This cannot be carried over: ' + '; '.join(refusals)
            raise ConflictError('plan-refused', said)
        if reach.has_changed(self._settings, self._vault().decrypt(row.secret['source']), plan):
            raise ConflictError(
                'plan-outdated',
                'The tables of the source are others than when it was planned. Plan it again.',
            )

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

    def _renewed(self, connection: sa.Connection, caller: Caller, row: Row) -> dict[str, str]:
        """Return the URLs of both ends, of stacks as they are now: a password may be a new one."""
        found = dict(row.secret)
        for end, stack in row.wishes['stacks'].items():
            # Of a stack that is gone, the run tells what is left to do.
            if stack and found and _is_meant(connection, caller, row, stack):
                with suppress(NotFoundError, MigrationError):
                    url = self._url_of(connection, caller, stack)
                    place = reach.place(self._settings, url, is_of_stack=True)
                    found[end] = self._vault().encrypt(place.url)
        return found

    def _sealed(self, source: Place, target: Place) -> dict[str, str]:
        vault = self._vault()
        return {'source': vault.encrypt(source.url), 'target': vault.encrypt(target.url)}


def _is_meant(connection: sa.Connection, caller: Caller, row: Row, stack: str) -> bool:
    """Tell whether a stack of this name may be what a migration is about.

    Who has it go on may use more stacks than whose it is, and the name may be another one's by now.
    """
    found = stacks.by_name(connection, stack)
    return found is not None and row.caller in (caller.name, found.owner)


def _queue(connection: sa.Connection, caller: str, migration: str, operation: str) -> str:
    run_id = f'run_{secrets.token_hex(12)}'
    values = {
        'id': run_id,
        'stack': '',
        'program': '',
        'operation': operation,
        'caller': caller,
        'inputs': {'plain': {'migration': migration}, 'secret': {}},
    }
    runs.insert(connection, values)
    return run_id
