"""The program `database`: what is wrong with a server, in words, and what can be a name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.paths import ROOT

PROGRAM = ROOT / 'programs' / 'database'
HERE = 'connection failed: connection to server at "127.0.0.1", port 5 failed: '
# What PostgreSQL says to those who cannot connect (18), and what people are told.
CONNECTING = {
    HERE + 'FATAL:  password authentication failed for user "u"': 'does not let this service in',
    HERE + 'fe_sendauth: no password supplied': 'does not let this service in',
    "failed to resolve host 'x': Name or service not known": 'no host of its name',
    HERE + 'Connection refused\n\tIs the server running?': 'it does not answer',
    'connection timeout expired': 'it does not answer',
    HERE + 'FATAL:  no pg_hba.conf entry for host "h", user "u", database "d", no encryption': (
        'wants TLS'
    ),
    HERE + 'server does not support SSL, but SSL was required': 'has no TLS',
    HERE + 'SSL error: certificate verify failed': 'another certificate',
    HERE + 'FATAL:  role "u" is not permitted to log in': 'may not log in',
    HERE + 'FATAL:  permission denied for database "d"\nDETAIL:  User does not have CONNECT '
    'privilege.': 'may not enter',
    HERE + 'FATAL:  too many connections for role "u"': 'as many are connected',
    HERE + 'FATAL:  database "d" does not exist': 'no such user or database',
    'consuming input failed: server closed the connection unexpectedly': 'was restarted',
    'something else, planted-5512': 'the connection to the server has failed',
}
DONE: dict[type[psycopg.Error], str] = {
    psycopg.errors.InsufficientPrivilege: 'needs CREATEDB and CREATEROLE',
    psycopg.errors.DuplicateDatabase: 'there is one of this name already',
    psycopg.errors.DuplicateObject: 'there is one of this name already',
    psycopg.errors.DiskFull: 'the disk of the server is full',
    psycopg.errors.QueryCanceled: 'it took too long',
    psycopg.errors.LockNotAvailable: 'has it locked',
    psycopg.errors.ReadOnlySqlTransaction: 'can only be read',
    psycopg.errors.AdminShutdown: 'was restarted',
    psycopg.errors.TooManyConnections: 'as many are connected',
}


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the program's modules be imported, and forgotten."""
    monkeypatch.syspath_prepend(str(PROGRAM))
    yield
    for name in [each for each in sys.modules if each.split('.')[0] in ('postgresql', 'names')]:
        del sys.modules[name]


def module(name: str) -> Any:
    return importlib.import_module(name)


@pytest.mark.parametrize('said', CONNECTING)
def test_connecting_fails(said: str) -> None:
    """Why nobody can connect is told in words, and nothing else of what the server said."""
    words = module('postgresql.words').reason(psycopg.OperationalError(said))
    assert CONNECTING[said] in words
    assert 'FATAL' not in words
    assert 'planted' not in words


@pytest.mark.parametrize('kind', DONE)
def test_command_fails(kind: type[psycopg.Error]) -> None:
    """Why a command fails is told in words, by its code."""
    assert DONE[kind] in module('postgresql.words').reason(kind('planted-5512'))


def test_other_errors_are_not_hidden() -> None:
    """A defect of the program stays what it is."""
    words = module('postgresql.words')
    with pytest.raises(KeyError), words.in_words('Nothing is made'):
        raise KeyError('x')


@pytest.mark.parametrize('name', ['a', '_', 'a1_b', 'x' * 63])
def test_names_that_can_be(name: str) -> None:
    """Names that PostgreSQL takes without quotes, and whole, are taken."""
    module('names').check(name, name, '')


@pytest.mark.parametrize('name', ['', 'A', '1', 'a-b', 'ä', 'x' * 64, 'a\n', 'pg_x', 'postgres'])
def test_names_that_cannot_be(name: str) -> None:
    """Others are refused, in words."""
    with pytest.raises(Exception, match='cannot be'):
        module('names').check('app', name, '')


@pytest.mark.parametrize(
    ('server', 'wanted'),
    [
        ('postgresql://admin@127.0.0.1:5433/postgres?sslmode=disable', '127.0.0.1:5433'),
        ('postgresql://admin@db.example.com/x', 'db.example.com:5432'),
        ('postgresql://admin@[::1]:5433/x', '[::1]:5433'),
    ],
)
def test_address(server: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database's URL has the server's place and its mode of TLS, and the user's own password."""
    monkeypatch.setenv('POSTGRESQL_URL', server)
    found = module('postgresql.address').url('app', 'p/w', 'app')
    assert found.startswith(f'postgresql://app:p%2Fw@{wanted}/app')
    assert found.endswith('?sslmode=disable') == ('sslmode' in server)


def test_state_of_a_newer_version() -> None:
    """What a newer version has made is refused, not taken for something else."""
    form = module('postgresql.form')
    with pytest.raises(RuntimeError, match='newer version'):
        form.current({'form': form.FORM + 1})


def test_modules_are_small() -> None:
    """The program stays one of small modules."""
    files = list((PROGRAM / 'postgresql').glob('*.py'))
    assert files
    assert [file.name for file in files if len(Path(file).read_text().splitlines()) > 200] == []
