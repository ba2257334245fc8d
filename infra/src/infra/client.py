"""The service, for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

from infra import durations, settings
from infra.errors import AnswerError, NotFoundError, UnavailableError, UnreachableError
from infra.records import (
    Json,
    LogPart,
    Migration,
    Notification,
    Program,
    RuleFlaw,
    Run,
    Stack,
    StackResource,
    TriggerEvent,
    objects,
)
from infra.transport import Request, Transport
from infra.waiting import Surroundings, Wait

Record = TypeVar('Record')
Inputs = Mapping[str, Any]

# Items of a list in one answer, the most that the service gives.
PAGE = 200
MERGE_PATCH = 'application/merge-patch+json'
# Bytes of a part of a log after which there is more to come at once.
FULL = 20 * 1024


def _nothing(found: object) -> None:
    """Take notice of nothing."""


class Client:
    """Stacks, runs and programs of one service. Not for several threads at once.

    Every method raises InfraError; see infra.errors.
    """

    def __init__(
        self,
        url: str,
        token: str = '',
        *,
        insecure: bool = False,
        around: Surroundings | None = None,
    ) -> None:
        """Take the service's url, and a token where it wants one.

        insecure: whether the token may go over plain http to another machine.
        around: the clock and the pauses, for tests.

        Raises SettingsError.
        """
        self._around = around or Surroundings()
        self._transport = Transport(url, token, insecure=insecure, pause=self._around.pause)

    @classmethod
    def from_settings(cls, *, insecure: bool = False, around: Surroundings | None = None) -> Client:
        """Return a client as the command line has it: from INFRA_URL, INFRA_TOKEN, config.toml.

        Raises SettingsError.
        """
        found = settings.read()
        return cls(found.url, found.token(), insecure=insecure, around=around)

    @property
    def url(self) -> str:
        """The service's url."""
        return self._transport.url

    def programs(self) -> list[Program]:
        """Return the programs that stacks can be made of."""
        return [Program.of(each) for each in objects(self._transport.get('/v1/programs'), 'items')]

    def program(self, name: str) -> Program:
        """Return a program."""
        return Program.of(self._transport.get(_path('programs', name)))

    def stacks(
        self,
        *,
        program: str | None = None,
        state: str | None = None,
        owner: str | None = None,
        text: str | None = None,
    ) -> Iterator[Stack]:
        """Yield all stacks, or those of a program, in a state, of an owner, with a text.

        text: in the name or in the description.
        """
        query = {'program': program, 'state': state, 'owner': owner, 'text': text}
        return self._listed('/v1/stacks', query, Stack.of)

    def stack(self, name: str) -> Stack:
        """Return a stack."""
        return Stack.of(self._transport.get(_path('stacks', name)))

    def outputs(self, name: str) -> Json:
        """Return a stack's outputs, secrets as `[secret]`."""
        return self._transport.get(_path('stacks', name, 'outputs'))

    def reveal(self, name: str, output: str) -> Any:
        """Return an output that is secret, or has a secret in it; the service notes who asked."""
        path = _path('stacks', name, 'reveal')
        said = self._transport.send(
            Request('POST', path, query={'output': output}, is_repeatable=False)
        )
        if 'value' not in said:
            raise AnswerError('The service reveals no value.')
        return said['value']

    def resources(self, name: str) -> list[StackResource]:
        """Return what a stack consists of."""
        said = self._transport.get(_path('stacks', name, 'resources'))
        return [StackResource.of(each) for each in objects(said, 'items')]

    def create(
        self,
        program: str,
        name: str,
        inputs: Inputs | None = None,
        *,
        ttl: str | None = None,
        description: str = '',
        preview: bool = False,
        key: str | None = None,
    ) -> Run:
        """Make a stack; return the run that does it.

        ttl: how long it is to last, as `8h`; None: as the service has it.
        preview: the run only shows what would be made; an update by it makes the stack, destroy
            discards it. See can_preview_new.
        key: the same order with the same key is done once, whoever sends it again.
        """
        body = {'program': program, 'name': name, 'inputs': dict(inputs or {})}
        more = {'ttl': ttl, 'description': description, 'preview': preview}
        given = {key: value for key, value in more.items() if value}
        return Run.of(self._transport.order('POST', '/v1/stacks', body | given, key=key))

    def can_preview_new(self) -> bool:
        """Tell whether the service can show what a new stack would be before it makes it."""
        try:
            found: Any = self._transport.get('/openapi.json')
        except NotFoundError:
            return False
        for name in ('components', 'schemas', 'NewStack', 'properties'):
            found = found.get(name) if isinstance(found, dict) else None
        return isinstance(found, dict) and 'preview' in found

    def preview(
        self,
        name: str,
        inputs: Inputs | None = None,
        *,
        queue: bool = False,
        key: str | None = None,
    ) -> Run:
        """Show what an update would do; return the run that does it.

        inputs: those that change.
        queue: whether to wait for a run that is on; else it is in the way.
        key: as create has it.
        """
        return self._start(name, 'preview', queue, key, inputs=_given(inputs))

    def update(
        self,
        name: str,
        inputs: Inputs | None = None,
        *,
        preview: str | None = None,
        queue: bool = False,
        key: str | None = None,
    ) -> Run:
        """Have a stack be as its program and inputs say; return the run that does it.

        preview: the id of the preview that it is decided by, which has the inputs.
        key: as create has it.
        """
        return self._start(name, 'update', queue, key, inputs=_given(inputs), preview=preview)

    def refresh(self, name: str, *, accept: bool = False, queue: bool = False) -> Run:
        """Look for what was changed outside; return the run that does it.

        accept: whether what is found is taken over.
        """
        return self._start(name, 'refresh', queue, None, accept=accept or None)

    def destroy(
        self,
        name: str,
        *,
        queue: bool = False,
        version: int | None = None,
        key: str | None = None,
    ) -> Run:
        """Destroy what a stack has made, then remove it; return the run that does it.

        version: the one that it must still have; None for any. key: as create has it.
        """
        query = {'queue': 'true' if queue else None}
        path = _path('stacks', name)
        headers = _if_match(version)
        said = self._transport.order('DELETE', path, query=query, headers=headers, key=key)
        return Run.of(said)

    def extend(self, name: str, time: str) -> Stack:
        """Have a stack last longer than it would have, by a time as `8h`; return it as it is then.

        Raises SettingsError when the time is none.
        """
        more = timedelta(seconds=durations.parse(time))
        stack = self.stack(name)
        if stack.expires_at is None:
            return stack
        end = max(stack.expires_at, datetime.now(timezone.utc)) + more
        return self._change(name, {'expires_at': end.isoformat()}, stack.version)

    def set_time(self, name: str, ttl: str | None) -> Stack:
        """Have a stack last for a time from now, as `8h`, or for ever; return it as it is then."""
        return self._change(name, {'ttl': ttl})

    def describe(self, name: str, description: str) -> Stack:
        """Change a stack's description; return it as it is then."""
        return self._change(name, {'description': description})

    def protect(self, name: str, protected: bool = True) -> Stack:
        """Have a stack refuse to be destroyed, or not any more; return it as it is then."""
        return self._change(name, {'protected': protected})

    def runs(
        self,
        *,
        stack: str | None = None,
        operation: str | None = None,
        state: str | None = None,
    ) -> Iterator[Run]:
        """Yield runs, the newest first: all, or those of a stack, an operation, in a state."""
        query = {'stack': stack, 'operation': operation, 'state': state}
        return self._listed('/v1/runs', query, Run.of)

    def run(self, run: str) -> Run:
        """Return a run."""
        return Run.of(self._transport.get(_path('runs', run)))

    def log(
        self, run: str, *, offset: int = 0, follow: bool = False, timeout: float | None = None
    ) -> Iterator[LogPart]:
        """Yield a run's log in parts: as far as it is, or with follow until it is complete.

        timeout: seconds to follow for at most; WaitTimeoutError ends it then.
        """
        wait = Wait(run, timeout if follow else None, self._around)
        path = _path('runs', run, 'log')
        while True:
            query = {'offset': offset}
            said = wait.answer(lambda seconds: self._once(path, seconds, query))  # noqa: B023
            part = LogPart.of(said)
            yield part
            is_moving = part.next > offset
            offset = max(part.next, offset)
            if part.is_last or not (follow or is_moving):
                return
            # What has come in full has more behind it.
            if follow and len(part.text) < FULL:
                wait.rest()

    def wait(
        self,
        run: str,
        timeout: float | None = None,
        on_change: Callable[[Run], None] = _nothing,
    ) -> Run:
        """Wait until a run has ended, however it did; return it.

        The service may be away meanwhile for some minutes.
        timeout: seconds to wait at most; the run goes on. on_change: is told of it all the while.

        Raises WaitTimeoutError as well.
        """
        wait = Wait(run, timeout, self._around)
        path = _path('runs', run)
        while True:
            found = Run.of(wait.answer(lambda seconds: self._once(path, seconds)))
            on_change(found)
            if found.has_ended:
                return found
            wait.rest()

    def cancel(self, run: str) -> Run:
        """Have a run end early, gently; return it as it is then.

        Asked twice the service ends a run at once: what may have arrived is not sent again.
        """
        request = Request('POST', _path('runs', run, 'cancel'), is_repeatable=False)
        try:
            return Run.of(self._transport.send(request))
        except (UnreachableError, UnavailableError):
            found = self.run(run)
            if found.cancel_requested or found.has_ended:
                return found
            raise

    def sign_in(self, token: str) -> str:
        """Return a token of the service, for some minutes, for a pipeline's own; it counts once."""
        request = Request('POST', '/v1/auth/oidc', body={'token': token}, is_repeatable=False)
        said = self._transport.send(request)
        if not isinstance(said.get('token'), str):
            raise AnswerError('The service gives no token.')
        return str(said['token'])

    def notifications(
        self,
        *,
        state: str | None = None,
        destination: str | None = None,
        stack: str | None = None,
    ) -> Iterator[Notification]:
        """Yield what others were told, the newest first; all, or in a state, to, or about whom."""
        query = {'state': state, 'destination': destination, 'stack': stack}
        return self._listed('/v1/notifications', query, Notification.of)

    def migrate(
        self,
        source: str,
        *,
        stack: str | None = None,
        url: str | None = None,
        tables: Sequence[str] = (),
        schema: str | None = None,
        replace: bool = False,
        allow_rejects: int = 0,
        plan: bool = False,
    ) -> Migration:
        """Move tables from one database to another; return the migration as it begins.

        source: the url of a SQLite, PostgreSQL, MariaDB or MySQL, with the password in it.
        stack, url: the target: a stack that is a PostgreSQL, or the url of one.
        tables: only these; none: all. schema: of the target.
        replace: whether tables of the same names are moved into a backup schema.
        allow_rejects: how many rows may be left out because they do not fit.
        plan: only plan it; `run_migration` does what the plan says.
        """
        target = {key: value for key, value in (('stack', stack), ('url', url)) if value}
        body: Json = {'source': {'url': source}, 'target': target, 'tables': list(tables)}
        more = {'schema': schema, 'replace': replace, 'allow_rejects': allow_rejects, 'plan': plan}
        body |= {key: value for key, value in more.items() if value}
        return Migration.of(self._transport.order('POST', '/v1/migrations', body))

    def migrations(self) -> Iterator[Migration]:
        """Yield your migrations, the newest first, without plans and rejects."""
        return self._listed('/v1/migrations', {}, Migration.of)

    def migration(self, migration: str) -> Migration:
        """Return a migration."""
        return Migration.of(self._transport.get(_path('migrations', migration)))

    def rejects(self, migration: str) -> list[Json]:
        """Return all rows that a migration has left out: `table`, `key`, `column` and `reason`."""
        return self._transport.lines(_path('migrations', migration, 'rejects'))

    def run_migration(self, migration: str) -> Migration:
        """Do what the plan of a migration says; return it as it begins."""
        return Migration.of(self._transport.order('POST', _path('migrations', migration, 'run')))

    def resume_migration(self, migration: str, *, allow_rejects: int | None = None) -> Migration:
        """Go on with a migration that has failed or was cancelled; return it as it begins.

        allow_rejects: how many rows may be left out from now on; None: as before.
        """
        path = _path('migrations', migration, 'resume')
        return Migration.of(
            self._transport.order('POST', path, query={'allow_rejects': allow_rejects})
        )

    def abandon_migration(self, migration: str, *, forget: bool = False) -> Migration | None:
        """Remove what there is of a migration in the target, and then the migration itself.

        forget: whether the target is left alone.
        Returns it as that begins; None where it is gone at once.
        """
        query = {'forget': 'true' if forget else None}
        said = self._transport.order('DELETE', _path('migrations', migration), query=query)
        return Migration.of(said) if said else None

    def wait_for_migration(
        self,
        migration: Migration,
        timeout: float | None = None,
        on_change: Callable[[Migration], None] = _nothing,
    ) -> Migration:
        """Wait until the run of a migration has ended, however it did; return it as `wait` does."""
        wait = Wait(migration.run, timeout, self._around)
        path = _path('migrations', migration.id)
        while True:
            found = Migration.of(wait.answer(lambda seconds: self._once(path, seconds)))
            on_change(found)
            if found.has_ended:
                return found
            wait.rest()

    def check_rules(self, rules: str) -> list[RuleFlaw]:
        """Return what is wrong with a file of rules, in TOML; nothing where it can be used."""
        said = self._transport.send(Request('POST', '/v1/triggers/check', body={'rules': rules}))
        return [RuleFlaw.of(each) for each in objects(said, 'flaws')]

    def test_call(
        self, source: str, body: str, headers: Mapping[str, str] | None = None
    ) -> list[TriggerEvent]:
        """Return what would come of a recorded call; nothing is done.

        headers: those that tell what it is about; it need not be signed.
        """
        given = {'source': source, 'body': body, 'headers': dict(headers or {})}
        said = self._transport.send(Request('POST', '/v1/triggers/test', body=given))
        return [TriggerEvent.of(each) for each in objects(said, 'items')]

    def trigger_events(
        self,
        *,
        source: str | None = None,
        rule: str | None = None,
        stack: str | None = None,
        outcome: str | None = None,
        limit: int | None = None,
    ) -> list[TriggerEvent]:
        """Return what calls told and what was decided, the newest first.

        limit: how many at most; None: all.
        """
        query = {'source': source, 'rule': rule, 'stack': stack, 'outcome': outcome}
        return list(islice(self._listed('/v1/triggers/events', query, TriggerEvent.of), limit))

    def _once(self, path: str, seconds: float, query: Mapping[str, int] | None = None) -> Json:
        """Return what is at a path, for a wait, which asks again itself."""
        request = Request('GET', path, query, is_repeatable=False, seconds=seconds)
        return self._transport.send(request)

    def _start(self, name: str, operation: str, queue: bool, key: str | None, **more: Any) -> Run:
        given = {key: value for key, value in more.items() if value is not None}
        body = {'operation': operation, 'queue': queue, **given}
        return Run.of(self._transport.order('POST', _path('stacks', name, 'runs'), body, key=key))

    def _change(self, name: str, changes: Json, version: int | None = None) -> Stack:
        headers = _if_match(version)
        request = Request(
            'PATCH',
            _path('stacks', name),
            body=changes,
            media_type=MERGE_PATCH,
            headers=headers,
            is_repeatable=False,
        )
        return Stack.of(self._transport.send(request))

    def _listed(
        self, path: str, query: Mapping[str, str | None], of: Callable[[Json], Record]
    ) -> Iterator[Record]:
        cursor: str | None = None
        while True:
            page = self._transport.get(path, {**query, 'limit': PAGE, 'cursor': cursor})
            yield from map(of, objects(page, 'items'))
            # A cursor that leads nowhere new would never end.
            if not page.get('next') or page['next'] == cursor:
                return
            cursor = str(page['next'])


def _given(inputs: Inputs | None) -> Json | None:
    return dict(inputs) if inputs else None


def _path(*parts: str) -> str:
    return '/v1/' + '/'.join(quote(part, safe='') for part in parts)


def _if_match(version: int | None) -> dict[str, str]:
    return {} if version is None else {'If-Match': f'"{version}"'}
