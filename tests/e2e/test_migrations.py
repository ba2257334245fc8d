"""Migrations over `/v1/migrations`, from SQLite into a real PostgreSQL, by a real service."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.lasting import Lasting, lasting
from tests.infra.process import in_pipe
from tests.migrating import LEFT, empty_database, sqlite_file
from tests.moving import ROWS, Moving, assert_went_on, many
from tests.postgres import Database, postgres

FEW = """
    CREATE TABLE hello (id INTEGER PRIMARY KEY, color TEXT NOT NULL);
    INSERT INTO hello VALUES (1, 'Purple'), (2, 'Violet'), (3, 'Plum');
"""


class Source(Moving):
    """A service that may be killed, and the folder of the files that it moves tables from."""

    def __init__(self, lasting: Lasting, folder: Path) -> None:
        super().__init__(lambda: lasting.client)
        self.lasting = lasting
        self.folder = folder


@pytest.fixture(scope='module')
def server() -> Iterator[Database]:
    with postgres() as found:
        yield found


@pytest.fixture
def target(server: Database) -> Iterator[str]:
    with empty_database(server) as url:
        yield url


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def assert_moved(source: str, target: str) -> None:
    """Assert that the table `many` is in the target as it is in the source, and nothing else is."""
    query = 'SELECT count(*), count(DISTINCT id), sum(id), min(color), max(color) FROM many'
    with closing(sqlite3.connect(source.removeprefix('sqlite://'))) as connection:
        [wanted] = connection.execute(query).fetchall()
    [found] = rows(target, query.replace('color)', 'color COLLATE "C")'))
    assert tuple(found) == tuple(wanted)
    assert rows(target, LEFT.replace('%%', '%')) == []


@pytest.fixture(scope='module')
def moving(tmp_path_factory: pytest.TempPathFactory, built_engine: object) -> Iterator[Source]:
    """A service, which a test may stop, and starts again then."""
    here = tmp_path_factory.mktemp('moving')
    folder = here / 'sources'
    folder.mkdir()
    settings = {
        'MIGRATION_HOSTS': '127.0.0.1',
        'MIGRATION_FOLDERS': str(folder),
        # Which a shutdown leaves to what runs.
        'RUN_TIMEOUT': '0.2',
    }
    with lasting(here, **settings) as found:
        yield Source(found, folder)


@pytest.fixture(scope='module')
def table(moving: Source) -> str:
    """The URL of a file with the table `many`."""
    return sqlite_file(moving.folder, many())


def test_planned_and_run(moving: Source, target: str) -> None:
    """A plan moves nothing; it can be run once, and then the rows are there, with their log."""
    path = moving.begin(sqlite_file(moving.folder, FEW), target, plan=True)
    planned = moving.done(path)
    [table] = planned['plan']['tables']
    assert [each['target_type'] for each in table['columns']] == ['bigint', 'text']
    assert rows(target, "SELECT to_regclass('hello')") == [(None,)]
    moving.again(path, 'run')
    done = moving.done(path)
    assert (done['operation'], done['rows'], done['rejects']) == ('migrate', 3, [])
    assert rows(target, 'SELECT * FROM hello') == [(1, 'Purple'), (2, 'Violet'), (3, 'Plum')]
    assert 'all verified' in moving.log(done)
    refused = moving.client.call('POST', f'{path}/run')
    assert (refused.status_code, refused.json()['type']) == (409, '/docs/errors#wrong-state')


def test_cancelled_resumed(moving: Source, target: str, table: str) -> None:
    """A migration that was cancelled goes on where it was when it is resumed."""
    path = moving.begin(table, target)
    moving.copying(path)
    assert moving.client.call('POST', f'{path}/cancel').status_code == 202
    assert moving.ended(path)['state'] == 'cancelled'
    assert rows(target, "SELECT to_regclass('many')") == [(None,)]
    moving.again(path, 'resume')
    done = moving.done(path)
    assert done['rows'] == ROWS
    assert_went_on(moving.log(done))
    assert_moved(table, target)


@pytest.mark.slow
def test_cancelled_abandoned(moving: Source, target: str, table: str) -> None:
    """Of a migration that is abandoned nothing is left, neither in the target nor here."""
    path = moving.begin(sqlite_file(moving.folder, many()), target)
    moving.copying(path)
    moving.client.call('POST', f'{path}/cancel')
    moving.ended(path)
    assert rows(target, LEFT.replace('%%', '%')) != []
    answer = moving.client.call('DELETE', path, headers={'Prefer': 'wait=60'})
    assert answer.status_code in (200, 202)
    assert moving.client.call('GET', path).status_code == 404
    assert rows(target, LEFT.replace('%%', '%')) == []
    copies = moving.lasting.site.service.state / 'migrations'
    assert list(copies.iterdir()) == []


def test_killed(moving: Source, target: str, table: str) -> None:
    """A migration whose service is killed in mid-copy is gone on with by the next one."""
    path = moving.begin(table, target)
    moving.copying(path)
    moving.lasting.restart()
    done = moving.done(path)
    log = moving.log(done)
    assert 'The service that did this run has died.' in log
    assert 'Attempt 2' in log
    assert 'the private copy is gone' not in log
    assert log.count('planned: ') == 1
    assert_went_on(log)
    assert_moved(table, target)


@pytest.mark.slow
def test_put_off(moving: Source, target: str, table: str) -> None:
    """A migration that a shutdown puts off goes on afterwards, and that is no attempt."""
    path = moving.begin(table, target)
    moving.copying(path)
    moving.lasting.stop()
    moving.lasting.start()
    done = moving.done(path)
    assert moving.client.get(f'/runs/{done["run"]}')['attempts'] == 1
    assert 'Stopped; what is copied is kept.' in moving.log(done)
    assert_went_on(moving.log(done))
    assert_moved(table, target)


def test_reach(moving: Source, target: str, tmp_path: Path) -> None:
    """Hosts and folders that the settings do not name are refused, and never connected to."""
    outside = sqlite_file(tmp_path, FEW)
    with_secret = 'postgresql://me:planted-5511@db.example.com/x'
    body = {'source': {'url': outside}, 'target': {'url': with_secret}}
    answer = moving.client.call('POST', '/migrations', json=body)
    assert answer.status_code == 422
    assert [each['pointer'] for each in answer.json()['errors']] == ['#/source/url', '#/target/url']
    assert 'planted' not in answer.text


def test_secret(moving: Source, target: str, server: Database) -> None:
    """The password of a target is in no answer, log, file or command line."""
    with server.connect() as connection:
        connection.autocommit = True
        connection.execute("CREATE ROLE mover SUPERUSER LOGIN PASSWORD 'planted-value-7319'")
    host = target.partition('@')[2]
    told = []
    for password in ('planted-value-7319', 'planted-value-7319-wrong'):
        url = f'postgresql://mover:{password}@{host}'
        path = moving.begin(sqlite_file(moving.folder, many(1000)), url, replace=True)
        found = moving.ended(path)
        told += [str(found), str(moving.client.get('/migrations'))]
        told.append(moving.log(found))
        told.append(str(moving.client.get(f'/runs/{found["run"]}')))
        assert found['state'] == ('failed' if password.endswith('wrong') else 'succeeded')
    assert not [text for text in told if 'planted-value' in text]
    moving.lasting.assert_untold()


def test_infra(moving: Source, target: str, tmp_path: Path) -> None:
    """`infra migrate` moves what its plan shows; what is there already, only with --replace."""
    source, file = sqlite_file(moving.folder, FEW), tmp_path / 'target'
    file.write_text(target)
    wish = ('migrate', source, '--to-file', str(file), '--yes')
    url = moving.lasting.site.service.url
    done = in_pipe(*wish, INFRA_URL=url)
    assert done.code == 0, done.err
    assert '3 rows were moved' in done.err
    assert rows(target, 'SELECT count(*) FROM hello') == [(3,)]
    again = in_pipe(*wish, INFRA_URL=url)
    assert (again.code, 'public has "hello"' in again.err) == (4, True), again.err
    replaced = in_pipe(*wish, '--replace', '--json', INFRA_URL=url)
    assert replaced.json['rows'] == 3
    backup = replaced.json['backup']
    assert rows(target, f'SELECT count(*) FROM {backup}.hello') == [(3,)]
