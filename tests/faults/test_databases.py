"""Databases, while what they need is killed around them."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.database_server import DatabaseServer, query
from tests.databases import PROGRAM, Databases
from tests.doers import await_that
from tests.faults.conftest import Rounds
from tests.faults.lasting import Lasting, lasting
from tests.platform import Client
from tests.service import serving

CLIENTS = 8
# A run takes less than this, so that some are hit in each of their steps.
LATEST = 0.8
MOST_TRIES = 5
Run = dict[str, Any]


def given(name: str, version: int = 1) -> dict[str, Any]:
    """Return the inputs of a database with a reader."""
    return {'name': name, 'reader': f'{name}_reader', 'password_version': version}


def order(client: Client, name: str, operation: str) -> Run:
    """Order what is done with a database."""
    orders: dict[str, Callable[[], Run]] = {
        'create': lambda: client.create(name, given(name), program=PROGRAM),
        'update': lambda: client.start(name, 'update', inputs=given(name, 2)),
        'refresh': lambda: client.start(name, 'refresh', accept=True),
        'destroy': lambda: client.destroy(name),
    }
    return orders[operation]()


def assert_each_has_its_database(here: Lasting, server: DatabaseServer) -> None:
    """Assert that each stack's users get into its database, and that there is nothing else."""
    found = Databases(here.site.service)
    stacks = [each['name'] for each in here.client.get('/stacks?limit=200')['items']]
    assert server.databases() == set(stacks)
    assert server.roles() == {*stacks, *(f'{each}_reader' for each in stacks)}
    for stack in stacks:
        outputs = found.outputs(stack)
        for url in (outputs['url'], outputs['reader_url']):
            assert query(url, 'SELECT current_database()') == [(stack,)]


@pytest.mark.parametrize(
    'victim',
    [
        'server',
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ('backends', 'engine', 'provider', 'service', 'worker')
        ),
    ],
)
def test_killed_around_databases(
    tmp_path: Path,
    rounds: Rounds,
    victim: str,
    seed: int,
) -> None:
    """SIGKILL at any moment leaves no database without its stack, and no stack without its own."""
    moments = random.Random(seed)
    with lasting(tmp_path) as here:
        here.client.done(order(here.client, 'first', 'create'))
        server = DatabaseServer(here.site.service.state)
        here.client.done(here.client.destroy('first'))
        for number in range(rounds(1, 8)):
            name = f'database_{number}'.replace('_', '')
            for operation in ('create', 'update', 'refresh', 'destroy'):
                run = order(here.client, name, operation)
                time.sleep(moments.uniform(0, LATEST))  # a moment of its own each time
                strike(here, server, victim)
                here.bring_to_its_end(run, order, name, operation, tries=MOST_TRIES)
                await_that(lambda: is_up(server))
                assert_each_has_its_database(here, server)
        here.end()
    await_that(lambda: not server.all_processes())


def strike(here: Lasting, server: DatabaseServer, victim: str) -> None:
    """Kill something; a provider may not be there at that moment."""
    if victim == 'server':
        await_that(server.processes)
        here.kill_all(server.processes())
    elif victim == 'backends':
        here.kill_all(server.all_processes() - server.processes())
    else:
        here.strike(victim)


def is_up(server: DatabaseServer) -> bool:
    """Tell whether the server answers."""
    with suppress(psycopg.OperationalError, FileNotFoundError, ValueError):
        return bool(server.ask('SELECT 1'))
    return False


@pytest.mark.slow
def test_many_databases(tmp_path: Path, rounds: Rounds) -> None:
    """Many databases, made and destroyed by many clients at once, all end rightly; none is left."""
    count = rounds(4, 50)
    with lasting(tmp_path) as here:

        def live(name: str) -> None:
            found = Databases(here.site.service)
            url = found.create(name, **given(name))['url']
            assert query(url, 'SELECT current_database()') == [(name,)]
            found.destroy(name)

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(live, [f'database{number}' for number in range(count)]))
        server = DatabaseServer(here.site.service.state)
        assert (server.databases(), server.roles()) == (set(), set())
        here.end()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB of the test's own."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip('mounting a file system needs root')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '--lazy', str(folder)], check=True)


@pytest.mark.slow
def test_disk_full(tmp_path: Path, small_disk: Path) -> None:
    """On a full disk a database is refused in words, and made with room again; nothing is lost."""
    servers = small_disk / 'servers'
    servers.mkdir(mode=0o700)
    state = tmp_path / 'state'
    state.mkdir(mode=0o700)
    (state / 'servers').symlink_to(servers)
    with serving(tmp_path, STATE_DIR=str(state)) as service:
        found = Databases(service)
        before = found.create('before', name='before', delete_protection=False)
        query(before['url'], 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS a')
        filler = small_disk / 'filler'
        with suppress(OSError), filler.open('wb', buffering=0) as file:
            while True:
                file.write(b'\0' * 2**12)
        said = found.client.ended(found.client.create('during', {'name': 'during'}, PROGRAM))
        assert said['state'] == 'failed'
        assert 'Traceback' not in said['error']['message']
        filler.unlink()
        assert shutil.disk_usage(small_disk).free > 2**20
        await_that(lambda: is_up(found.server))
        found.update('during')
        assert query(before['url'], 'SELECT count(*) FROM t') == [(1000,)]
        found.destroy('during')
        found.destroy('before')
        assert (found.server.databases(), found.server.roles()) == (set(), set())
