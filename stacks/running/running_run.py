"""A run that this service is doing: what is stored of it meanwhile, and at its end."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks import inputs, moments
from stacks.moments import aware, now
from stacks.operation.course import Course
from stacks.operation.inventory import Inventory
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome, Task
from stacks.records import (
    CANCELLED,
    DESTROY,
    EXPIRED,
    FAILED,
    MEANWHILE,
    REFRESH,
    SUCCEEDED,
    TAKES_INPUTS,
    UPDATE,
    own_error,
)
from stacks.running import presence
from stacks.store import events, inventories, logs, runs, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row

UNSURE = ('failed', 'incomplete')
# Of one stack, those that are kept to be told apart from other text: the last ones.
MOST_SECRETS = 500
PROTECTED = 'The stack was protected while this run waited. Nothing was destroyed.'
EXTENDED = 'The stack was given more time while this run waited. Nothing was destroyed.'


class LostError(Exception):
    """The run is not this service's any more."""


def refuse(connection: sa.Connection, row: Row) -> str:
    """End a destroy that must not be done any more; return how, or nothing where it may be.

    Raises LostError when another service does the run now.
    """
    stack = _stack_of(connection, row)
    if stack.protected:
        state, words = FAILED, PROTECTED
    elif row.reason == EXPIRED and not (stack.expires_at and stack.expires_at <= now()):
        state, words = CANCELLED, EXTENDED
    else:
        return ''
    end = logs.append(connection, row.id, row.log_size, words + '\n')
    error = own_error(words) if state == FAILED else None
    values = {'state': state, 'error': error, 'log_size': end, 'ended_at': now()}
    if not runs.change(connection, row.id, row.executor, **values):
        raise LostError
    if stack.state == MEANWHILE[DESTROY]:
        # It had begun already, and was put off.
        stacks.cut_short(connection, stack, DESTROY)
    return state


def begin(connection: sa.Connection, row: Row) -> Task:
    """Note that a run begins, and return what is to be done."""
    stack = _stack_of(connection, row)
    given = _inputs(stack, row)
    of_stack = [*stack.secrets, *stack.inputs['secret'].values()]
    secrets = list(dict.fromkeys([*of_stack, *given['secret'].values()]))
    # A run that has a log was put off by a service that was shut down, maybe in mid-step.
    is_unsure = stack.state in UNSURE or row.log_size > 0
    task = Task(
        run_id=row.id,
        stack=row.stack,
        program=row.program,
        operation=row.operation,
        digest=stack.digest,
        decided_on=_digest_of(connection, row.preview),
        inputs=given,
        secrets=secrets,
        accept=row.accept,
        is_unsure=is_unsure,
        is_repeated=row.attempts > 1,
        has_drift=bool(stack.drift and stack.drift['changes']),
        hosts=_hosts(connection) if is_unsure else frozenset(),
    )
    runs.change(connection, row.id, row.executor, inputs=given, based_on=stack.changed_by)
    stacks.change(
        connection,
        stack.id,
        secrets=stack.secrets if task.looks_only else secrets[-MOST_SECRETS:],
        state=_meanwhile(stack, row.operation),
        changed_by=stack.changed_by if task.looks_only else row.number,
        last_run=row.id,
    )
    return task


def _stack_of(connection: sa.Connection, row: Row) -> Row:
    stack = stacks.by_name(connection, row.stack, lock=True)
    assert stack is not None  # It is there as long as it has runs that have not ended.
    return stack


def _inputs(stack: Row, row: Row) -> dict[str, Any]:
    """Return the inputs that a run goes with, now that those before it have ended."""
    if row.operation not in TAKES_INPUTS:
        return dict(stack.inputs)
    # An update that a preview decided goes with what that one saw.
    return dict(row.inputs) if row.preview else inputs.merge(stack.inputs, row.inputs, row.given)


def _hosts(connection: sa.Connection) -> frozenset[str]:
    return frozenset(map(presence.host_of, runs.all_executors(connection)))


def _meanwhile(stack: Row, operation: str) -> str:
    is_made = stack.state == 'creating' and operation == UPDATE
    return 'creating' if is_made else MEANWHILE.get(operation, str(stack.state))


def _digest_of(connection: sa.Connection, preview: str | None) -> str:
    row = runs.by_id(connection, preview) if preview else None
    return row.digest if row else ''


class RunningRun(ABC):
    """A run under way; one thread does it, another one stores how far it is."""

    def __init__(self, row: Row, course: Course, stop: Stop) -> None:
        self.row = row
        self.course = course
        self.stop = stop
        self._log_size: int = row.log_size
        # Of the log: taken from the course, and not known to be stored.
        self._text = ''
        self._storing = threading.Lock()

    def store(self, database: Database) -> None:
        """Store what is new, unless its end is just being stored.

        Raises LostError when another service does the run now.
        """
        if not self._storing.acquire(blocking=False):
            return
        try:
            self._store(database)
        finally:
            self._storing.release()

    @abstractmethod
    def _store(self, database: Database) -> None:
        """Store what is new."""

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Store nothing else in the body, which stores the end, and may try so several times."""
        with self._storing:
            self._text += self.course.take_log(is_last=True)
            yield

    @abstractmethod
    def end(self, connection: sa.Connection, outcome: Outcome) -> None:
        """Store how it ended, in all places at once.

        Raises LostError when another service does the run now.
        """

    def put_off(self, connection: sa.Connection, attempts: int) -> None:
        """Put the run back into the queue, with its log so far.

        Raises LostError when another service does the run now.
        """
        self._write(connection)
        runs.requeue(connection, self.row.id, attempts)

    def _write(self, connection: sa.Connection, **values: Any) -> int:
        """Change the run, and return how long its log is."""
        end = self._log_size + len(self._text.encode())
        if not runs.change(connection, self.row.id, self.row.executor, log_size=end, **values):
            raise LostError
        if self._text:
            logs.append(connection, self.row.id, self._log_size, self._text)
        return end


class StackRun(RunningRun):
    """A run of a stack."""

    def __init__(self, row: Row, task: Task, course: Course, stop: Stop) -> None:
        super().__init__(row, course, stop)
        self.task = task
        self._stored: list[dict[str, Any]] = row.resources

    def _store(self, database: Database) -> None:
        resources = self.course.resources()
        self._text += self.course.take_log()
        if self._text or resources != self._stored:
            with database.writing() as connection:
                changes = self.course.changes()
                end = self._write(connection, resources=resources, changes=changes)
            self._log_size, self._text, self._stored = end, '', resources

    def end(self, connection: sa.Connection, outcome: Outcome) -> None:
        stack = stacks.by_name(connection, self.row.stack, lock=True)
        if stack is None:
            raise LostError
        self._write(
            connection,
            state=outcome.state,
            digest=outcome.digest,
            error=outcome.error,
            resources=self.course.resources(),
            changes=self.course.changes(),
            ended_at=now(),
        )
        if self.task.operation == DESTROY and outcome.state == SUCCEEDED:
            stacks.remove(connection, stack.id)
        else:
            found = self._changes(stack, outcome)
            stacks.change(connection, stack.id, **found)
            self._tell_drift(connection, stack, found.get('drift'))
            if inventory := self.course.inventory:
                inventories.replace(connection, stack.id, self._clean(inventory))

    def _changes(self, stack: Row, outcome: Outcome) -> dict[str, Any]:
        """Return what changes of a stack that stays."""
        is_done = outcome.state == SUCCEEDED
        found: dict[str, Any] = {'state': _state(stack, self.task.operation, outcome)}
        if self.task.operation == UPDATE:
            found |= {'digest': outcome.digest or stack.digest, 'inputs': self.task.inputs}
            if is_done:
                found |= {'drift': None}
        if self.task.operation == REFRESH and is_done:
            found |= self._looked_at(stack)
        outputs = self.course.outputs()
        if outputs is not None and self.task.operation == UPDATE:
            found |= {'outputs': outputs}
        if self.task.operation == DESTROY and not is_done:
            found |= {'expiry_failures': stack.expiry_failures + 1}
        return found

    def _looked_at(self, stack: Row) -> dict[str, Any]:
        """Return what a look changes in what is known of a stack."""
        if self.task.accept:
            return {'drift': None}
        drift = self._drift(now())
        # An update now does other things than a preview of before has told.
        is_news = drift['changes'] != _known(stack)
        return {'drift': drift, **({'changed_by': self.row.number} if is_news else {})}

    def _tell_drift(
        self, connection: sa.Connection, stack: Row, drift: dict[str, Any] | None
    ) -> None:
        """Have others be told what was found changed outside, once: not as long as it stays so."""
        if drift and drift['changes'] and drift['changes'] != _known(stack):
            run = runs.by_id(connection, self.row.id)
            assert run is not None  # Its end is stored in this transaction.
            events.drift_found(connection, run, drift)

    def _clean(self, found: Inventory) -> Inventory:
        return replace(found, resources=self.course.clean.value(found.resources))

    def _drift(self, moment: datetime) -> dict[str, Any]:
        found = [each for each in self.course.progress.resources if each.operation in OUTSIDE]
        return {
            'checked_at': moments.text(aware(moment)),
            'changes': dict(Counter(each.operation for each in found)),
        }


# What a refresh calls what was changed outside.
OUTSIDE = ('update', 'delete')


def _known(stack: Row) -> dict[str, int]:
    """Return what was known to be changed outside."""
    return dict(stack.drift['changes']) if stack.drift else {}


def _state(stack: Row, operation: str, outcome: Outcome) -> str:
    if operation not in MEANWHILE:
        return str(stack.state)
    if outcome.state == SUCCEEDED:
        return 'ready'
    return 'failed' if outcome.state == FAILED else 'incomplete'
