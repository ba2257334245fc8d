"""Hosts that die, freeze or lose their database while they do runs: another host takes over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.conftest import Rounds
from tests.faults.held import await_that
from tests.hosts import Cluster, cluster, everything, expected, send, service_alone
from tests.platform import Site, inputs
from tests.postgres import Database, postgres

OPERATIONS = ['preview', 'update', 'refresh', 'destroy']
# What a run of each operation waits in.
WAITS = {'preview': 'preview', 'update': 'update', 'refresh': 'read', 'destroy': 'delete'}
# The engine of a host that is dead as a whole is waited for so long, in place of 90 s.
Runs = dict[str, dict[str, Any]]
QUICK = {'TEST_DYING': '3'}


@pytest.fixture(scope='module')
def database() -> Iterator[Database]:
    with postgres(connections=200) as found:
        yield found


@pytest.fixture
def shared(database: Database, tmp_path: Path) -> Iterator[Cluster]:
    with cluster(database, tmp_path) as found:
        yield found


Choose = Callable[..., list[str]]


@pytest.fixture
def choose(whole: bool) -> Choose:
    """Return a function that takes the operations of the bounded form; the whole one has all."""
    return lambda *bounded: OPERATIONS if whole else list(bounded)


def hosts_of(shared: Cluster, runs: Runs) -> set[str]:
    """Return the hosts that do some runs."""
    ids = ', '.join(f"'{run['id']}'" for run in runs.values())
    found = shared.query(f'select executor from runs where id in ({ids})')
    return {(row[0] or '')[:6] for row in found}


def await_hosts(shared: Cluster, runs: Runs, hosts: set[str]) -> None:
    await_that(lambda: hosts_of(shared, runs) == hosts)


def await_end(pids: list[int]) -> None:
    await_that(lambda: not [pid for pid in pids if Path(f'/proc/{pid}').exists()])


def hold(shared: Cluster) -> None:
    """Have every run wait in the middle of its operation."""
    for mark in shared.files.glob('waiting-*'):  # Of a round before.
        mark.unlink()
    (shared.files / 'slow').touch()


def let_go(shared: Cluster) -> None:
    (shared.files / 'slow').unlink()


def await_held(shared: Cluster, operation: str) -> None:
    mark = shared.files / f'waiting-{WAITS[operation]}'
    await_that(mark.exists)
    mark.unlink()


def begin(site: Site, name: str, operation: str) -> dict[str, Any]:
    """Order a run of a stack with the files x and y."""
    if operation == 'destroy':
        return site.client.destroy(name)
    more = {'inputs': {'text': 'more'}} if operation in ('preview', 'update') else {'accept': True}
    return site.client.start(name, operation, **more)


def begin_all(shared: Cluster, site: Site, operations: list[str]) -> Runs:
    """Have a host be in the middle of a run of each operation, each on a stack of its own."""
    made = [site.client.create(name, inputs('x', 'y')) for name in operations]
    for run in made:
        site.client.done(run)
    hold(shared)
    runs = {name: begin(site, name, name) for name in operations}
    for name in operations:
        await_held(shared, name)
    assert hosts_of(shared, runs) == {'host-a'}
    return runs


def assert_all_right(shared: Cluster, site: Site, runs: Runs) -> None:
    """Assert that each run succeeds, and that files, state and records are as it says."""
    for run in runs.values():
        site.client.done(run)
    assert not (shared.files / 'twice').exists()
    left = [name for name in runs if name != 'destroy']
    for name in left:
        text = 'more' if name == 'update' else 'hello'
        assert shared.contents(name) == expected('x', 'y', text=text)
    assert shared.contents('destroy') == {}
    assert site.client.call('GET', '/stacks/destroy').status_code == 404
    assert shared.locks() == []
    for run in [site.client.destroy(name) for name in left]:
        site.client.done(run)
    shared.assert_nothing_left()


def locked(runs: Runs) -> int:
    """Return how many of them hold a lock of Pulumi's; a preview needs none."""
    return len(runs) - ('preview' in runs)


def attempts(site: Site, runs: Runs) -> list[int]:
    return [site.client.get(f'/runs/{run["id"]}')['attempts'] for run in runs.values()]


@pytest.mark.slow
def test_host_killed(shared: Cluster, rounds: Rounds) -> None:
    """A host dies as a whole in the middle of each operation: another one does its runs anew."""
    for _ in range(rounds(1, 5)):
        with shared.host('host-a', WORKERS='4') as first:
            runs = begin_all(shared, first, OPERATIONS)
            with shared.host('host-b', WORKERS='4', **QUICK) as second:
                pids = everything(first)
                send(pids, signal.SIGSTOP)  # none of it sees another one end
                send(pids, signal.SIGKILL)
                let_go(shared)
                assert len(shared.locks()) == locked(runs)
                assert_all_right(shared, second, runs)
                assert attempts(second, runs) == [2] * len(runs)


@pytest.mark.slow
def test_service_killed(shared: Cluster, rounds: Rounds, choose: Choose) -> None:
    """A service dies and its engines do not: another host waits until each has let go."""
    operations = choose('preview', 'update')
    for _ in range(rounds(1, 5)):
        with shared.host('host-a', WORKERS=str(len(operations))) as first:
            runs = begin_all(shared, first, operations)
            with shared.host('host-b', WORKERS=str(len(operations))) as second:
                left = [pid for pid in everything(first) if pid not in service_alone(first)]
                send(service_alone(first), signal.SIGKILL)
                await_hosts(shared, runs, {'host-b'})
                time.sleep(3)  # for what the other host must not do
                assert len(shared.locks()) == locked(runs)
                let_go(shared)
                assert_all_right(shared, second, runs)
                await_end(left)


@pytest.mark.slow
def test_frozen_host(shared: Cluster, rounds: Rounds, choose: Choose) -> None:
    """A host that stands still for long is not taken for dead, and goes on where it was."""
    operations = choose('refresh', 'destroy')
    for _ in range(rounds(1, 5)):
        with shared.host('host-a', WORKERS=str(len(operations))) as first:
            runs = begin_all(shared, first, operations)
            with shared.host('host-b', WORKERS=str(len(operations)), **QUICK) as second:
                frozen = everything(first)
                send(frozen, signal.SIGSTOP)
                try:
                    time.sleep(12)
                    assert hosts_of(shared, runs) == {'host-a'}
                    assert second.client.get('/stacks')['items']
                finally:
                    send(frozen, signal.SIGCONT)
                let_go(shared)
                assert_all_right(shared, second, runs)
                assert attempts(second, runs) == [1] * len(runs)


CUT = 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = '
CUT_PRESENCE = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"


@pytest.mark.slow
@pytest.mark.parametrize('which', ['all', 'the one that shows that it lives'])
def test_connections_cut(shared: Cluster, rounds: Rounds, choose: Choose, which: str) -> None:
    """A host's connections to the database are cut: its runs go on, or are done again."""
    operations = choose('update', 'refresh')
    url = f'{shared.database.url}&application_name=host-a'
    named = {'DATABASE_URL': url, 'PULUMI_BACKEND_URL': url}
    for _ in range(rounds(1, 5)):
        with shared.host('host-a', WORKERS=str(len(operations)), **named) as first:
            runs = begin_all(shared, first, operations)
            cut = shared.query(f"{CUT}'host-a'" if which == 'all' else CUT_PRESENCE)
            assert len(cut) >= 1
            with shared.host('host-b', WORKERS=str(len(operations))) as second:
                let_go(shared)
                assert_all_right(shared, second, runs)


@pytest.mark.slow
def test_database_away(shared: Cluster, rounds: Rounds, choose: Choose) -> None:
    """The database is away for a while: requests are told so at once, and no run is lost."""
    operations = choose('update', 'destroy')
    for number in range(rounds(1, 6)):
        how = (signal.SIGINT, signal.SIGQUIT)[number % 2]
        with (
            shared.host('host-a', WORKERS=str(len(operations)), **QUICK) as first,
            ThreadPoolExecutor(24) as pool,
        ):
            runs = begin_all(shared, first, operations)
            waits = first.client.create('waits', inputs('x'))
            threads = count_threads(first)
            with shared.database.gone(how):
                started = time.monotonic()
                asked = [
                    pool.submit(requests.get, f'{first.service.url}/v1/stacks') for _ in range(24)
                ]
                for answer in [each.result(timeout=30) for each in asked]:
                    assert (answer.status_code, answer.headers['Retry-After']) == (503, '2')
                assert time.monotonic() - started < 5
                assert first.service.get('/healthz').status_code == 200
                assert first.client.call('POST', '/stacks', json={}).status_code == 422
                time.sleep(2)
                let_go(shared)
                time.sleep(3)
                assert count_threads(first) <= threads + 24
            assert_survived(shared, first, runs, waits)


def assert_survived(shared: Cluster, site: Site, runs: Runs, waits: dict[str, Any]) -> None:
    site.client.done(waits)
    assert shared.contents('waits') == expected('x')
    site.client.done(site.client.destroy('waits'))
    assert_all_right(shared, site, runs)


def count_threads(site: Site) -> int:
    return sum(len(os.listdir(f'/proc/{pid}/task')) for pid in service_alone(site))
