"""What happens beside the runs: storing how far they are, cancels, taking over from the dead."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from stacks.errors import UnavailableError
from stacks.moments import now
from stacks.records import INTERRUPTED
from stacks.running.dispatcher import DIED, MOST_ATTEMPTS, Dispatcher
from stacks.running.housekeeping import Housekeeping
from stacks.running.presence import Presence
from stacks.running.running_run import LostError, RunningRun
from stacks.running.waiting import Bell
from stacks.store import deliveries, logs, runs, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row

logger = logging.getLogger(__name__)

# Seconds between two rounds, while something runs here and while nothing does.
BUSY, IDLE = 0.25, 1.0
# Seconds after which what runs here is not waited for any more, when others may have taken it over:
# they wait for longer (steps.DYING) until they take its locks for those of the dead.
UNSEEN = 30.0
TOOK_OVER = 'The service that did this run has died.\n'


@dataclass
class Every:
    """Tells when it is time again."""

    seconds: float
    _next: float = 0.0

    def is_due(self) -> bool:
        """Tell whether the time is over, and begin a new one if so."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self.seconds
        return True


class Keeper:
    """A thread for all that; whatever fails in one round is tried again in the next."""

    def __init__(
        self,
        database: Database,
        presence: Presence,
        dispatcher: Dispatcher,
        housekeeping: Housekeeping,
        bell: Bell,
    ) -> None:
        self._database = database
        self._presence = presence
        self._dispatcher = dispatcher
        self._housekeeping = housekeeping
        self._bell = bell
        self._ended = threading.Event()
        self._look_around = Every(1.0)
        self._unseen_since: float | None = None
        self._thread = threading.Thread(target=self._keep, name='keeper', daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once nothing runs any more."""
        self._ended.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        while not self._ended.is_set():
            heard = self._bell.rings
            for part in (self._watch, self._store, self._cancel, self._around):
                self._attempt(part)
            self._bell.wait(heard, BUSY if self._dispatcher.running else IDLE)

    def _attempt(self, part: Callable[[], object]) -> None:
        try:
            part()
        except UnavailableError as error:
            logger.warning('the database is waited for: %s', error)
        except Exception:
            # The thread must not end: without it, no run could be cancelled or taken over.
            logger.exception('a defect in the keeper of runs')

    def _watch(self) -> None:
        moment = time.monotonic()
        if self._presence.is_sure():
            self._unseen_since = None
        elif self._unseen_since is None:
            logger.warning('other services may take this one for dead: its runs are stopped')
            self._unseen_since = moment
            self._dispatcher.put_off_all()
        else:
            self._dispatcher.put_off_all(wishes=2 if moment - self._unseen_since > UNSEEN else 1)
        self._dispatcher.put_off_late()

    def _store(self) -> None:
        for run in self._dispatcher.running:
            try:
                run.store(self._database)
            except LostError:
                run.stop.put_off()

    def _cancel(self) -> None:
        if running := self._dispatcher.running:
            with self._database.reading() as connection:
                wishes = runs.cancels(connection, self._presence.name)
            for run in running:
                self._heed(run, wishes.get(run.row.id))

    def _heed(self, run: RunningRun, wishes: int | None) -> None:
        if wishes is None:  # Another service does it now, or it has ended.
            run.stop.put_off()
        elif wishes:
            run.stop.cancel(wishes)

    def _around(self) -> None:
        if self._look_around.is_due():
            self._take_over()
            if self._housekeeping.tend():
                self._bell.ring()

    def _take_over(self) -> None:
        """Have what services that have died were doing be done again: runs, and deliveries."""
        with self._database.reading() as connection:
            found = runs.executors(connection) | deliveries.executors(connection)
        others = found - {self._presence.name}
        for other in others:
            if self._presence.is_dead(other):
                logger.warning('service %s has died: its runs are taken over', other)
                self._dispatcher.engines.end_leftovers()
                self._requeue(other)
                with self._database.writing() as connection:
                    deliveries.release(connection, other)
                self._bell.ring()

    def _requeue(self, executor: str) -> None:
        with self._database.reading() as connection:
            found = runs.of_executor(connection, executor)
        for each in found:
            with self._database.writing() as connection:
                stack = stacks.by_name(connection, each.stack, lock=True)
                # None where another service takes it over as well, and came first.
                if row := runs.locked(connection, each.id, executor):
                    _begin_again(connection, row, stack)


def _begin_again(connection: sa.Connection, row: Row, stack: Row | None) -> None:
    """Put a run of a dead service back into the queue, or end it after too many attempts."""
    end = logs.append(connection, row.id, row.log_size, TOOK_OVER)
    runs.change(connection, row.id, row.executor, log_size=end)
    if row.attempts < MOST_ATTEMPTS:
        runs.requeue(connection, row.id, row.attempts)
    else:
        values = {'state': INTERRUPTED, 'error': DIED, 'ended_at': now()}
        runs.change(connection, row.id, row.executor, **values)
        stacks.cut_short(connection, stack, row.operation)
