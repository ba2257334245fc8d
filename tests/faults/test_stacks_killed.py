"""Processes that are killed while something is done with a stack that lasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Rounds
from tests.faults.lasting import DIED, Lasting, lasting
from tests.platform import inputs

VICTIMS = ['worker', 'service', 'engine', 'host', 'program', 'provider']
# What survives: the run is done again, and succeeds.
SURVIVED = ('worker', 'service', 'engine')
# Where each operation is held, and by what.
HELD = {
    'preview': 'preview',
    'create': 'create',
    'change': 'update',
    'refresh': 'read',
    'accept': 'read',
    'destroy': 'delete',
}
WITHOUT_PROGRAM = ['refresh', 'accept', 'destroy']
Run = dict[str, Any]


def order(here: Lasting, operation: str) -> Run:
    client, name = here.client, operation
    orders: dict[str, Callable[[], Run]] = {
        'preview': lambda: client.start(name, 'preview', inputs={'names': ['c']}),
        'create': lambda: client.create(name, inputs('a', 'b')),
        'change': lambda: client.start(name, 'update', inputs={'text': 'new'}),
        'refresh': lambda: client.start(name, 'refresh'),
        'accept': lambda: client.start(name, 'refresh', accept=True),
        'destroy': lambda: client.destroy(name),
    }
    return orders[operation]()


def chosen(victim: str, count: int) -> list[str]:
    """Return some of the operations that have such a process; each is some victim's."""
    without = {'host': WITHOUT_PROGRAM, 'program': WITHOUT_PROGRAM, 'provider': ['preview']}.get(
        victim, []
    )
    known = [each for each in HELD if each not in without]
    first = 2 * VICTIMS.index(victim)
    return [known[(first + number) % len(known)] for number in range(min(count, len(known)))]


@pytest.mark.parametrize('victim', VICTIMS)
def test_killed_in_mid_operation(tmp_path: Path, mode: str, rounds: Rounds, victim: str) -> None:
    """SIGKILL in mid-operation: the run ends as it must, and the stack as it was asked for."""
    with lasting(tmp_path, ENGINE=mode) as here:
        for operation in chosen(victim, rounds(2, 6)):
            killed_in(here, operation, victim)
            here.assert_files()
        here.end()


def killed_in(here: Lasting, operation: str, victim: str) -> None:
    if operation != 'create':
        here.client.done(here.client.create(operation, inputs('a', 'b')))
    with here.held():
        run = order(here, operation)
        here.wait_until_held(HELD[operation])
        assert here.strike(victim) >= 1
    now = here.client.ended(run)
    here.assert_ended(run['id'])
    if victim in SURVIVED:
        assert_survived(here, now, victim)
    elif now['state'] != 'succeeded':
        assert now['state'] == 'failed'
        assert now['error']['message']
        again = here.client.done(repeat(here, operation))
        assert again['attempts'] == 1


def repeat(here: Lasting, operation: str) -> Run:
    if operation == 'create':
        return here.client.start('create', 'update')
    return order(here, operation)


def assert_survived(here: Lasting, run: Run, victim: str) -> None:
    log = here.client.log(run)
    assert run['state'] == 'succeeded', (run, log)
    assert run['attempts'] == 2
    assert log.count('Attempt 2 of 3 to do this run.') == 1
    assert log.count('The engine has died.' if victim == 'engine' else DIED) == 1
