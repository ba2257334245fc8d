"""Two services on one PostgreSQL behind a load balancer, as docs/many-hosts.md lays them out."""

from __future__ import annotations

import functools
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests import balancer, nginx, processes
from tests.faults.held import Held, await_that, serving_held
from tests.paths import ROOT
from tests.postgres import Database, postgres
from tests.service import Service, serving

# As Pulumi keeps it: one row for each file that its file backend would have.
FILES = "select key, convert_from(decode(data->>'data', 'base64'), 'utf8') from pulumi_state"
# Takes the URLs of services, and yields what gets a path from one of them.
Get = Callable[[str], requests.Response]
Balanced = Callable[[Sequence[str]], AbstractContextManager[Get]]
# Of each there are as many through each balancer.
PATHS = ['/id', '/uuid', '/string'] * 4


@dataclass(frozen=True)
class Site:
    """What the hosts share, and where each keeps its own."""

    backend: Database
    folder: Path
    # Stack names are global on the backend, so no two tests use the same.
    mark: str

    def name(self, host: str) -> str:
        return f'{host}-{self.mark}'

    def settings(self, host: str) -> dict[str, str]:
        """Return the settings of a host, as the page says them."""
        return {
            'STACK': self.name(host),
            'STATE_DIR': str(self.folder / host),
            'PULUMI_BACKEND_URL': self.backend.url,
            'PGPASSFILE': str(self.backend.passfile),
            'PULUMI_CONFIG_PASSPHRASE_FILE': str(self.folder / 'passphrase'),
            'SLOTS': '2',
            'CHILD_ENV': 'GATE',
        }

    def serving(self, host: str) -> AbstractContextManager[Service]:
        return serving(self.folder, **self.settings(host))

    def serving_held(self, host: str) -> AbstractContextManager[Held]:
        """Serve the program that can be held; a host may be started again."""
        folder = self.folder / secrets.token_hex(4)
        folder.mkdir()
        return serving_held(folder, **self.settings(host))

    def locks(self, host: str) -> list[str]:
        """Return the locks on the stacks of a host."""
        return [key for key in self._files() if f'/{self.name(host)}' in key and '/locks/' in key]

    def resources(self, host: str) -> list[str]:
        """Return what the stacks of a host have in state, and what is pending there."""
        found = []
        for key, text in self._files().items():
            if '/stacks/' in key and f'/{self.name(host)}' in key and key.endswith('.json'):
                latest = json.loads(text)['checkpoint']['latest'] or {}
                found += [each['urn'] for each in latest.get('resources') or []]
                found += [each['type'] for each in latest.get('pending_operations') or []]
        return found

    def connections(self) -> int:
        with self.backend.connect() as connection:
            found = connection.execute('select count(usename) from pg_stat_activity').fetchall()
        return int(found[0][0])

    def _files(self) -> dict[str, str]:
        with self.backend.connect() as connection:
            return dict(connection.execute(FILES).fetchall())


@pytest.fixture(scope='module')
def backend() -> Iterator[Database]:
    # More than the usual 100, see test_connections_do_not_pile_up.
    with postgres() as found:
        yield found


@pytest.fixture
def site(tmp_path: Path, backend: Database, built_engine: object) -> Iterator[Site]:
    (tmp_path / 'passphrase').write_text('shared by all hosts')
    site = Site(backend, tmp_path, secrets.token_hex(4))
    yield site
    remove_stack_settings(site)


def remove_stack_settings(site: Site) -> None:
    for settings_file in ROOT.glob(f'**/Pulumi.*-{site.mark}*.yaml'):
        settings_file.unlink()


@contextmanager
def through_small_one(services: Sequence[str]) -> Iterator[Get]:
    with balancer.balancing(services) as address:
        yield lambda path: requests.get(address + path, timeout=120)


@contextmanager
def through_nginx(folder: Path, services: Sequence[str]) -> Iterator[Get]:
    with nginx.balancing(folder, services) as address:
        trusted = str(nginx.certificate(folder))
        yield lambda path: requests.get(address + path, timeout=120, verify=trusted)


@pytest.fixture
def balancers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Balanced]]:
    """The ways through a balancer: a small one of our own, and nginx as it is deployed.

    Without nginx the test is skipped when it has gone the other way.
    """
    missing = nginx.missing_tool()
    yield [
        through_small_one,
        *([] if missing else [functools.partial(through_nginx, tmp_path_factory.mktemp('nginx'))]),
    ]
    if missing:
        pytest.skip(f'{missing} is not here')


def values(get: Get) -> list[str]:
    """Send the mixed requests, some at once; return their values."""

    def value(path: str) -> str:
        answer = get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.json()['response'])

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(value, PATHS))


def runs(service: Service) -> int:
    return service.log().count('Successfully destroyed the stack')


def test_both_serve(site: Site, balancers: list[Balanced]) -> None:
    """Mixed requests through a balancer all succeed, and each host runs a part of them."""
    with site.serving('host-a') as first, site.serving('host-b') as second:
        for balanced in balancers:
            before = runs(first), runs(second)
            with balanced([first.url, second.url]) as get:
                assert len(values(get)) == len(PATHS)
            ran = runs(first) - before[0], runs(second) - before[1]
            assert all(ran)
            assert sum(ran) == len(PATHS)
    for host in ('host-a', 'host-b'):
        assert site.locks(host) == []
        assert site.resources(host) == []


def kill_in_a_run(host: Held) -> None:
    """Kill a host while it runs a request, which gets no answer."""
    with host.gate.held():
        doomed = host.send()
        host.gate.wait_until_held()
        processes.kill_tree(host.service.process.pid)
    with pytest.raises(requests.ConnectionError):
        doomed.result(timeout=90)


def test_killed_host(site: Site, balancers: list[Balanced]) -> None:
    """The other host goes on when one is killed, and the dead one's stack waits for its own."""
    with site.serving_held('host-a') as first, site.serving_held('host-b') as second:
        urls = [first.service.url, second.service.url]
        with ExitStack() as balancing:
            # They know both hosts before one dies.
            ways = [balancing.enter_context(balanced(urls)) for balanced in balancers]
            kill_in_a_run(first)
            left = site.locks('host-a'), site.resources('host-a')
            assert all(left)
            for get in ways:
                values(get)
        assert runs(second.service) == len(PATHS) * len(ways)
        assert (site.locks('host-a'), site.resources('host-a')) == left


@pytest.mark.slow
def test_restarted_host(site: Site) -> None:
    """A host that was killed in mid-run and comes back destroys what it had left."""
    with site.serving_held('host-a') as first:
        kill_in_a_run(first)
    assert site.locks('host-a')
    assert site.resources('host-a')
    with site.serving_held('host-a') as again:
        again.assert_serves()
        # What recovers it works beside the requests, which may be on another stack by then.
        await_that(lambda: site.locks('host-a') == [] == site.resources('host-a'))
        assert f'recovering stack organization/held/{site.name("host-a")}' in again.service.log()


@pytest.mark.slow
def test_replaced_host(site: Site) -> None:
    """A new machine with a dead one's names, and nothing else of it, cleans up after it too."""
    with site.serving_held('host-a') as first:
        kill_in_a_run(first)
    shutil.rmtree(site.folder / 'host-a')
    remove_stack_settings(site)
    assert site.locks('host-a')
    with site.serving_held('host-a') as new:
        new.assert_serves()
        await_that(lambda: site.locks('host-a') == [] == site.resources('host-a'))


def test_connections_do_not_pile_up(site: Site) -> None:
    """A host has no more connections after many runs than after one."""
    with site.serving('host-a') as service:
        counts = []
        for _ in range(4):
            assert service.get('/uuid').status_code == 200
            counts.append(site.connections())
    assert counts[-1] <= counts[0] + 2


def test_password_in_url(site: Site) -> None:
    """A password in the backend's URL opens it, and a refusal does not put it into the log."""
    password = site.backend.passfile.read_text().rpartition(':')[2]
    for number, given in enumerate([password, 'planted-password']):
        url = site.backend.url.replace('@', f':{given}@', 1)
        settings = {**site.settings(f'host-{number}'), 'PULUMI_BACKEND_URL': url}
        with serving(site.folder, **settings) as service:
            assert service.get('/uuid').status_code == (503 if number else 200)
            assert given not in service.log()
    assert 'password authentication failed' in service.log()
