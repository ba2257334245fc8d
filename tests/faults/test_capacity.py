"""Pools of workers, while what starts and ends them is killed."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.capacity import PROGRAM, Capacity, Pools, answer
from tests.doers import await_that
from tests.faults.conftest import Rounds
from tests.faults.lasting import Lasting, lasting
from tests.platform import Client

# A run takes less than this, so that some are hit in each of their steps.
LATEST = 1.5
MOST_TRIES = 5
Run = dict[str, Any]


def order(client: Client, name: str, operation: str) -> Run:
    """Order what is done with a pool."""
    orders: dict[str, Callable[[], Run]] = {
        'create': lambda: client.create(name, {'workers': 2}, program=PROGRAM),
        'update': lambda: client.start(name, 'update', inputs={'workers': 4}),
        'replace': lambda: client.start(name, 'update', inputs={'handler': 'hello'}),
        'refresh': lambda: client.start(name, 'refresh', accept=True),
        'destroy': lambda: client.destroy(name),
    }
    return orders[operation]()


def assert_each_has_its_pool(here: Lasting) -> None:
    """Assert that each stack's pool answers with all its workers, and that there is no other."""
    found = Capacity(here.site.service)
    stacks = {each['name']: each for each in here.client.get('/stacks?limit=200')['items']}
    for name, stack in stacks.items():
        assert answer(found.outputs(name)['url'])['handler'] == stack['inputs']['handler']
        assert len(found.workers(name)) == stack['inputs']['workers']
    assert found.names() == set(stacks)


@pytest.mark.parametrize(
    'victim',
    [
        'provider',
        *(pytest.param(each, marks=pytest.mark.slow) for each in ('engine', 'service', 'worker')),
    ],
)
def test_killed_around_pools(
    tmp_path: Path,
    rounds: Rounds,
    victim: str,
    seed: int,
) -> None:
    """SIGKILL at any moment leaves no pool without its stack, and no stack without its pool."""
    moments = random.Random(seed)
    with lasting(tmp_path) as here, Pools(tmp_path / 'state').none_left():
        for number in range(rounds(1, 8)):
            name = f'pool-{number}'
            for operation in ('create', 'update', 'replace', 'refresh', 'destroy'):
                run = order(here.client, name, operation)
                time.sleep(moments.uniform(0, LATEST))  # a moment of its own each time
                here.strike(victim)
                here.bring_to_its_end(run, order, name, operation, tries=MOST_TRIES)
                assert_each_has_its_pool(here)
        here.end()


def test_destroyed_after_a_failure(tmp_path: Path, rounds: Rounds) -> None:
    """What a killed create has started ends with a destroy, though the state does not have it."""
    pools = Pools(tmp_path / 'state')
    with lasting(tmp_path) as here, pools.none_left():
        for number in range(rounds(1, 8)):
            name = f'pool-{number}'
            run = order(here.client, name, 'create')
            await_that(functools.partial(pools.processes, name))
            here.strike('provider')
            here.client.ended(run)
            here.client.done(here.client.destroy(name))
            assert pools.processes(name) == set()
            assert pools.names() == set()
        here.end()
