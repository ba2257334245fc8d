"""Migrations that only are remembered: their runs are those of a fake platform."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migrations.errors import MigrationError
from migrations.places import parse
from stacks import cursors, permissions
from stacks.errors import ConflictError, Flaw, InvalidError, NotFoundError
from stacks.migrating.migrations import Migrations, Reachable
from stacks.records import ACTIVE, Caller, Migration, Page, Run
from stacks.requests import End, Key, NewMigration
from tests.fake_records import NOW

PLAN: dict[str, Any] = {
    'source': 'sqlite:/data/a.db',
    'target': 'stack db',
    'schema': 'public',
    'tables': [
        {
            'name': 'hello',
            'columns': [
                {
                    **{'name': 'id', 'source_type': 'INTEGER', 'target_type': 'bigint'},
                    **{'form': 'integer', 'notes': [{'level': 'widened', 'text': 'wider'}]},
                }
            ],
            'rows': 3,
            'bytes': 4_500_000,
        }
    ],
    'notes': [{'level': 'lost', 'text': 'said by the test'}],
    'seconds': 2.0,
    'replaced': [],
}
PROGRESS = {'step': 'copy', 'rows': 1, 'total': 2, 'rate': 0.5, 'seconds_left': None}
REJECT = {'table': 'a', 'key': 'id=1', 'column': 'b', 'value': "'x'", 'reason': 'not a date'}


class FakeMigrations(Migrations):
    """Migrations in memory; an allowance of rejects is used, so that they have one."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform
        self._found: dict[str, Migration] = {}
        self._asked: dict[tuple[str, str], tuple[str, str]] = {}

    def create(self, caller: Caller, request: NewMigration) -> Migration:
        permissions.insist_on_role(caller, 'user')
        if known := self._same(caller, request.key):
            return known
        source, target = (
            self._named('source', request.source),
            self._named('target', request.target),
        )
        id = f'mig_{len(self._found) + 1:04}'
        run = self._platform.begin_migration(caller, id, 'plan' if request.plan else 'migrate')
        self._found[id] = Migration(
            id=id,
            run=run.id,
            operation=run.operation,
            state=run.state,
            source=source,
            target=target,
            tables=list(request.tables),
            schema=request.schema,
            source_schema=request.source_schema,
            types=dict(request.types),
            zero_dates_are_null=request.zero_dates_are_null,
            replace=request.replace,
            allow_rejects=request.allow_rejects,
            plan=None,
            progress=PROGRESS,
            rejects=[REJECT] if request.allow_rejects else [],
            left_out=1 if request.allow_rejects else 0,
            moved={},
            rows=None,
            backup=None,
            error=None,
            caller=caller.name,
            cancel_requested=False,
            created_at=NOW,
            started_at=NOW,
            ended_at=None,
        )
        self._remember(caller, request.key, id)
        return self.one(caller, id)

    def all(self, caller: Caller, limit: int, cursor: str | None) -> Page[Migration]:
        self._platform.answer()
        before = cursors.number(cursor) or len(self._found)
        mine = [self.one(caller, id) for id in self._found if self._is_of(caller, id)]
        part = mine[:before][::-1]
        end = before - limit
        return Page(part[:limit], str(end) if end > 0 and len(part) > limit else None)

    def rejects(self, caller: Caller, migration: str) -> list[dict[str, str]]:
        return self.one(caller, migration).rejects

    def reachable(self, caller: Caller) -> Reachable:
        self._platform.answer()
        return Reachable(('goods',), ('db.example.com',), ('/data',))

    def one(self, caller: Caller, migration: str, *, is_brief: bool = False) -> Migration:
        self._platform.answer()
        if not self._is_of(caller, migration):
            raise NotFoundError('There is no migration of this id.')
        found = self._found[migration]
        run: Run = self._platform.run(caller, found.run)
        is_done = (run.operation, run.state) == ('migrate', 'succeeded')
        return replace(
            found,
            operation=run.operation,
            state=run.state,
            error=run.error,
            plan=PLAN if run.has_ended and not is_brief else None,
            rows=2 if is_done else None,
            moved={'a': 2} if is_done and not is_brief else {},
            cancel_requested=run.cancel_requested,
            ended_at=run.ended_at,
        )

    def run(self, caller: Caller, migration: str, key: Key | None = None) -> Migration:
        found = self._resting(caller, migration, key)
        if (found.operation, found.state) != ('plan', 'succeeded'):
            raise ConflictError('wrong-state', 'There is no plan that waits.')
        return self._next(caller, found, 'migrate', key)

    def resume(
        self,
        caller: Caller,
        migration: str,
        allow_rejects: int | None = None,
        key: Key | None = None,
    ) -> Migration:
        found = self._resting(caller, migration, key)
        if found.state == 'succeeded':
            raise ConflictError('wrong-state', 'There is nothing to go on with.')
        if allow_rejects is not None:
            self._found[migration] = replace(self._found[migration], allow_rejects=allow_rejects)
        return self._next(caller, found, found.operation, key)

    def abandon(
        self, caller: Caller, migration: str, forget: bool = False, key: Key | None = None
    ) -> Migration | None:
        found = self._resting(caller, migration, key)
        if forget or found.operation == 'plan' or found.state == 'succeeded':
            del self._found[migration]
            return None
        return self._next(caller, found, 'abandon', key)

    def _next(self, caller: Caller, found: Migration, operation: str, key: Key | None) -> Migration:
        run = self._platform.begin_migration(caller, found.id, operation)
        self._found[found.id] = replace(self._found[found.id], run=run.id)
        self._remember(caller, key, found.id)
        return self.one(caller, found.id)

    def _resting(self, caller: Caller, migration: str, key: Key | None) -> Migration:
        permissions.insist_on_role(caller, 'user')
        self._same(caller, key)
        found = self.one(caller, migration)
        if found.state in ACTIVE:
            raise ConflictError('run-in-progress', 'A run is on.', found.run)
        return found

    def _is_of(self, caller: Caller, migration: str) -> bool:
        found = self._found.get(migration)
        return found is not None and (caller.name == found.caller or caller.may('operator'))

    def _same(self, caller: Caller, key: Key | None) -> Migration | None:
        self._platform.answer()
        if key is None or (caller.name, key.text) not in self._asked:
            return None
        fingerprint, id = self._asked[caller.name, key.text]
        if fingerprint != key.fingerprint:
            raise ConflictError('key-reused', 'This key was used for another request.')
        return self.one(caller, id)

    def _remember(self, caller: Caller, key: Key | None, id: str) -> None:
        if key:
            self._asked[caller.name, key.text] = key.fingerprint, id

    def _named(self, name: str, end: End) -> str:
        if (end.url is None) == (end.stack is None):
            raise InvalidError([Flaw(f'/{name}', 'must have either url or stack')])
        try:
            return str(parse(end.url)) if end.url is not None else f'stack {end.stack}'
        except MigrationError as error:
            raise InvalidError([Flaw(f'/{name}/url', f'cannot be used: {error}')]) from None
