"""Locks that a stack has when an operation begins: whose they are, and who may remove them."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from basic_pulumi import BusyError
from stacks.operation import steps
from stacks.operation.course import Course
from stacks.operation.steps import Steps
from stacks.operation.stopping import Stop
from stacks.operation.task import Task
from tests.records import NOTHING


class Engine:
    """An engine that does nothing."""

    idle: frozenset[int] = frozenset()


def task(**given: Any) -> Task:
    named = {'run_id': 'run', 'stack': 'one', 'program': 'token', 'operation': 'update'}
    plain = {'digest': '', 'decided_on': '', 'inputs': NOTHING, 'secrets': [], 'accept': False}
    return Task(**{**named, **plain, 'is_unsure': False, 'is_repeated': False, **given})


def locked(given: Task, host: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Do a step on a stack that has a lock of a host, and return what was done."""
    monkeypatch.setattr(steps, 'DYING', 0.05)
    monkeypatch.setattr(steps, 'LOOK_EVERY', 0.01)
    done: list[str] = []

    def step() -> None:
        if not done:
            raise BusyError(f'locked: created by root@{host} (pid 1) at 2999-01-01T00:00:00Z')
        done.append('step')

    engine: Any = Engine()
    found = Steps(given, {}, engine, Course(0), Stop(lambda: False), variables={}, encrypt=str)
    found._unlocking(step, lambda: done.append('unlock'))
    return done


@pytest.mark.parametrize(
    'given',
    [task(is_repeated=True), task(is_unsure=True, hosts=frozenset({'other'}))],
    ids=['taken over', 'after one that was cut short'],
)
def test_left_elsewhere(given: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that another host's service left is removed, once its engine must have ended."""
    assert locked(given, 'other', monkeypatch) == ['unlock', 'step']


@pytest.mark.parametrize(
    ('given', 'host'),
    [
        (task(), 'other'),
        (task(hosts=frozenset({'other'}), is_unsure=True), 'laptop'),
        (task(is_repeated=True), socket.gethostname()),
    ],
    ids=['nothing was cut short', 'no service is there', 'it lives'],
)
def test_others(given: Task, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that may be somebody's is left alone."""
    with pytest.raises(BusyError):
        locked(given, host, monkeypatch)
