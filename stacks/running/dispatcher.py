"""Takes runs from the queue and has them done, WORKERS at a time; survives what dies around it."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import sqlalchemy as sa

import audit
import metrics
from audit import current_caller
from settings import CANCEL_GRACE, Settings
from stacks.errors import UnavailableError
from stacks.migrating.account import Account
from stacks.migrating.migrator import Migrator
from stacks.moments import now
from stacks.operation.course import Course
from stacks.operation.engines import Engines, OwnedEngine
from stacks.operation.operator import Operator
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome
from stacks.records import DESTROY, FAILED, INTERRUPTED, OF_MIGRATIONS, own_error
from stacks.running import running_migration, running_run
from stacks.running.presence import Presence
from stacks.running.running_migration import RunningMigration
from stacks.running.running_run import LostError, RunningRun, StackRun
from stacks.running.waiting import Bell, Result, stored
from stacks.store import runs, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row

logger = logging.getLogger(__name__)

# Seconds between two looks at the queue, which other hosts may have filled.
POLL = 1.0
# Seconds in which it is stored that a run was put off whose engine was ended.
AFTER_THE_END = 5.0
# How often a run is begun: what has taken two services with it may take the next one too.
MOST_ATTEMPTS = 3
DIED = own_error('The service died each time that it did this run; what was made is in the state.')
DEFECT = own_error('The service has a defect; its log says more.')


class Dispatcher:
    """The workers of this service."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        presence: Presence,
        operator: Operator,
        bell: Bell,
        *,
        migrator: Migrator,
    ) -> None:
        """Take what they work with.

        bell: rings when a run was put into the queue here, and when one has ended.
        """
        self._settings = settings
        self._database = database
        self._presence = presence
        self.engines = Engines(settings)
        self._operator = operator
        self._migrator = migrator
        self._bell = bell
        self._draining = threading.Event()
        self._drained_at = 0.0
        # By thread, the run that it has taken; and whether one may be taken that nobody heard of.
        self._taken: dict[int, str] = {}
        self._may_have_more = False
        # The threads that do migrations. These take long, so one thread is left for stacks.
        self._migrating: set[int] = set()
        self._most_migrating = max(1, settings.workers - 1)
        self._taking = threading.Lock()
        # By thread: a run that another service took over may come back before it has stopped here.
        self._running: dict[int, RunningRun] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f'worker-{number}', daemon=True)
            for number in range(settings.workers)
        ]

    def start(self) -> None:
        """Begin to take runs."""
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> list[RunningRun]:
        """The runs that are under way here."""
        return list(self._running.values())

    def drain(self) -> None:
        """Begin no further run; for signal handlers."""
        self._drained_at = self._drained_at or time.monotonic()
        self._draining.set()

    def put_off_late(self) -> None:
        """Stop what has had the time of a run since the shutdown began; it goes on later.

        A step that is under way has some more time to end, and then is abandoned.
        """
        late = time.monotonic() - self._drained_at - self._settings.run_timeout
        if self._draining.is_set() and late > 0:
            self.put_off_all(1 if late < CANCEL_GRACE else 2)

    def put_off_all(self, wishes: int = 1) -> None:
        """Stop what runs, to be done again."""
        for run in self.running:
            run.stop.put_off(wishes)

    def join(self) -> None:
        """Wait until nothing runs, and end the engines; at last also what does not stop."""
        self._bell.ring()
        self._wait_for_threads(self._drained_at + self._settings.run_timeout + 2 * CANCEL_GRACE)
        self.engines.close()
        # What was cut short now is put off yet.
        self._wait_for_threads(time.monotonic() + AFTER_THE_END)

    def _wait_for_threads(self, ends_at: float) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, ends_at - time.monotonic()))

    def _work(self) -> None:
        while not self._draining.is_set():
            heard = self._bell.rings
            try:
                if row := self._claim():
                    self._do(row)
                    continue
            except UnavailableError as error:
                logger.warning('no run can be taken: %s', error)
            except Exception:
                # The thread must not end: there is no other one in its place.
                logger.exception('a worker met a defect')
            self._bell.wait(heard, POLL)

    def _claim(self) -> Row | None:
        # A look first: taking needs the database for itself, where that is a file.
        with self._database.reading() as connection:
            if not (runs.has_queued(connection) or self._may_have_more):
                return None
        with self._taking:
            try:
                row = self._take()
            except sa.exc.IntegrityError:
                return None  # Another one has taken a run of the same stack.
            except UnavailableError:
                self._may_have_more = True
                raise
            if row is not None:
                self._taken[threading.get_ident()] = row.id
                if row.operation in OF_MIGRATIONS:
                    self._migrating.add(threading.get_ident())
            return row

    def _take(self) -> Row | None:
        with self._database.writing() as connection:
            row = self._unheard_of(connection)
            self._may_have_more = row is not None
            is_full = len(self._migrating) >= self._most_migrating
            without = OF_MIGRATIONS if is_full else ()
            row = row or runs.claim(connection, self._presence.name, without)
            if self._draining.is_set():
                # It may be one that was just put off here. It is not taken after all.
                raise UnavailableError('The service is shutting down.')
            return row

    def _unheard_of(self, connection: sa.Connection) -> Row | None:
        """Return a run that was taken in a commit whose answer did not come back."""
        if not self._may_have_more:
            return None
        mine = runs.of_executor(connection, self._presence.name)
        known = list(self._taken.values())
        return next((row for row in mine if row.id not in known), None)

    def _do(self, row: Row) -> None:
        current_caller.set(row.caller)
        try:
            if row.operation in OF_MIGRATIONS:
                self._migrate(row)
            elif not self._is_refused(row):
                with self.engines.lease(row.program, row.stack) as engine:
                    self._do_with(engine, row)
        except LostError:
            logger.warning('run %s is done by another service now', row.id)
        except UnavailableError as error:
            logger.warning('how run %s ended could not be stored: %s', row.id, error)
        except Exception:
            # Only this run is to suffer from a defect, and it must not seem to run for ever.
            logger.exception('run %s met a defect', row.id)
            self._stored(lambda connection: _fail(connection, row))
        finally:
            self._running.pop(threading.get_ident(), None)
            self._taken.pop(threading.get_ident(), None)
            self._migrating.discard(threading.get_ident())
            self._bell.ring()

    def _is_refused(self, row: Row) -> bool:
        """Tell whether a run has ended at once, as it must not be done any more."""
        if row.operation != DESTROY:
            return False
        state = self._stored(lambda connection: running_run.refuse(connection, row))
        if state:
            _tell(row, state)
        return bool(state)

    def _do_with(self, engine: OwnedEngine, row: Row) -> None:
        task = self._stored(lambda connection: running_run.begin(connection, row))
        course = self._operator.course(task, row.log_size)
        run = StackRun(row, task, course, Stop(engine.interrupt))
        self._follow(run, lambda: self._operator.perform(task, engine, course, run.stop))

    def _migrate(self, row: Row) -> None:
        job = self._stored(lambda connection: running_migration.begin(connection, row))
        course = self._migrator.course(job, row.log_size)
        # It has no engine: it looks by itself whether it is to stop.
        run = RunningMigration(row, job, Account(), course, Stop(lambda: False))
        keep = functools.partial(self._stored, run.keep)
        self._follow(
            run,
            lambda: self._migrator.perform(job, run.account, course, run.stop, keep),
        )

    def _follow(self, run: RunningRun, perform: Callable[[], Outcome]) -> None:
        """Do a run, which others see meanwhile, and store how it ended."""
        row, course = run.row, run.course
        if row.attempts > 1:
            course.line(f'Attempt {row.attempts} of {MOST_ATTEMPTS} to do this run.')
        if row.cancel:
            # Acknowledged by a service that died: it must not depend on when the keeper looks.
            run.stop.cancel(row.cancel)
        self._running[threading.get_ident()] = run
        absences = self._database.absences
        try:
            outcome = perform()
        finally:
            run.stop.end()
        if outcome.state == FAILED and row.attempts < MOST_ATTEMPTS:
            outcome = self._judged(outcome, course, absences)
        with run.ending():
            state = self._stored(lambda connection: self._end(connection, run, outcome))
        # Once it is stored, and so once, however often that was tried.
        _tell(row, state)

    def _judged(self, outcome: Outcome, course: Course, absences: int) -> Outcome:
        """Return what comes of a failure, which may be one of engine or database alone."""
        with suppress(UnavailableError), self._database.reading() as connection:
            connection.execute(sa.select(1))
        if self._database.absences == absences and not outcome.may_pass:
            return outcome
        course.line('The engine or a database was away: this run is done again.')
        return replace(outcome, state='')

    def _end(self, connection: sa.Connection, run: RunningRun, outcome: Outcome) -> str:
        """Store how a run has ended, and return that; nothing where it is to be done again."""
        if not outcome.state and run.stop.is_wanted:
            # The service is shutting down, which is no attempt.
            run.put_off(connection, run.row.attempts - 1)
        elif not outcome.state and run.row.attempts < MOST_ATTEMPTS:
            run.put_off(connection, run.row.attempts)
        elif not outcome.state:
            run.end(connection, replace(outcome, state=INTERRUPTED, error=DIED))
            return INTERRUPTED
        else:
            run.end(connection, outcome)
        return outcome.state

    def _stored(self, action: Callable[[sa.Connection], Result]) -> Result:
        return stored(self._database, self._draining, action)


def subject(row: Row) -> str:
    """Return the name of what a run is about: a stack, or a migration."""
    return str(row.stack or row.inputs['plain'].get('migration', ''))


def _tell(row: Row, state: str) -> None:
    """Note and count how a run has ended; nothing where it is to be done again."""
    audit.note(subject(row), row.operation, state or 'put off')
    if state:
        metrics.OPERATIONS.labels(row.operation, state).inc()


def _fail(connection: sa.Connection, row: Row) -> None:
    stack = stacks.by_name(connection, row.stack, lock=True)
    values = {'state': FAILED, 'error': DEFECT, 'ended_at': now()}
    if runs.change(connection, row.id, row.executor, **values):
        stacks.cut_short(connection, stack, row.operation)
