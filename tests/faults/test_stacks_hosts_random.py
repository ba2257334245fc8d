"""Two hosts that are killed, frozen and restarted at random while clients use both."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.conftest import Rounds
from tests.hosts import Cluster, cluster, everything, expected, send, service_alone
from tests.platform import Site, inputs
from tests.postgres import postgres

STACKS, BOUNDED = 10, 4
TEXTS = ('one', 'two', 'three')
SETTINGS = {'WORKERS': '3', 'TEST_DYING': '12'}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Cluster]:
    with postgres(connections=200) as database, cluster(database, tmp_path) as found:
        yield found


class Host:
    """A host that dies and comes back."""

    def __init__(self, shared: Cluster, name: str) -> None:
        self._shared = shared
        self._name = name
        self._entered: list[AbstractContextManager[Site]] = []
        self.site = self.start()

    def start(self) -> Site:
        context = self._shared.host(self._name, **SETTINGS)
        self.site = context.__enter__()
        self._entered.append(context)
        return self.site

    def close(self) -> None:
        for context in self._entered:
            context.__exit__(None, None, None)

    def kill(self) -> None:
        """Kill it as a whole, and start it again."""
        kill_at_once(everything(self.site))
        self.start()

    def kill_service(self) -> None:
        """Kill the service, and start it again."""
        send(service_alone(self.site), signal.SIGKILL)
        self.start()

    def kill_engines(self) -> None:
        """Kill what drives Pulumi."""
        own = service_alone(self.site)
        kill_at_once([pid for pid in everything(self.site) if pid not in own])

    def freeze(self) -> None:
        """Have it stand still for a while."""
        pids = everything(self.site)
        send(pids, signal.SIGSTOP)
        time.sleep(5)
        send(pids, signal.SIGCONT)

    def restart(self) -> None:
        """Stop it as an operator would, and start it again."""
        assert self.site.service.stop() == 0
        self.start()


def kill_at_once(pids: list[int]) -> None:
    """Kill processes, of which none sees another one die."""
    send(pids, signal.SIGSTOP)
    send(pids, signal.SIGKILL)


class Clients:
    """Orders runs at both hosts, and remembers what was acknowledged."""

    def __init__(self, hosts: list[Host], stacks: list[str], chance: random.Random) -> None:
        self.acknowledged: list[str] = []
        self._ended = threading.Event()
        self._hosts = hosts
        self._stacks = stacks
        self._chance = chance

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def work(self) -> None:
        """Order one thing after the other, until told to end."""
        while not self._ended.wait(0.3):
            with suppress(requests.RequestException):
                self._order(self._chance.choice(self._hosts).site)

    def _order(self, site: Site) -> None:
        name = self._chance.choice(self._stacks)
        operation = self._chance.choice(['update', 'update', 'refresh', 'preview'])
        body: dict[str, Any] = {'operation': operation, 'queue': True}
        if operation == 'update':
            body['inputs'] = {'text': self._chance.choice(TEXTS)}
        answer = site.client.call('POST', f'/stacks/{name}/runs', json=body)
        # 409: as many wait for the stack as may wait.
        assert answer.status_code in (202, 409, 503), answer.text
        if answer.status_code == 202:
            self.acknowledged.append(answer.json()['id'])


@pytest.mark.slow
def test_random_deaths(
    shared: Cluster,
    rounds: Rounds,
    whole: bool,
    seed: int,
) -> None:
    """Hosts die, freeze and restart at random: each run that was taken ends, and all is as told."""
    chance = random.Random(seed)
    stacks = [f'stack-{number}' for number in range(STACKS if whole else BOUNDED)]
    hosts = [Host(shared, name) for name in ('host-a', 'host-b')]
    clients = Clients(hosts, stacks, random.Random(seed + 1))
    try:
        site = hosts[0].site
        for run in [site.client.create(name, inputs('x', 'y')) for name in stacks]:
            site.client.done(run)
        with ThreadPoolExecutor(2) as pool, clients:
            working = [pool.submit(clients.work) for _ in range(2)]
            for _ in range(rounds(2, 20)):
                host = chance.choice(hosts)
                chance.choice(
                    [host.kill, host.kill_service, host.kill_engines, host.freeze, host.restart]
                )()
                time.sleep(chance.uniform(0, 3))
        for each in working:
            each.result()
        assert clients.acknowledged
        assert_true(shared, hosts, stacks, clients.acknowledged)
    finally:
        for host in hosts:
            host.close()


def assert_true(
    shared: Cluster, hosts: list[Host], stacks: list[str], acknowledged: list[str]
) -> None:
    """Assert that all runs end, that files are as was last applied, and that all can be removed."""
    first, second = (host.site.client for host in hosts)
    for run_id in acknowledged:
        run = first.ended({'id': run_id})
        assert run['state'] in ('succeeded', 'interrupted'), f'{run["error"]}\n{first.log(run)}'
        assert second.get(f'/runs/{run_id}')['state'] == run['state']
    assert not (shared.files / 'twice').exists()
    for name in stacks:
        applied = first.get(f'/runs?stack={name}&operation=update&limit=1')['items'][0]
        if applied['state'] == 'succeeded':
            assert shared.contents(name) == expected('x', 'y', text=applied['inputs']['text'])
    for run in [second.destroy(name) for name in stacks]:
        first.done(run)
    shared.assert_nothing_left()
