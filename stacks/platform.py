"""What people can ask of the platform: every room that serves them calls these functions."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

import audit
import durations
from settings import MOST_WAITING, Settings
from stacks import cursors, editing, permissions, quotas, submission
from stacks.catalogue import Catalogue
from stacks.errors import ConflictError, Flaw, InvalidError, NotFoundError
from stacks.migrating.migrations import Migrations
from stacks.notifications import Notifications
from stacks.ordering import Ordering, insist_on_version, visible
from stacks.programs import Program
from stacks.records import ACTIVE, QUEUED, Caller, ListedStack, LogPart, Page, Run, Stack
from stacks.requests import NewRun, NewStack, RunFilter, StackFilter
from stacks.running.waiting import Bell
from stacks.sessions import Sessions
from stacks.store import inventories, logs, runs, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row
from stacks.vault import Vault

# Of runs; another text is none, and databases need not be asked.
RUN_ID = re.compile('[a-z0-9_]{1,40}')
# Seconds between two looks at a run that another host may do.
LOOK_EVERY = 0.25


@dataclass(frozen=True)
class Records:
    """Where everything is stored, and what encrypts the secrets there."""

    database: Database
    vault: Vault


class Platform:
    """Stacks that last, and their runs; for any thread.

    Every method may raise UnavailableError, and ForbiddenError where the caller may not do that.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        records: Callable[[], Records],
        bell: Bell,
        is_draining: Callable[[], bool],
    ) -> None:
        """Take what it works with.

        records: returns the records, or raises UnavailableError as long as they are not open.
        bell: rings when a run has ended in this service; is rung when one was queued.
        is_draining: whether this service begins no further run.
        """
        self.catalogue = catalogue
        self.sessions = Sessions(lambda: records().database)
        self.migrations = Migrations(
            settings, lambda: records().database, lambda: records().vault, bell
        )
        self.notifications = Notifications(lambda: records().database)
        self._settings = settings
        self._records = records
        self._bell = bell
        self._is_draining = is_draining
        self._waiting = threading.Semaphore(MOST_WAITING)

    def database(self) -> Database:
        """Return where all is stored, for what is beside the platform."""
        return self._records().database

    def programs(self, caller: Caller) -> list[Program]:
        """Return the programs that the caller may use, by name."""
        return [each for each in self.catalogue.programs() if caller.may_use(each.name)]

    def program(self, caller: Caller, name: str) -> Program:
        """Return a program, available or not.

        Raises NotFoundError, also for what is not for the caller.
        """
        program = self.catalogue.program(name)
        if program is None or not caller.may_use(name):
            raise NotFoundError('There is no program of this name.')
        return program

    @property
    def usual_ttl(self) -> str:
        """How long a stack lasts of which nobody says it; empty: for ever."""
        return self._settings.default_ttl or self._settings.max_ttl

    @property
    def longest_ttl(self) -> str:
        """How long a stack may last; empty: for ever."""
        return self._settings.max_ttl

    def may_last(self, ttl: str) -> bool:
        """Tell whether a stack may last so long."""
        longest = self.longest_ttl
        return not longest or durations.parse(ttl) <= durations.parse(longest)

    def create(self, caller: Caller, request: NewStack) -> Run:
        """Add a stack and queue the run that makes it; return that run.

        Raises InvalidError, ConflictError.
        """
        return self._ordered(
            lambda ordering, connection: ordering.create(connection, caller, request)
        )

    def start(self, caller: Caller, name: str, request: NewRun) -> Run:
        """Queue a run of a stack and return it; a destroy that is under way already counts.

        Raises NotFoundError, InvalidError, ConflictError, ChangedError.
        """
        digest = '' if request.preview is None else self._digest(caller, name)
        return self._ordered(
            lambda ordering, connection: ordering.start(connection, caller, name, request, digest)
        )

    def stacks(
        self, caller: Caller, where: StackFilter, limit: int, cursor: str | None
    ) -> Page[Stack]:
        """Return stacks by name.

        Raises InvalidError when the cursor is none.
        """
        permissions.insist_on_role(caller, 'reader')
        after = cursors.name(cursor)
        with self._records().database.reading() as connection:
            found = stacks.page(connection, where, caller.programs, limit + 1, after)
        is_more = len(found) > limit
        return Page(found[:limit], found[limit - 1].name if is_more else None)

    def stack(self, caller: Caller, name: str) -> Stack:
        """Return a stack.

        Raises NotFoundError.
        """
        with self._records().database.reading() as connection:
            return stacks.shown(visible(connection, caller, name))

    def listed(
        self, caller: Caller, where: StackFilter, limit: int, offset: int
    ) -> Page[ListedStack]:
        """Return stacks with their last runs: first those with problems, then as they expire.

        offset: how many come before; the page's `next` is the next one.
        """
        permissions.insist_on_role(caller, 'reader')
        with self._records().database.reading() as connection:
            found = stacks.by_urgency(connection, where, caller.programs, limit + 1, offset)
            ids = [each.last_run for each in found[:limit] if each.last_run]
            last = {row.id: runs.shown(row) for row in runs.by_ids(connection, ids)}
        items = [ListedStack(each, last.get(each.last_run or '')) for each in found[:limit]]
        return Page(items, str(offset + limit) if len(found) > limit else None)

    def resources(self, caller: Caller, name: str) -> list[dict[str, Any]]:
        """Return what a stack consists of, as operation.inventory has it.

        Raises NotFoundError.
        """
        with self._records().database.reading() as connection:
            row = visible(connection, caller, name)
            return inventories.of_stack(connection, row.id).resources

    def reveal(self, caller: Caller, name: str, output: str) -> Any:
        """Return an output in clear that is secret or has a secret in it; the audit log tells.

        Raises NotFoundError.
        """
        records = self._records()
        with records.database.reading() as connection:
            row = visible(connection, caller, name)
            permissions.insist_on_owner(caller, row.owner)
            sealed = inventories.of_stack(connection, row.id).secret_outputs.get(output)
        if sealed is None:
            raise NotFoundError('The stack has no secret output of this name.')
        audit.note(name, f'reveal output {output}', 'succeeded')
        return json.loads(records.vault.decrypt(sealed))

    def seconds_of_updates(self, caller: Caller, program: str, limit: int) -> list[float]:
        """Return how long the last updates of a program took that succeeded, the newest first."""
        permissions.insist_on_program(caller, program)
        with self._records().database.reading() as connection:
            return runs.seconds_of_updates(connection, program, limit)

    def change(
        self, caller: Caller, name: str, changes: Mapping[str, Any], version: int | None
    ) -> Stack:
        """Change what is known of a stack, as editing.columns has it; return it.

        version: the one that it must still have; None for any.

        Raises NotFoundError, InvalidError, ConflictError, ChangedError.
        """
        with self._records().database.writing() as connection:
            row = visible(connection, caller, name, lock=True)
            permissions.insist_on_owner(caller, row.owner)
            insist_on_version(row, version)
            found = editing.columns(self._settings, changes)
            if found.get('owner', row.owner) != row.owner:
                quotas.insist_on_room_of(connection, self._settings, found['owner'])
            stacks.change(connection, row.id, **found)
            return stacks.shown(visible(connection, caller, name))

    def forget(self, caller: Caller, name: str, version: int | None) -> None:
        """Remove a stack from the records, with all that it has made left as it is.

        Raises NotFoundError, ConflictError, ChangedError.
        """
        permissions.insist_on_role(caller, 'operator')
        with self._records().database.writing() as connection:
            row = visible(connection, caller, name, lock=True)
            insist_on_version(row, version)
            if active := runs.active(connection, row.id):
                raise ConflictError(
                    'run-in-progress', 'A run is under way on this stack.', active[0].id
                )
            stacks.remove(connection, row.id)

    def runs(
        self,
        caller: Caller,
        where: RunFilter,
        limit: int,
        cursor: str | None,
        *,
        is_brief: bool = False,
    ) -> Page[Run]:
        """Return runs, the newest first, without their resources.

        is_brief: whether their inputs are left out too, which may be long.

        Raises InvalidError when the cursor is none.
        """
        permissions.insist_on_role(caller, 'reader')
        before = cursors.number(cursor)
        whose = None if caller.may('operator') else caller.name
        with self._records().database.reading() as connection:
            found = runs.page(
                *(connection, where, caller.programs, limit + 1, before),
                is_brief=is_brief,
                whose=whose,
            )
        return cursors.numbered(found, limit, runs.shown)

    def run(self, caller: Caller, run_id: str) -> Run:
        """Return a run.

        Raises NotFoundError.
        """
        with self._records().database.reading() as connection:
            return runs.shown(_visible_run(connection, caller, run_id))

    def cancel(self, caller: Caller, run_id: str) -> Run:
        """Have a run end early, gently; asked again, at once. Return it.

        Raises NotFoundError, ConflictError when it has ended.
        """
        with self._records().database.writing() as connection:
            row = _visible_run(connection, caller, run_id)
            stack = stacks.by_name(connection, row.stack, lock=True)
            permissions.insist_on_owner(caller, stack.owner if stack else row.caller)
            if runs.cancel_queued(connection, run_id):
                submission.note_withdrawn(connection, row, stack)
            elif not runs.ask_to_cancel(connection, run_id):
                raise ConflictError('run-ended', 'This run has ended.', run_id)
            found = runs.shown(_visible_run(connection, caller, run_id))
        self._bell.ring()
        return found

    def log(self, caller: Caller, run_id: str, offset: int, limit: int) -> LogPart:
        """Return some of a run's log, cut at the end of a line where there is one.

        offset: bytes before it. limit: bytes that it may have.

        Raises NotFoundError, InvalidError when the offset is beyond the end.
        """
        return self.watch(caller, run_id, offset, limit)[1]

    def watch(self, caller: Caller, run_id: str, offset: int, limit: int) -> tuple[Run, LogPart]:
        """Return a run, and some of its log of the same moment, as `log` does.

        Raises NotFoundError, InvalidError when the offset is beyond the end.
        """
        with self._records().database.reading() as connection:
            row = _visible_run(connection, caller, run_id)
            if offset > row.log_size:
                raise InvalidError([Flaw('/offset', f'must be at most {row.log_size}')])
            data = logs.read(connection, run_id, offset, min(limit, row.log_size - offset))
        text, size = logs.whole_lines(data, is_last=offset + len(data) == row.log_size)
        end = offset + size
        part = LogPart(
            offset=offset,
            next=end,
            text=text,
            complete=row.state not in ACTIVE and end == row.log_size,
            state=row.state,
            resources_done=sum(each['state'] != 'running' for each in row.resources),
        )
        return runs.shown(row), part

    def wait(self, caller: Caller, run_id: str, seconds: float) -> Run:
        """Return a run as soon as it has ended, or it is of no use to wait for that.

        That is when the time is over, too many wait already, or the service ends before the run
        begins.

        Raises NotFoundError.
        """
        ends_at = time.monotonic() + seconds
        if not self._waiting.acquire(blocking=False):
            return self.run(caller, run_id)
        try:
            while True:
                heard = self._bell.rings
                run = self.run(caller, run_id)
                left = ends_at - time.monotonic()
                is_put_off = run.state == QUEUED and self._is_draining()
                if run.has_ended or left <= 0 or is_put_off:
                    return run
                self._bell.wait(heard, min(left, LOOK_EVERY))
        finally:
            self._waiting.release()

    def _ordered(self, order: Callable[[Ordering, sa.Connection], Run]) -> Run:
        try:
            run = self._written(order)
        except (sa.exc.IntegrityError, ConflictError):
            # Another one with the same name or key may have come first; now it is there to be seen.
            run = self._written(order)
        self._bell.ring()
        return run

    def _digest(self, caller: Caller, name: str) -> str:
        # Reading a whole program: not while nobody else can write.
        records = self._records()
        with records.database.reading() as connection:
            return self._ordering(records).digest(connection, caller, name)

    def _written(self, order: Callable[[Ordering, sa.Connection], Run]) -> Run:
        records = self._records()
        with records.database.writing() as connection:
            return order(self._ordering(records), connection)

    def _ordering(self, records: Records) -> Ordering:
        return Ordering(self._settings, self.catalogue, records.vault)


def _visible_run(connection: sa.Connection, caller: Caller, run_id: str) -> Row:
    permissions.insist_on_role(caller, 'reader')
    row = runs.by_id(connection, run_id) if RUN_ID.fullmatch(run_id) else None
    if row is None or not permissions.may_see_run(caller, row.operation, row.program, row.caller):
        raise NotFoundError('There is no run of this id.')
    return row
