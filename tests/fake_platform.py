"""A platform that only remembers: no Pulumi, no database. Runs end when a test or time says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from settings import NAME
from stacks import inputs
from stacks.catalogue import Catalogue
from stacks.errors import (
    ChangedError,
    ConflictError,
    Flaw,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from stacks.permissions import may_see_run
from stacks.platform import Platform
from stacks.programs import Program
from stacks.records import (
    ACTIVE,
    Caller,
    Item,
    ListedStack,
    LogPart,
    Page,
    Run,
    Stack,
    own_error,
)
from stacks.requests import Key, NewRun, NewStack, RunFilter, StackFilter
from stacks.sessions import Sessions, fingerprint
from tests import fake_records
from tests.fake_migrations import FakeMigrations
from tests.fake_notifications import FakeNotifications
from tests.fake_records import NOW, RESOURCE, expiry, is_time

# What null makes of what cannot be missing.
EMPTY = {'description': '', 'protected': False}
# What a stack is while an operation is on.
DURING = {'update': 'updating', 'destroy': 'destroying'}


class FakeSessions(Sessions):
    """Sessions in memory."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def begin(self, token_digest: str) -> str:
        secret = f'session-{len(self._found)}'
        self._found[secret] = fingerprint(secret, token_digest)
        return secret

    def fingerprint(self, secret: str) -> str | None:
        return self._found.get(secret)

    def end(self, secret: str) -> None:
        self._found.pop(secret, None)


class FakePlatform(Platform):
    """Stacks and runs in memory.

    is_down: whether everything is answered by UnavailableError.
    ends_in_time: whether a run ends while somebody waits for it.
    failing: the operations whose runs fail. outputs: those of all stacks that were updated.
    revealed: each secret output in clear. ttl: how long stacks last of which nobody says it.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.is_down = False
        self.ends_in_time = True
        self.failing: set[str] = set()
        self.outputs: dict[str, Any] = {}
        self.revealed: Any = 'revealed'
        self.ttl = ''
        self.sessions = FakeSessions()
        self.migrations = FakeMigrations(self)
        self.notifications: FakeNotifications = FakeNotifications(self)
        self.logs: dict[str, str] = {}
        self._stacks: dict[str, Stack] = {}
        self._runs: dict[str, Run] = {}
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}
        # Runs whose stacks are gone.
        self._left: set[str] = set()

    def begin_migration(self, caller: Caller, migration: str, operation: str) -> Run:
        """Begin a run of a migration."""
        self.answer()
        run = fake_records.new_migration_run(
            f'run_{len(self._runs) + 1:04}', caller, migration, operation
        )
        self._runs[run.id] = fake_records.running(run)
        self.logs[run.id] = f'{run.operation} begins\n'
        return self._runs[run.id]

    def create(self, caller: Caller, request: NewStack) -> Run:
        if known := self._known(caller, request.key):
            return known
        program = self.catalogue.program(request.program)
        if not caller.may_use(request.program):
            raise ForbiddenError('This is not for you.')
        flaws = list(_flaws(program, request))
        if flaws or program is None:
            raise InvalidError(flaws)
        if request.name in self._stacks:
            raise ConflictError('name-taken', 'There is a stack of this name.')
        self._stacks[request.name] = fake_records.new_stack(caller, program, request)
        operation = 'preview' if request.preview else 'update'
        return self._begin(caller, request.name, NewRun(operation, key=request.key))

    def stacks(
        self, caller: Caller, where: StackFilter, limit: int, cursor: str | None
    ) -> Page[Stack]:
        self.answer()
        usable = (each for each in self._stacks.values() if caller.may_use(each.program))
        found = {each.name: each for each in usable if _fits(each, where)}
        return page(dict(sorted(found.items())), limit, cursor)

    def stack(self, caller: Caller, name: str) -> Stack:
        self.answer()
        found = self._stacks.get(name)
        if found is None or not caller.may_use(found.program):
            raise NotFoundError('There is no stack of this name.')
        return found

    def listed(
        self, caller: Caller, where: StackFilter, limit: int, offset: int
    ) -> Page[ListedStack]:
        found = self.stacks(caller, where, 1000, None).items[offset:]
        items = [ListedStack(each, self._runs.get(each.last_run or '')) for each in found[:limit]]
        return Page(items, str(offset + limit) if len(found) > limit else None)

    def resources(self, caller: Caller, name: str) -> list[dict[str, Any]]:
        stack = self.stack(caller, name)
        return [fake_records.STACK_RESOURCE] if stack.state == 'ready' else []

    def reveal(self, caller: Caller, name: str, output: str) -> Any:
        if not (caller.may('operator') or caller.name == self.stack(caller, name).owner):
            raise ForbiddenError('This stack is not yours.')
        if self.stack(caller, name).outputs.get(output) != '[secret]':
            raise NotFoundError('There is no such secret output.')
        return self.revealed

    def seconds_of_updates(self, caller: Caller, program: str, limit: int) -> list[float]:
        self.answer()
        return []

    @property
    def usual_ttl(self) -> str:
        return self.ttl

    @property
    def longest_ttl(self) -> str:
        return ''

    def change(
        self, caller: Caller, name: str, changes: Mapping[str, Any], version: int | None
    ) -> Stack:
        stack = self._at(caller, name, version)
        given: dict[str, Any] = {**changes}
        given |= {name: empty for name, empty in EMPTY.items() if given.get(name, empty) is None}
        if flaws := list(_change_flaws(given)):
            raise InvalidError(flaws)
        if 'ttl' in given:
            given['expires_at'] = expiry(given.pop('ttl'))
        elif given.get('expires_at') is not None:
            given['expires_at'] = fake_records.time(given['expires_at'])
        self._stacks[name] = replace(stack, **given, version=stack.version + 1)
        return self._stacks[name]

    def forget(self, caller: Caller, name: str, version: int | None) -> None:
        self._at(caller, name, version)
        if not caller.may('operator'):
            raise ForbiddenError('Only operators may forget a stack.')
        if active := self._active(name):
            raise ConflictError('run-in-progress', 'A run is on.', active.id)
        self._remove(name)

    def start(self, caller: Caller, name: str, request: NewRun) -> Run:
        if known := self._known(caller, request.key):
            return known
        stack = self._at(caller, name, request.version)
        active = self._active(name)
        if active and active.operation == request.operation == 'destroy':
            return active
        if request.operation == 'destroy' and stack.protected:
            raise ConflictError('protected', 'The stack is protected.')
        if request.preview is not None:
            request = replace(request, inputs=self._previewed(stack, request).inputs)
        if active and not request.queue:
            raise ConflictError('run-in-progress', 'Another run is on.', active.id)
        return self._begin(caller, name, request)

    def runs(
        self,
        caller: Caller,
        where: RunFilter,
        limit: int,
        cursor: str | None,
        *,
        is_brief: bool = False,
    ) -> Page[Run]:
        self.answer()
        found = [
            replace(each, resources=[])
            for each in reversed(self._runs.values())
            if _may_see(caller, each) and _fits(each, where)
        ]
        kept = (each for each in found if not (where.is_kept and each.id in self._left))
        return page({each.id: each for each in kept}, limit, cursor)

    def run(self, caller: Caller, run_id: str) -> Run:
        self.answer()
        found = self._runs.get(run_id)
        if found is None or not _may_see(caller, found):
            raise NotFoundError('There is no such run.')
        return found

    def cancel(self, caller: Caller, run_id: str) -> Run:
        run = self.run(caller, run_id)
        if run.has_ended:
            raise ConflictError('run-ended', 'The run has ended.', run_id)
        self._runs[run_id] = replace(run, cancel_requested=True)
        return self._runs[run_id]

    def watch(self, caller: Caller, run_id: str, offset: int, limit: int) -> tuple[Run, LogPart]:
        run = self.run(caller, run_id)
        data = self.logs[run_id].encode()
        if offset > len(data):
            raise InvalidError([Flaw('/offset', 'is beyond the end')])
        text = data[offset : offset + limit].decode(errors='ignore')
        end = offset + len(text.encode())
        is_whole = run.has_ended and end == len(data)
        return run, LogPart(offset, end, text, is_whole, run.state, len(run.resources))

    def wait(self, caller: Caller, run_id: str, seconds: float) -> Run:
        if self.ends_in_time and not self.run(caller, run_id).has_ended:
            self.end(run_id)
        return self.run(caller, run_id)

    def end(self, id: str) -> None:
        """End a run, and begin the one that waits for it."""
        run = self._runs[id]
        state = 'failed' if run.operation in self.failing else 'succeeded'
        state = 'cancelled' if run.cancel_requested else state
        error = own_error('It failed, says the test.') if state == 'failed' else None
        self.logs[id] += f'{run.operation} {state}\n'
        ended = replace(run, state=state, error=error, ended_at=NOW, resources=[RESOURCE])
        self._runs[id] = ended
        if run.operation == 'destroy' and state == 'succeeded':
            self._remove(run.stack)
        elif stack := self._stacks.get(run.stack):
            found = fake_records.after(stack, self._runs[id])
            is_made = (run.operation, state) == ('update', 'succeeded')
            self._put(replace(found, outputs=self.outputs) if is_made and self.outputs else found)
        if waiting := self._active(run.stack):
            self._runs[waiting.id] = fake_records.running(waiting)

    def _begin(self, caller: Caller, name: str, request: NewRun) -> Run:
        stack = self._stacks[name]
        is_free = self._active(name) is None
        run = fake_records.new_run(f'run_{len(self._runs) + 1:04}', caller, stack, request)
        self._runs[run.id] = fake_records.running(run) if is_free else run
        self.logs[run.id] = f'{run.operation} begins\n'
        state = 'creating' if stack.state == 'creating' else DURING.get(run.operation, stack.state)
        self._put(replace(stack, state=state, last_run=run.id))
        if request.key:
            self._keys[caller.name, request.key.text] = request.key.fingerprint, run.id
        return self._runs[run.id]

    def _remove(self, name: str) -> None:
        self._stacks.pop(name, None)
        self._left |= {each.id for each in self._runs.values() if each.stack == name}

    def _previewed(self, stack: Stack, request: NewRun) -> Run:
        preview = self._runs.get(request.preview or '')
        if preview is None or (preview.stack, preview.operation) != (stack.name, 'preview'):
            raise InvalidError([Flaw('/preview', 'is no preview of this stack')])
        if request.inputs is not None:
            raise InvalidError([Flaw('/inputs', 'are those of the preview')])
        if preview.id != stack.last_run:
            raise ConflictError('preview-outdated', 'The stack is not any more as previewed.')
        return preview

    def _put(self, stack: Stack) -> None:
        self._stacks[stack.name] = replace(stack, version=stack.version + 1)

    def _at(self, caller: Caller, name: str, version: int | None) -> Stack:
        stack = self.stack(caller, name)
        if version not in (None, stack.version):
            raise ChangedError('The stack has another version.')
        return stack

    def _active(self, name: str) -> Run | None:
        found = (each for each in self._runs.values() if each.stack == name)
        return next((each for each in found if each.state in ACTIVE), None)

    def answer(self) -> None:
        """Raise UnavailableError while it is down."""
        if self.is_down:
            raise UnavailableError('The database does not answer.', retry_after=7)

    def _known(self, caller: Caller, key: Key | None) -> Run | None:
        self.answer()
        if key is None or (caller.name, key.text) not in self._keys:
            return None
        fingerprint, run = self._keys[caller.name, key.text]
        if fingerprint != key.fingerprint:
            raise ConflictError('key-reused', 'This key was used for another request.')
        return self._runs[run]


def _flaws(program: Program | None, request: NewStack) -> Iterable[Flaw]:
    if not NAME.fullmatch(request.name):
        yield Flaw('/name', 'must be lower-case letters, digits and dashes')
    if program is None:
        yield Flaw('/program', 'is not in the catalogue')
    else:
        try:
            inputs.check(program, request.inputs)
        except InvalidError as error:
            yield from (Flaw(f'/inputs{each.pointer}', each.detail) for each in error.flaws)
    yield from _change_flaws({'ttl': request.ttl})


def _change_flaws(changes: Mapping[str, Any]) -> Iterable[Flaw]:
    ttl, expires_at = changes.get('ttl'), changes.get('expires_at')
    if ttl is not None and not re.fullmatch('[0-9]{1,4}[mhd]', ttl):
        yield Flaw('/ttl', 'must be a time as 90m, 8h or 3d')
    if expires_at is not None and not is_time(expires_at):
        yield Flaw('/expires_at', 'must be a valid date-time')


def _fits(record: Stack | Run, where: StackFilter | RunFilter) -> bool:
    wanted = {**vars(where)}
    wanted.pop('is_kept', None)
    text = wanted.pop('text', None) or ''
    if text and text.lower() not in f'{vars(record).get("name")}'.lower():
        return False
    return all(value in (None, getattr(record, name)) for name, value in wanted.items())


def _may_see(caller: Caller, run: Run) -> bool:
    return may_see_run(caller, run.operation, run.program, run.caller)


def page(found: Mapping[str, Item], limit: int, cursor: str | None) -> Page[Item]:
    """Return a part of what there is; a cursor is the key of the last item before it."""
    keys = [None, *found]
    if cursor not in keys:
        raise InvalidError([Flaw('/cursor', 'is none of this list')])
    start = keys.index(cursor) + 1
    part = [key for key in keys[start : start + limit] if key]
    return Page([found[key] for key in part], part[-1] if start + limit < len(keys) else None)
