"""A host dies in the midst of a migration: another one goes on with it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import Rounds
from tests.hosts import Cluster, cluster, everything, send
from tests.migrating import LEFT, empty_database, sqlite_file
from tests.moving import ROWS, Moving, assert_went_on, many
from tests.platform import Site
from tests.postgres import Database, postgres

FILL = f"""
    CREATE TABLE many (id int PRIMARY KEY, color text NOT NULL, size float8);
    INSERT INTO many SELECT i, 'color ' || i || repeat('x', 80), i / 3.0
    FROM generate_series(1, {ROWS}) i
"""
SUMS = 'SELECT count(*), count(DISTINCT id), sum(id), sum(hashtextextended(color, 0)) FROM many'


@pytest.fixture(scope='module')
def database() -> Iterator[Database]:
    with postgres(connections=200) as found:
        yield found


@pytest.fixture
def shared(database: Database, tmp_path: Path) -> Iterator[Cluster]:
    with cluster(database, tmp_path) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['postgres', 'sqlite'])
def test_host_killed(shared: Cluster, database: Database, kind: str, rounds: Rounds) -> None:
    """The host that moves tables is killed: the other one goes on, and each row is there once."""
    for _ in range(rounds(1, 5)):
        with ExitStack() as stack:
            target = stack.enter_context(empty_database(database))
            source = _source(shared, database, stack, kind)
            reach = {'MIGRATION_HOSTS': '127.0.0.1', 'MIGRATION_FOLDERS': str(shared.folder)}
            hosts = stack.enter_context(shared.two(**reach))
            _outlived(shared, hosts, source, target)
            _assert_alike(source, target, kind)


def _outlived(shared: Cluster, hosts: tuple[Site, Site], source: str, target: str) -> None:
    """Have a migration be done by two hosts, of which the first is killed."""
    moving = Moving(lambda: hosts[0].client)
    path = moving.begin(source, target)
    moving.copying(path)
    doing = _doing(shared, moving.client.get(path)['run'])
    dead, survivor = hosts if doing == 'host-a' else hosts[::-1]
    pids = everything(dead)
    send(pids, signal.SIGSTOP)  # none of it sees another one end
    send(pids, signal.SIGKILL)
    moving = Moving(lambda: survivor.client)
    done = moving.done(path)
    # The pages ask the shared database, too.
    for page in ('/new', path.removeprefix('/migrations')):
        assert survivor.service.get(f'/portal/migrations{page}').status_code == 200
    log = moving.log(done)
    assert 'The service that did this run has died.' in log
    assert moving.client.get(f'/runs/{done["run"]}')['attempts'] == 2
    if source.startswith('sqlite'):
        # The copy of the file was on the host that died.
        assert 'the private copy is gone: all is read again' in log
    else:
        assert_went_on(log)
    assert done['moved'] == {'many': ROWS}


def _source(shared: Cluster, database: Database, stack: ExitStack, kind: str) -> str:
    if kind == 'sqlite':
        return sqlite_file(shared.folder, many())
    source = stack.enter_context(empty_database(database))
    with psycopg.connect(source) as connection:
        connection.execute(FILL.encode())
    return source


def _doing(shared: Cluster, run: str) -> str:
    """Return the host that does a run."""
    [(executor,)] = shared.query(f"SELECT executor FROM runs WHERE id = '{run}'")
    return str(executor)[:6]


def _assert_alike(source: str, target: str, kind: str) -> None:
    with psycopg.connect(target) as connection:
        [found] = connection.execute(SUMS).fetchall()
        assert found[:3] == (ROWS, ROWS, ROWS * (ROWS + 1) // 2)
        assert connection.execute(LEFT.replace('%%', '%').encode()).fetchall() == []
    if kind == 'postgres':
        with psycopg.connect(source) as connection:
            assert connection.execute(SUMS).fetchall() == [found]
