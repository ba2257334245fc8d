"""Migrations over `/v1/migrations` from PostgreSQL and MariaDB into the database of a stack."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.database_server import DatabaseServer, query
from tests.faults.lasting import Lasting, lasting
from tests.mariadb import MariaDatabase, mariadb, missing_tool
from tests.migrating import LEFT, empty_database, sqlite_file
from tests.moving import ROWS, Moving, assert_went_on, many
from tests.postgres import Database, postgres

GOODS = (
    'CREATE TABLE goods (id int PRIMARY KEY, name varchar(20) NOT NULL, price decimal(8,2))',
    "INSERT INTO goods VALUES (1, 'Purple', 1.50), (2, 'Violet', NULL), (3, 'é😀', -99999.99)",
    'CREATE TABLE orders (good int NOT NULL, FOREIGN KEY (good) REFERENCES goods (id))',
    'INSERT INTO orders VALUES (1), (1), (3)',
)
SUMS = 'SELECT count(*), count(DISTINCT id), sum(id), min(length(color)) FROM many'


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp('moving')
    (found / 'sources').mkdir()
    return found


@pytest.fixture(scope='module')
def service(folder: Path, built_engine: object) -> Iterator[Lasting]:
    """A service with a PostgreSQL of its own, which a test may kill and start again."""
    settings = {'MIGRATION_HOSTS': '127.0.0.1', 'MIGRATION_FOLDERS': str(folder / 'sources')}
    with lasting(folder, **settings) as found:
        yield found


@pytest.fixture
def moving(service: Lasting) -> Moving:
    return Moving(lambda: service.client)


@pytest.fixture
def target(service: Lasting, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a stack that is an empty database, for one test."""
    name = request.node.name.replace('_', '-').replace('test-', 'to-')[:40]
    yield make(service, name)
    service.client.done(service.client.destroy(name))


@pytest.fixture(scope='module')
def server() -> Iterator[Database]:
    """A PostgreSQL that tables come from."""
    with postgres() as found:
        yield found


@pytest.fixture(scope='module')
def maria() -> Iterator[MariaDatabase]:
    if tool := missing_tool():
        pytest.skip(f'{tool} is missing')
    with mariadb() as found:
        yield found


def make(service: Lasting, name: str) -> str:
    inputs = {'name': name.replace('-', '_'), 'delete_protection': False}
    service.client.done(service.client.create(name, inputs, program='database'))
    return name


def url_of(service: Lasting, stack: str) -> str:
    answer = service.client.call('POST', f'/stacks/{stack}/reveal?output=url')
    return str(answer.json()['value'])


def assert_goods(service: Lasting, stack: str) -> None:
    """Assert that what GOODS makes is in a stack, with its keys, and nothing beside it."""
    url = url_of(service, stack)
    found = [tuple(map(str, row)) for row in query(url, 'SELECT * FROM goods ORDER BY id')]
    assert found == [
        ('1', 'Purple', '1.50'),
        ('2', 'Violet', 'None'),
        ('3', 'é😀', '-99999.99'),
    ]
    assert query(url, 'SELECT count(*), sum(good) FROM orders') == [(3, 5)]
    for wrong in ("INSERT INTO goods VALUES (1, 'x')", 'INSERT INTO orders VALUES (9)'):
        with pytest.raises(psycopg.errors.IntegrityError):
            query(url, wrong)
    assert query(url, LEFT.replace('%%', '%')) == []


def assert_done(moving: Moving, path: str) -> dict[str, Any]:
    done = moving.done(path)
    assert done['moved'] == {'goods': 3, 'orders': 3}
    assert (done['rows'], done['left_out']) == (6, 0)
    return done


def test_from_postgres(service: Lasting, moving: Moving, server: Database, target: str) -> None:
    """Tables of a PostgreSQL are planned, and moved into a stack with keys and references."""
    with empty_database(server) as source:
        for statement in GOODS:
            query(source, statement)
        path = moving.begin(source, f'stack {target}', plan=True)
        planned = moving.done(path)
        assert [each['name'] for each in planned['plan']['tables']] == ['goods', 'orders']
        moving.again(path, 'run')
        assert_done(moving, path)
        assert_goods(service, target)


def test_from_mariadb(service: Lasting, moving: Moving, maria: MariaDatabase, target: str) -> None:
    """Tables of a MariaDB are moved into a stack with keys and references."""
    maria.execute(*GOODS)
    done = assert_done(moving, moving.begin(maria.url, f'stack {target}'))
    assert done['target'] == f'stack {target}'
    assert_goods(service, target)


def test_between_stacks(service: Lasting, moving: Moving, target: str) -> None:
    """Tables of one stack are moved into another; a password that was made anew counts."""
    source = make(service, 'from')
    for statement in GOODS:
        query(url_of(service, source), statement)
    path = moving.begin(f'stack {source}', f'stack {target}', plan=True)
    moving.done(path)
    changed = service.client.start(target, 'update', inputs={'password_version': 2})
    service.client.done(changed)
    moving.again(path, 'run')
    assert_done(moving, path)
    assert_goods(service, target)
    service.client.done(service.client.destroy(source))


@pytest.mark.slow
def test_service_is_killed(service: Lasting, moving: Moving, folder: Path, target: str) -> None:
    """A service that is killed takes its PostgreSQL along; the next one goes on with both."""
    path = moving.begin(sqlite_file(folder / 'sources', many()), f'stack {target}')
    moving.copying(path)
    service.restart()
    done = moving.done(path)
    assert_went_on(moving.log(done))
    assert_many(service, target)


@pytest.mark.slow
def test_target_is_killed(service: Lasting, moving: Moving, folder: Path, target: str) -> None:
    """A PostgreSQL of ours that is killed in mid-copy is waited for, and the copy goes on."""
    path = moving.begin(sqlite_file(folder / 'sources', many()), f'stack {target}')
    moving.copying(path)
    killed = DatabaseServer(service.site.service.state).all_processes()
    for pid in killed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    done = moving.done(path)
    assert_went_on(moving.log(done))
    assert_many(service, target)


@pytest.mark.slow
def test_other_target_is_killed(moving: Moving, server: Database, folder: Path) -> None:
    """With a PostgreSQL that stays away a migration fails in words; resumed later, it goes on."""
    with empty_database(server) as target:
        path = moving.begin(sqlite_file(folder / 'sources', many()), target)
        moving.copying(path)
        with server.gone(signal.SIGQUIT):
            failed = moving.ended(path)
            assert failed['state'] == 'failed'
            assert 'resume' in failed['error']['message'] or 'runs' in failed['error']['message']
            assert 'password' not in failed['error']['message']
        moving.again(path, 'resume')
        done = moving.done(path)
        assert_went_on(moving.log(done))
        assert query(target, SUMS)[0][:3] == (ROWS, ROWS, ROWS * (ROWS + 1) // 2)


def assert_many(service: Lasting, stack: str) -> None:
    url = url_of(service, stack)
    assert query(url, SUMS)[0][:3] == (ROWS, ROWS, ROWS * (ROWS + 1) // 2)
    assert query(url, LEFT.replace('%%', '%')) == []
