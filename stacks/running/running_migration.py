"""A run of a migration that this service is doing: what is stored of it, as of running_run."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from stacks.migrating.account import Account, Job
from stacks.moments import now
from stacks.operation.course import Course
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome
from stacks.records import ABANDON, MIGRATE, SUCCEEDED
from stacks.running.running_run import LostError, RunningRun
from stacks.store import migrations, runs
from stacks.store.database import Database
from stacks.store.stacks import Row


def begin(connection: sa.Connection, row: Row) -> Job:
    """Note that a run of a migration begins, and return what is to be done.

    Raises LostError when another service does the run now.
    """
    found = migrations.by_id(connection, row.inputs['plain']['migration'], lock=True)
    if found is None or runs.locked(connection, row.id, row.executor) is None:
        raise LostError
    if row.operation == MIGRATE:
        migrations.change(connection, found.id, is_begun=True)
    return Job(
        run_id=row.id,
        migration=found.id,
        operation=row.operation,
        secret=found.secret,
        wishes=found.wishes,
        plan=found.plan,
        result=found.result,
    )


class RunningMigration(RunningRun):
    """A run of a migration."""

    def __init__(self, row: Row, job: Job, account: Account, course: Course, stop: Stop) -> None:
        super().__init__(row, course, stop)
        self.account = account
        self._job = job
        self._stored: dict[str, Any] = {}

    def keep(self, connection: sa.Connection) -> None:
        """Store what was told so far, and whatever becomes of this run.

        Raises LostError when another service does the run now.
        """
        if runs.locked(connection, self.row.id, self.row.executor) is None:
            raise LostError
        migrations.change(connection, self._job.migration, **self.account.columns)

    def end(self, connection: sa.Connection, outcome: Outcome) -> None:
        self._write(connection, state=outcome.state, error=outcome.error, ended_at=now())
        if outcome.state == SUCCEEDED and self._job.operation == ABANDON:
            migrations.remove(connection, self._job.migration)
            return
        found = self.account.columns
        if outcome.state == SUCCEEDED and self._job.operation == MIGRATE:
            # Nobody connects for it any more.
            found = {**found, 'secret': {}}
        if found:
            migrations.change(connection, self._job.migration, **found)

    def put_off(self, connection: sa.Connection, attempts: int) -> None:
        super().put_off(connection, attempts)
        if found := self.account.columns:
            migrations.change(connection, self._job.migration, **found)

    def _store(self, database: Database) -> None:
        told = self.account.columns
        fresh = {name: each for name, each in told.items() if each is not self._stored.get(name)}
        self._text += self.course.take_log()
        if self._text or fresh:
            with database.writing() as connection:
                end = self._write(connection)
                if fresh:
                    migrations.change(connection, self._job.migration, **fresh)
            self._log_size, self._text, self._stored = end, '', told
