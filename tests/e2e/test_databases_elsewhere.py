"""Databases on a server that the service does not run, as somebody with few rights there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.database_server import query
from tests.databases import Databases
from tests.postgres import Database, postgres
from tests.service import serving

PASSWORD = 'planted-9247'
USER = 'provisioner'


@pytest.fixture(scope='module')
def server() -> Iterator[Database]:
    """A server on which somebody may make roles and databases, and nothing else."""
    with postgres() as found:
        run(found, f"CREATE ROLE {USER} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'")
        yield found


@pytest.fixture(scope='module')
def databases(server: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    folder = tmp_path_factory.mktemp('elsewhere')
    with serving(folder, DATABASE_SERVER=url(server)) as service:
        yield Databases(service)


def url(server: Database, password: str = PASSWORD, options: str = 'sslmode=disable') -> str:
    """Return what DATABASE_SERVER is to be."""
    place = urlsplit(server.url)
    return f'postgresql://{USER}:{password}@{place.hostname}:{place.port}/postgres?{options}'


def run(server: Database, command: str, database: str = 'postgres') -> None:
    """Do something as the operator of the server."""
    where = psycopg.connect(
        server.url, passfile=str(server.passfile), dbname=database, autocommit=True
    )
    with closing(where) as connection:
        connection.execute(command.encode())


def left(server: Database) -> set[str]:
    """Return the databases and users that somebody has made."""
    with closing(server.connect()) as connection:
        rows = connection.execute(
            'SELECT datname FROM pg_database WHERE oid >= 16384 '
            'UNION SELECT rolname FROM pg_roles WHERE oid >= 16384'
        )
        return {row[0] for row in rows} - {USER}


def test_few_rights(databases: Databases, server: Database) -> None:
    """CREATEDB and CREATEROLE are enough for all that is done with a database."""
    found = databases.create('app', name='app', reader='app_reader', delete_protection=False)
    query(found['url'], 'CREATE TABLE t AS SELECT 1 AS a')
    assert query(found['reader_url'], 'SELECT a FROM t') == [(1,)]
    for command in (
        'ALTER ROLE app PASSWORD $$other$$',
        'ALTER ROLE app CREATEDB CONNECTION LIMIT 3',
        'GRANT CONNECT ON DATABASE app TO PUBLIC',
        'REVOKE CONNECT ON DATABASE app FROM app_reader',
    ):
        run(server, command)
        assert databases.drift('app') == {'update': 1}, command
        databases.update('app')
        assert databases.drift('app') == {}, command
    databases.update('app', password_version=2, owner='app_owner', connection_limit=5)
    after = databases.outputs('app')
    query(after['url'], 'ALTER TABLE t ADD b int')
    assert query(after['reader_url'], 'SELECT a FROM t') == [(1,)]
    databases.destroy('app')
    assert left(server) == set()


def test_rights_elsewhere(databases: Databases, server: Database) -> None:
    """Rights that only others can take away are named; after that nothing is left of the user."""
    found = databases.create('far', name='far', delete_protection=False)
    run(server, 'CREATE DATABASE theirs')
    run(server, 'CREATE TABLE t (); GRANT SELECT ON t TO far', 'theirs')
    query(found['url'], 'CREATE TABLE t ()')
    said = databases.not_destroyed('far')
    assert 'DROP OWNED BY far, as a superuser, in the database theirs' in said
    run(server, 'DROP OWNED BY far', 'theirs')
    databases.destroy('far')
    assert left(server) == {'theirs'}
    run(server, 'DROP DATABASE theirs')


@pytest.mark.slow
def test_user_without_rights(server: Database, tmp_path: Path) -> None:
    """Who may not make roles is told what it takes."""
    run(server, "CREATE ROLE nobody_much LOGIN PASSWORD 'x'")
    address = url(server).replace(f'{USER}:{PASSWORD}', 'nobody_much:x')
    with serving(tmp_path, DATABASE_SERVER=address) as service:
        said = Databases(service).refused('app', name='app')
    assert 'needs CREATEDB and CREATEROLE' in said
    run(server, 'DROP ROLE nobody_much')


# Two of many, each on a service of its own; tests/unit/test_database_program.py has all words.
UNUSABLE = {
    'password': ('postgresql://{user}:planted-wrong-4417@{place}/postgres', 'does not let this'),
    'port': ('postgresql://{user}:planted-wrong-4417@127.0.0.1:9/postgres', 'does not answer'),
}


@pytest.mark.parametrize('what', ['password', pytest.param('port', marks=pytest.mark.slow)])
def test_server_that_cannot_be_used(server: Database, tmp_path: Path, what: str) -> None:
    """A setting that does not fit is told in words, without a password, and leaves nothing."""
    address, words = UNUSABLE[what]
    place = server.url.partition('@')[2].partition('/')[0]
    given = address.format(user=USER, place=place)
    with serving(tmp_path, DATABASE_SERVER=given) as service:
        found = Databases(service)
        said = found.refused('app', name='app')
        assert words in said
        log = found.client.log(found.client.get('/runs')['items'][-1])
        assert not [each for each in (said, log, service.log()) if 'planted' in each]
    assert left(server) == set()


def test_server_comes_back(databases: Databases, server: Database) -> None:
    """A server that is away is waited for a moment, and what failed can be done again."""
    with server.gone():
        said = databases.client.ended(
            databases.client.create('later', {'name': 'later'}, 'database')
        )
        assert 'does not answer' in said['error']['message']
    databases.update('later')
    assert query(databases.outputs('later')['url'], 'SELECT 1') == [(1,)]
    databases.destroy('later')
