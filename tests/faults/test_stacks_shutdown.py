"""Shutdowns and reloads while things are done with stacks that last: nothing is lost or doubled."""

from __future__ import annotations

import functools
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.conftest import Rounds
from tests.faults.held import await_that
from tests.faults.lasting import DIED, Lasting, lasting
from tests.platform import inputs

STACKS = 5
# Seconds: with it, a run that goes on longer is put off.
SHORT = {'RUN_TIMEOUT': '2', 'DESTROY_TIMEOUT': '2'}


def load(here: Lasting) -> list[str]:
    """Order more than is done at once; return the runs' ids."""
    return [here.client.create(f'stack-{n}', inputs('a', 'b'))['id'] for n in range(STACKS)]


def assert_done_once(here: Lasting, ids: list[str]) -> None:
    here.assert_ended(*ids)
    states = Counter(here.client.get(f'/runs/{each}')['state'] for each in ids)
    assert states == {'succeeded': STACKS}
    assert len(here.all_runs()) == STACKS
    here.assert_files()


def assert_made_once(here: Lasting) -> None:
    wanted = {f'create stack.stack-{n}-{name}': 1 for n in range(STACKS) for name in 'ab'}
    assert Counter(here.done()) == wanted


@pytest.mark.slow
def test_reload_under_load(tmp_path: Path, mode: str) -> None:
    """SIGHUP under load: what runs is finished by the old worker, the rest is done by the new."""
    with lasting(tmp_path, ENGINE=mode) as here:
        master = here.site.service.process.pid
        with here.held():
            ids = load(here)
            here.wait_until_held('create')
            [old] = here.pids('worker')
            os.kill(master, signal.SIGHUP)
            await_that(lambda: set(here.pids('worker')) - {old})
        await_that(lambda: old not in here.pids('worker') and here.is_up())
        assert_done_once(here, ids)
        assert_made_once(here)
        here.end()


@pytest.mark.slow
def test_many_reloads(tmp_path: Path, mode: str, rounds: Rounds) -> None:
    """One SIGHUP after the other under load: each run is done, each file made once."""
    with lasting(tmp_path, ENGINE=mode) as here:
        ids = load(here)
        for _ in range(rounds(2, 5)):
            before = set(here.pids('worker'))
            os.kill(here.site.service.process.pid, signal.SIGHUP)
            await_that(functools.partial(has_another_worker, here, before))
        await_that(lambda: len(here.pids('worker')) == 1 and here.is_up())
        assert_done_once(here, ids)
        assert_made_once(here)
        here.end()


def has_another_worker(here: Lasting, before: set[int]) -> bool:
    return bool(set(here.pids('worker')) - before)


@pytest.mark.slow
def test_stopped_under_load(tmp_path: Path, mode: str) -> None:
    """SIGTERM under load: what runs is finished, what waits is done by the next service."""
    with lasting(tmp_path, ENGINE=mode) as here:
        ids = load(here)
        await_that(here.done)
        assert here.stop() == 0
        assert here.site.locks() == []
        assert not here.processes()
        here.start()
        assert_done_once(here, ids)
        assert_made_once(here)
        assert not [each for each in ids if DIED in here.client.log({'id': each})]
        here.end()


@pytest.mark.slow
def test_put_off(tmp_path: Path, mode: str) -> None:
    """A run that is longer than a shutdown waits is put off, for the next service or a cancel."""
    with lasting(tmp_path, ENGINE=mode, **SHORT) as here:
        with here.held():
            first = here.client.create('first', inputs('a', 'b'))
            second = here.client.create('second', inputs('a', 'b'))
            await_that(lambda: all(map(here.resources, (first, second))))
            here.site.service.process.send_signal(signal.SIGTERM)
            assert here.site.service.process.wait(timeout=60) == 0
            assert not here.processes()
            here.start(WORKERS='1')
            here.client.order('POST', f'/runs/{second["id"]}/cancel')
            assert here.client.ended(second)['state'] == 'cancelled'
            assert here.client.get('/stacks/second')['state'] == 'incomplete'
        assert here.client.done(first)['attempts'] == 1
        log = here.client.log(first)
        assert log.count('Stopped; what was made so far is kept in the state.') == 1
        assert DIED not in log
        here.client.done(here.client.start('second', 'update'))
        here.assert_ended(first['id'], second['id'])
        here.assert_files()
        here.end()
