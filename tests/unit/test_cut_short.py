"""What is kept where a transaction, a run or an engine is cut short."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from settings import Settings
from stacks.moments import now
from stacks.operation.course import Course
from stacks.operation.engines import OwnedEngine
from stacks.operation.stopping import Stop
from stacks.running import running_run
from stacks.running.running_run import LostError, RunningRun
from stacks.store import database, logs, runs, stacks
from stacks.store.database import Database
from stacks.submission import queue_run
from workspaces.ownership import Ownership

INPUTS: dict[str, Any] = {'plain': {}, 'secret': {}}


class CutError(Exception):
    """Stands for a connection that breaks in a transaction."""


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Database]:
    found = database.connect('', tmp_path)
    yield found
    found.close()


@pytest.fixture
def run(records: Database) -> RunningRun:
    """The first run of a stack, under way in the service `here`."""
    with records.writing() as connection:
        values = {'name': 'web', 'program': 'files', 'state': 'creating', 'owner': 'ann'}
        stacks.insert(connection, {**values, 'inputs': INPUTS, 'created_at': now()})
        stack = stacks.by_name(connection, 'web')
        assert stack is not None
        queue_run(connection, stack, 'update', 'ann')
        return claimed(connection)


@contextmanager
def cut(records: Database) -> Iterator[sa.Connection]:
    """Have a transaction fail at its end."""
    with records.writing() as connection:
        yield connection
        raise CutError


def claimed(connection: sa.Connection) -> RunningRun:
    row = runs.claim(connection, 'here')
    assert row is not None
    task = running_run.begin(connection, row)
    return RunningRun(row, task, Course(row.log_size), Stop(lambda: False))


def log(records: Database, run: RunningRun) -> str:
    with records.reading() as connection:
        return logs.read(connection, run.row.id, 0, 1000).decode()


def test_log_survives(records: Database, run: RunningRun) -> None:
    """What a transaction that failed had of the log is stored by the next one, and once."""
    run.course.line('one')
    with pytest.raises(CutError), cut(records) as connection:
        run.store(connection)
    run.course.line('zwölf')
    for _ in range(2):
        with records.writing() as connection:
            run.store(connection)
    assert log(records, run) == 'one\nzwölf\n'


def test_put_off_after_a_cut(records: Database, run: RunningRun) -> None:
    """A run is put off although the first attempt failed; the next one first looks at the state."""
    assert not run.task.is_repeated
    run.course.line('Stopped.')
    with pytest.raises(CutError), cut(records) as connection:
        run.put_off(connection, 0)
    with records.writing() as connection:
        run.put_off(connection, 0)
    with records.writing() as connection:
        again = claimed(connection)
    assert log(records, again) == 'Stopped.\n'
    assert again.row.attempts == 1
    assert again.task.is_repeated


def test_lost_run(records: Database, run: RunningRun) -> None:
    """A run that another service has taken over is not written to, even with nothing to tell."""
    with records.writing() as connection:
        runs.requeue(connection, run.row.id, 1)
    with pytest.raises(LostError), records.writing() as connection:
        run.store(connection)


def test_ended_run_interrupts_nothing() -> None:
    """A wish that comes after the end does not reach the engine, which may do another run."""
    interrupts: list[bool] = []

    def interrupt() -> bool:
        interrupts.append(True)
        return True

    stop = Stop(interrupt)
    stop.over()
    stop.put_off()
    stop.cancel(2)
    assert not stop.is_wanted
    assert interrupts == []


def test_locks_of_fellows(tmp_path: Path) -> None:
    """An engine's lock on a stack that it does not work on is nobody's, also while it lives."""
    engines: list[OwnedEngine] = []
    for number, stack in enumerate(['web', 'mail', 'web']):
        file = Ownership(tmp_path / str(number))
        file.note_start(os.getppid() if number else os.getpid())
        engines.append(OwnedEngine(Settings(state_dir=tmp_path), file, str(number), engines))
        engines[-1].stack = stack
    assert engines[0].idle == {os.getpid(), os.getppid()}
    engines[1].stack = 'web'
    assert engines[0].idle == {os.getpid()}
    for engine in engines:
        engine.close()
