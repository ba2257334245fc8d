"""A service that does runs without any engine, as its operator is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from stacks.errors import UnavailableError
from stacks.operation.course import Course
from stacks.operation.snapshots import Snapshots
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome, Task
from stacks.running.dispatcher import Dispatcher
from stacks.running.housekeeping import Housekeeping
from stacks.running.keeper import Keeper
from stacks.running.presence import FilePresence
from stacks.store.database import Database
from tests.records import Site

Work = Callable[[Task, Course, Stop], Outcome]
PATIENCE = 60.0


def succeed(task: Task, course: Course, stop: Stop) -> Outcome:
    """Do a run that has nothing to do."""
    course.line(f'{task.operation} of {task.stack}')
    return Outcome('succeeded', 'd' * 64)


def until_stopped(task: Task, course: Course, stop: Stop) -> Outcome:
    """Do a run that only ends when it is told to."""
    course.line('working')
    stop.wait(PATIENCE)
    assert stop.is_wanted
    return Outcome('cancelled' if stop.is_cancel else '')


@dataclass
class FakeOperator:
    """Does each run as `work` says, and remembers who was at it at the same time."""

    work: Work = succeed
    tasks: list[Task] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    most: int = 0
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def course(self, task: Task, log_size: int) -> Course:
        return Course(log_size)

    def perform(self, task: Task, engine: object, course: Course, stop: Stop) -> Outcome:
        with self._changing:
            self.tasks.append(task)
            assert task.stack not in self.now, 'two runs of a stack at once'
            self.now.append(task.stack)
            self.most = max(self.most, len(self.now))
        try:
            return self.work(task, course, stop)
        finally:
            with self._changing:
                self.now.remove(task.stack)


class Flaky(Database):
    """A database that does not answer while `is_away`, or whose commits fail `lost` times.

    A commit that fails was done or not: `is_done`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self.is_away = False
        self.lost = 0
        self.is_done = False

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        self._answer()
        with super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        self._answer()
        is_lost, self.lost = self.lost > 0, max(0, self.lost - 1)
        with super().writing() as connection:
            yield connection
            if is_lost and not self.is_done:
                raise UnavailableError('The connection broke before the commit.')
        if is_lost:
            raise UnavailableError('The connection broke after the commit.')

    def _answer(self) -> None:
        if self.is_away:
            raise UnavailableError('The database does not answer.')


class Doer:
    """A service over a site's records: its workers and its keeper."""

    def __init__(
        self, site: Site, operator: FakeOperator, name: str = 'me', migrator: Any = None
    ) -> None:
        state = site.settings.state_dir
        self.site = site
        self.operator = operator
        self.database = Flaky(site.database.engine)
        self.presence = FilePresence(state / 'services', name)
        given: Any = operator
        self.dispatcher = Dispatcher(
            *(site.settings, self.database, self.presence, given, site.bell), migrator=migrator
        )
        housekeeping = Housekeeping(site.settings, self.database, Snapshots(state / 'programs'))
        self.keeper = Keeper(self.database, self.presence, self.dispatcher, housekeeping, site.bell)

    def start(self) -> None:
        self.dispatcher.start()
        self.keeper.start()

    def close(self) -> None:
        self.dispatcher.drain()
        self.dispatcher.put_off_all()
        self.dispatcher.join()
        self.keeper.stop()
        self.presence.close()


@contextmanager
def doing(site: Site, work: Work = succeed, name: str = 'me') -> Iterator[Doer]:
    """Have a site's runs done in the body."""
    doer = Doer(site, FakeOperator(work), name)
    doer.start()
    try:
        yield doer
    finally:
        doer.close()


def hurried(site: Site, **given: Any) -> Site:
    """Return a site with other settings."""
    return replace(site, settings=replace(site.settings, **given))


def await_that(holds: Callable[[], object]) -> None:
    """Wait until something holds, within a bound."""
    ends_at = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.01)
