"""Does a run of a migration, and says how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from migrations import planning, running
from migrations.errors import (
    CancelledError,
    LostError,
    MigrationError,
    RejectsError,
    UnknownError,
)
from migrations.places import parse
from migrations.planning import Ends
from migrations.plans import Plan
from migrations.running import Caller, Result
from migrations.sources import Wishes
from servers.errors import ServerError
from servers.servers import Servers
from settings import Settings
from stacks.migrating import reach
from stacks.migrating.account import Account, Job
from stacks.operation.course import Course
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome
from stacks.records import ABANDON, CANCELLED, FAILED, PLAN, SUCCEEDED, own_error
from stacks.vault import Vault

logger = logging.getLogger(__name__)

LATE = 'It took longer than a run may (OPERATION_TIMEOUT). What is done is kept: resume it.'
NO_ROOM = 'The folder of the service cannot be used. Tell the operator, then resume it.'


class Migrator:
    """Does runs of migrations; safe for all threads."""

    def __init__(self, settings: Settings, vault: Vault, servers: Servers) -> None:
        """Take what it works with; servers: on which databases of stacks may be."""
        self._settings = settings
        self._vault = vault
        self._servers = servers

    def course(self, job: Job, log_size: int) -> Course:
        """Return the course of a run, which knows what must not show."""
        urls = [self._vault.decrypt(each) for each in job.secret.values()]
        return Course(log_size, {*urls, *(parse(each).password for each in urls)} - {''})

    def perform(
        self,
        job: Job,
        account: Account,
        course: Course,
        stop: Stop,
        keep: Callable[[], None],
    ) -> Outcome:
        """Do it, and return how it ended.

        keep: stores what the account has by then; a migration that is done is only forgotten in
            the target when that has succeeded.
        """
        seconds = self._settings.operation_timeout
        attempt = _Attempt(job, account, course, stop, keep=keep, seconds=seconds)
        try:
            ends = self._ends(job)
            self._await_servers(job, ends, attempt.pause)
            attempt.do(ends)
        except CancelledError:
            return attempt.stopped()
        except MigrationError as error:
            if stop.is_wanted:
                return attempt.stopped()
            return _failed(course, error)
        except ServerError as error:
            return Outcome(FAILED, error=own_error(f'{error} When it runs again, resume it.'))
        except OSError as error:
            logger.error('a migration cannot be done: %s', error)
            return Outcome(FAILED, error=own_error(NO_ROOM))
        return Outcome(SUCCEEDED)

    def _ends(self, job: Job) -> Ends:
        found = [
            reach.place(
                self._settings,
                self._vault.decrypt(job.secret[end]),
                is_of_stack=bool(job.wishes['stacks'][end]),
            )
            for end in ('source', 'target')
        ]
        return reach.ends(self._settings, *found)

    def _await_servers(self, job: Job, ends: Ends, pause: Callable[[float], None]) -> None:
        """Return once those answer that we keep; after a crash that takes its time."""
        for name, place in (('source', ends.source), ('target', ends.target)):
            if job.wishes['stacks'][name]:
                self._servers.wait_for_database(place.host, place.port, pause)


class _Attempt:
    def __init__(
        self,
        job: Job,
        account: Account,
        course: Course,
        stop: Stop,
        *,
        keep: Callable[[], None],
        seconds: float,
    ) -> None:
        self._job = job
        self._account = account
        self._course = course
        self._stop = stop
        self._keep = keep
        self._ends_at = time.monotonic() + seconds

    def do(self, ends: Ends) -> None:
        """Do what is to be done; raises MigrationError, OSError."""
        if self._job.operation == ABANDON:
            running.abandon(ends, self._job.staging)
            self._course.line('Nothing is left of it in the target.')
        elif self._job.operation == PLAN:
            self._planned(ends)
        elif self._job.result:
            # A service died between storing that and removing the last trace.
            running.abandon(ends, self._job.staging)
        else:
            self._moved(ends)

    def pause(self, seconds: float) -> None:
        """Let some seconds go by; raises CancelledError."""
        if self._is_over():
            raise CancelledError
        self._stop.wait(seconds)

    def stopped(self) -> Outcome:
        """Return how it ended when it was told to stop, or its time was over."""
        if not self._stop.is_wanted:
            self._course.line(LATE)
            return Outcome(FAILED, error=own_error(LATE))
        self._course.line('Stopped; what is copied is kept.')
        return Outcome(CANCELLED if self._stop.is_cancel else '')

    def _planned(self, ends: Ends) -> Plan:
        wishes = self._job.wishes
        chosen = tuple((name, kind) for name, kind in wishes['types'])
        made = planning.plan(
            ends,
            Wishes(
                tuple(wishes['tables']),
                wishes['source_schema'],
                chosen,
                wishes['zero_dates_are_null'],
            ),
            wishes['schema'],
            wishes['replace'],
        )
        self._account.plan(made)
        self._course.line(
            f'planned: {len(made.tables)} {"table" if len(made.tables) == 1 else "tables"}, '
            f'about {made.rows} rows, {made.seconds:.0f} s for one process'
        )
        for each in made.refusals:
            self._course.line(f'refused: {each}')
        if self._is_over():
            raise CancelledError
        return made

    def _moved(self, ends: Ends) -> None:
        staging, allowance = self._job.staging, self._job.wishes['allow_rejects']
        caller = Caller(
            log=self._course.line,
            progress=self._account.progress,
            stop=self._is_over,
            done=self._done,
        )
        try:
            try:
                running.resume(ends, staging, caller, allowance)
            except UnknownError:
                plan = self._job.plan
                made = Plan.of_data(dict(plan)) if plan else self._planned(ends)
                running.run(ends, made, staging, caller, allowance)
        except RejectsError:
            with suppress(MigrationError):
                self._account.rejects(running.rejects(ends, staging))
            raise

    def _done(self, result: Result) -> None:
        self._account.result(result)
        self._keep()

    def _is_over(self) -> bool:
        return self._stop.is_wanted or time.monotonic() > self._ends_at


def _failed(course: Course, error: MigrationError) -> Outcome:
    message = course.clean.text(str(error))
    course.line(f'error: {message}')
    said = {**own_error(message), 'detail': type(error).__name__}
    return Outcome(FAILED, error=said, may_pass=isinstance(error, LostError))
