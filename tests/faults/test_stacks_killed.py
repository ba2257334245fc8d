"""Processes that are killed while something is done with a stack that lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture(scope='module')
def here(tmp_path_factory: pytest.TempPathFactory, mode: str) -> Iterator[Lasting]:
    """A platform that is up again when a test ends; it has nothing left when all have."""
    with lasting(tmp_path_factory.mktemp('here'), ENGINE=mode) as here:
        yield here
        here.end()


def order(here: Lasting, name: str, operation: str) -> Run:
    client = here.client
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
def test_killed_in_mid_operation(here: Lasting, rounds: Rounds, victim: str) -> None:
    """SIGKILL in mid-operation: the run ends as it must, and the stack as it was asked for."""
    for operation in chosen(victim, rounds(2, 6)):
        killed_in(here, operation, victim)
        here.assert_files()


def killed_in(here: Lasting, operation: str, victim: str) -> None:
    name = f'{victim}-{operation}'
    if operation != 'create':
        here.client.done(here.client.create(name, inputs('a', 'b')))
    with here.held():
        run = order(here, name, operation)
        here.wait_until_held(HELD[operation])
        assert here.strike(victim) >= 1
    now = here.client.ended(run)
    here.assert_ended(run['id'])
    if victim in SURVIVED:
        assert_survived(here, now, victim)
    elif now['state'] != 'succeeded':
        assert now['state'] == 'failed'
        assert now['error']['message']
        again = here.client.done(repeat(here, name, operation))
        assert again['attempts'] == 1


def repeat(here: Lasting, name: str, operation: str) -> Run:
    if operation == 'create':
        return here.client.start(name, 'update')
    return order(here, name, operation)


def assert_survived(here: Lasting, run: Run, victim: str) -> None:
    log = here.client.log(run)
    assert run['state'] == 'succeeded', (run, log)
    assert run['attempts'] == 2
    assert log.count('Attempt 2 of 3 to do this run.') == 1
    assert log.count('The engine has died.' if victim == 'engine' else DIED) == 1
