"""Stacks that last on two hosts with one PostgreSQL, as docs/many-hosts.md lays them out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stacks.running import presence
from stacks.running.presence import LOOKS
from stacks.store.database import connect
from tests import processes
from tests.faults.held import await_that
from tests.hosts import Cluster, cluster, everything, expected
from tests.platform import TOKEN, Site, inputs
from tests.postgres import Database, postgres
from workspaces import history

COLUMNS = """select table_name, column_name from information_schema.columns
    where table_schema = 'public'"""


COPIED = """insert into pulumi_state (key, data)
    select regexp_replace(key, '-\\d{19}', '-' || (1600000000000000000 + number)), data
    from pulumi_state, generate_series(1, 40) as number
    where key like '%/history/files/stack.long%'"""
CUT = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
Hosts = tuple[Site, Site]


@pytest.fixture(scope='module')
def database() -> Iterator[Database]:
    with postgres() as found:
        yield found


@pytest.fixture(scope='module')
def shared(
    database: Database, tmp_path_factory: pytest.TempPathFactory, built_engine: object
) -> Iterator[Cluster]:
    with cluster(database, tmp_path_factory.mktemp('hosts')) as found:
        yield found


@pytest.fixture(scope='module')
def hosts(shared: Cluster) -> Iterator[Hosts]:
    """Both hosts, for all tests here; both know the database's password by their URLs."""
    url = shared.url
    urls = {'DATABASE_URL': url.replace('postgres:', 'postgresql:', 1), 'PULUMI_BACKEND_URL': url}
    with shared.two(PGPASSFILE='', WORKERS='1', **urls) as found:
        yield found


def executor(shared: Cluster, run: dict[str, Any]) -> str:
    """Return the host that does a run, as the service names it."""
    found = shared.query(f"select executor from runs where id = '{run['id']}'")
    return str(found[0][0] or '')[:6]


def test_both_come_up(shared: Cluster, hosts: Hosts) -> None:
    """Hosts that start at the same moment on an empty database all come up, with one vault."""
    assert shared.query('select count(salt) from vaults') == [(1,)]
    assert [site.client.get('/stacks')['items'] for site in hosts] == [[], []]


def test_any_host_does_it(shared: Cluster, hosts: Hosts) -> None:
    """What one host is too busy for another one does; both tell the same, and either cancels."""
    first, second = hosts
    slow = shared.files / 'slow'
    slow.touch()
    runs = [first.client.create(name, inputs('x', 'y')) for name in ('one', 'two')]
    await_that(lambda: sorted(executor(shared, each) for each in runs) == ['host-a', 'host-b'])
    one = runs[0]
    await_that(lambda: first.client.get(f'/runs/{one["id"]}')['resources'])
    other = second if executor(shared, one) == 'host-a' else first
    other.client.order('POST', f'/runs/{one["id"]}/cancel')
    # The engine hears of it, and lets the steps end that are under way.
    await_that(lambda: 'ancel' in other.client.log(one))
    slow.unlink()
    assert first.client.ended(one)['state'] == 'cancelled'
    second.client.done(runs[1])
    for run in runs:
        assert first.client.get(f'/runs/{run["id"]}') == second.client.get(f'/runs/{run["id"]}')
        assert first.client.log(run) == second.client.log(run) != ''
    assert shared.contents('two') == expected('x', 'y')
    second.client.done(second.client.start('one', 'update'))
    assert shared.contents('one') == expected('x', 'y')
    for run in [first.client.destroy(name) for name in ('one', 'two')]:
        second.client.done(run)
    shared.assert_nothing_left()


def test_expires_once(shared: Cluster, hosts: Hosts) -> None:
    """A stack whose time is over is destroyed once, however many hosts look for that."""
    first, second = hosts
    names = [f'brief-{number}' for number in range(3)]
    for run in [first.client.create(name, inputs('x'), ttl='1s') for name in names]:
        second.client.done(run)
    await_that(lambda: not shared.query('select name from stacks'))
    ended = [first.client.get(f'/runs?operation=destroy&stack={name}')['items'] for name in names]
    assert [[each['reason'] for each in runs] for runs in ended] == [['expired']] * len(names)
    shared.assert_nothing_left()


def test_presence(shared: Cluster, hosts: Hosts, tmp_path: Path) -> None:
    """A cut connection is made again before others notice; the server too looks for the vanished.

    A service whose connection is gone for good is dead after three looks.
    """
    records = connect(shared.url, tmp_path)
    with records.reading() as connection:
        assert connection.execute(sa.text('show tcp_keepalives_idle')).scalar_one() == '5'
        assert connection.execute(sa.text('show tcp_user_timeout')).scalar_one() == '10000'
    one, other = (presence.of_this_process(records, tmp_path) for _ in range(2))
    assert not other.is_dead(one.name)
    shared.query(CUT)
    assert one.is_sure()
    assert other.is_sure()
    assert [other.is_dead(one.name) for _ in range(4)] == [False] * 4
    one.close()
    looks = itertools.count()
    await_that(lambda: next(looks) < 0 or other.is_dead(one.name))
    assert next(looks) >= LOOKS
    other.close()
    records.close()


def test_history_is_shortened(shared: Cluster, hosts: Hosts) -> None:
    """Of a long history the newest entries stay, those of other stacks too, and runs go on."""
    client = hosts[0].client
    for run in [client.create(name, inputs('x')) for name in ('long', 'long-2')]:
        client.done(run)
    with shared.database.connect() as connection:
        # Entries of long ago, which are like the real one.
        connection.execute(COPIED)
    folders = [f'/.pulumi/history/files/stack.{name}/' for name in ('long', 'long-2')]
    real = [{key for key in shared.pulumi_files() if each in key} for each in folders]
    history.shorten_rows(f'{shared.url}&table=pulumi_state', folders[0], kept=3)
    left = [{key for key in shared.pulumi_files() if each in key} for each in folders]
    assert [len(each) for each in real] == [82, 82]
    assert [len(each) for each in left] == [6, 82]
    assert max(left[0]) == max(real[0])
    for run in [hosts[1].client.start(name, 'update') for name in ('long', 'long-2')]:
        client.done(run)
    for run in [client.destroy(name) for name in ('long', 'long-2')]:
        client.done(run)
    shared.assert_nothing_left()


def test_secrets_nowhere(shared: Cluster, hosts: Hosts) -> None:
    """A secret input is in no table, and the password of the database in no log or answer."""
    client = hosts[0].client
    client.done(client.create('secretly', inputs('s')))
    (shared.files / 'fail-update').touch()
    failed = client.ended(client.start('secretly', 'update', inputs={'text': 'more'}))
    (shared.files / 'fail-update').unlink()
    assert failed['state'] == 'failed'
    assert shared.contents('secretly') == expected('s')
    for table, column in shared.query(COLUMNS):
        found = shared.query(f'select "{column}"::text from "{table}"')
        assert not [row for row in found if TOKEN in (row[0] or '')], (table, column)
    assert not [key for key, text in shared.pulumi_files().items() if TOKEN in text]
    paths = ('/stacks', '/stacks/secretly', f'/runs/{failed["id"]}')
    told = [client.call('GET', path).text for path in paths] + [client.log(failed)]
    with shared.database.gone():
        told += [client.call('GET', path).text for path in paths]
    told += [processes.command_line(pid) for site in hosts for pid in everything(site)]
    told += [site.service.log() for site in hosts]
    assert not [text for text in told if TOKEN in text or shared.database.password in text]


@pytest.mark.parametrize(
    ('path', 'status'),
    [
        ('/v1/stacks/%00', 404),
        ('/v1/runs/%00', 404),
        ('/v1/stacks?owner=%00&text=%00', 200),
        ('/v1/runs?stack=%00', 200),
        ('/v1/runs?cursor=999999999', 200),
        ('/v1/runs?cursor=9999999999', 422),
        ('/portal/stacks/%00', 404),
        ('/portal/stacks?q=%00&owner=%00', 200),
        ('/portal/runs/%00', 404),
        ('/portal/runs?cursor=9999999999', 422),
    ],
)
def test_what_no_database_takes(hosts: Hosts, path: str, status: int) -> None:
    """Texts and numbers that PostgreSQL refuses are just names that nothing has."""
    assert hosts[0].service.get(path).status_code == status
