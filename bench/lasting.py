"""Stacks that last: from an order to its end, against the plain way; lists, idling, memory."""

from __future__ import annotations

import functools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from pulumi import automation as auto

import engine
from bench.timing import Sample
from stacks.moments import now
from stacks.store import database
from stacks.store.tables import runs, stacks
from tests import processes
from tests.service import Service

PROGRAM = 'burner-program'
PATIENCE = 120.0
IDLE_SECONDS = 20.0
MANY_STACKS, MANY_RUNS = 1000, 10_000


class Platform:
    """A client of `/v1`, and the service behind it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._url = service.url + '/v1'
        # Each thread has a connection of its own.
        self._local = threading.local()

    def create(self, name: str) -> None:
        """Order a stack of one resource, and wait until it is there."""
        inputs = {'request': 'uuid'}
        self._order('/stacks', {'program': PROGRAM, 'name': name, 'inputs': inputs})

    def update(self, name: str) -> None:
        """Order an update, and wait until it is done."""
        self._order(f'/stacks/{name}/runs', {'operation': 'update'})

    def destroy(self, name: str) -> None:
        """Order the end of a stack, and wait for it."""
        self._order(f'/stacks/{name}/runs', {'operation': 'destroy'})

    def get(self, path: str) -> requests.Response:
        """Return a good answer."""
        answer = self._session.get(self._url + path, timeout=PATIENCE)
        answer.raise_for_status()
        return answer

    def wait_until_up(self) -> None:
        """Wait until the platform has come up."""
        while self._session.get(f'{self._url}/stacks', timeout=PATIENCE).status_code != 200:
            time.sleep(0.05)  # it comes up beside the service

    def _order(self, path: str, body: dict[str, Any]) -> None:
        # A long wait is for four at once; the others have to ask.
        headers = {'Prefer': 'wait=60'}
        answer = self._session.post(self._url + path, json=body, headers=headers, timeout=PATIENCE)
        answer.raise_for_status()
        run = answer.json()
        while not run['ended_at']:
            time.sleep(0.02)  # the service does not call back
            run = self.get(f'/runs/{run["id"]}').json()
        if run['state'] != 'succeeded':
            raise RuntimeError(f'a run failed: {run["error"]}')

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._local, 'session'):
            self._local.session = requests.Session()
        found: requests.Session = self._local.session
        return found


class Plain:
    """Stacks of one program by the plain Automation API and the stock CLI."""

    def __init__(self, folder: Path, program: Path, found: engine.Engine, **variables: str) -> None:
        """Take a folder for its state, and variables that the program gets."""
        self._program = program
        backend = folder / 'backend'
        backend.mkdir(parents=True)
        path = [str(program / 'venv/bin'), str(found.bin), os.environ['PATH']]
        self._options = auto.LocalWorkspaceOptions(
            pulumi_command=auto.PulumiCommand(str(found.pulumi.parent.parent)),
            env_vars={
                'PATH': os.pathsep.join(path),
                'PULUMI_BACKEND_URL': backend.as_uri(),
                'PULUMI_CONFIG_PASSPHRASE': 'benchmark',
                'PULUMI_HOME': str(folder / 'home'),
                'PULUMI_SKIP_UPDATE_CHECK': 'true',
                **variables,
            },
        )

    def create(self, name: str, **inputs: str) -> auto.UpResult:
        """Make a stack."""
        stack = self._stack(name)
        for key, value in inputs.items():
            stack.set_config(key, auto.ConfigValue(value=value))
        return stack.up(on_output=lambda line: None)

    def destroy(self, name: str) -> None:
        """Destroy it."""
        stack = self._stack(name)
        stack.destroy(on_output=lambda line: None)
        stack.workspace.remove_stack(name)

    def _stack(self, name: str) -> auto.Stack:
        full = auto.fully_qualified_stack_name('organization', self._program.name, name)
        return auto.create_or_select_stack(full, work_dir=str(self._program), opts=self._options)


def orders(platform: Platform, by_hand: Plain, rounds: int) -> dict[str, Any]:
    """Time the making of a stack, both ways in turn."""
    samples = {'platform': Sample(), 'plain': Sample()}
    platform.create('warm-up')
    for number in range(rounds):
        samples['plain'].measure(
            functools.partial(by_hand.create, f'plain-{number}', request='uuid')
        )
        for each in range(5):
            name = f'made-{number}-{each}'
            samples['platform'].measure(functools.partial(platform.create, name))
            platform.destroy(name)
    return {name: sample.summary() for name, sample in samples.items()}


def throughput(platform: Platform, count: int, seconds: float) -> dict[str, float]:
    """Let so many stacks be updated again and again for some seconds."""
    names = [f'busy-{count}-{number}' for number in range(count)]
    latencies = Sample()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(platform.create, names))
        ends_at = time.monotonic() + seconds

        def go(name: str) -> None:
            while time.monotonic() < ends_at:
                latencies.measure(lambda: platform.update(name))

        started = time.monotonic()
        list(pool.map(go, names))
        wall = time.monotonic() - started
        list(pool.map(platform.destroy, names))
    return {
        'stacks': count,
        'runs': len(latencies.seconds),
        'runs_per_second': len(latencies.seconds) / wall,
        'p50': latencies.quantile(0.50),
        'p95': latencies.quantile(0.95),
    }


def lists(platform: Platform) -> dict[str, Any]:
    """Time the first page of many stacks and of many runs."""
    _fill(platform.service.state)
    samples = {'stacks': Sample(), 'runs': Sample()}
    for _ in range(50):
        for name, sample in samples.items():
            sample.measure(functools.partial(platform.get, f'/{name}?limit=50'))
    return {name: sample.summary() for name, sample in samples.items()}


def idle(platform: Platform) -> dict[str, float]:
    """Return what a service that is asked nothing takes of a core, and of memory."""
    tree = _tree(platform.service)
    before = sum(map(processes.processor_seconds, tree))
    started = time.monotonic()
    time.sleep(IDLE_SECONDS)  # what is measured is that time passes
    used = sum(map(processes.processor_seconds, tree)) - before
    return {
        'share_of_core': used / (time.monotonic() - started),
        'service_mb': sum(map(processes.resident, _own(platform.service))) / 1e6,
        'all_mb': sum(map(processes.resident, tree)) / 1e6,
    }


def _fill(state: Path) -> None:
    """Write many stacks and runs into the records, as if they had been ordered long ago."""
    empty: dict[str, Any] = {'plain': {}, 'secret': {}}
    common = {'program': PROGRAM, 'inputs': empty, 'created_at': now()}
    opened = database.connect('', state)
    with opened.writing() as connection:
        connection.execute(
            stacks.insert(),
            [
                {**common, 'name': f'many-{number:05}', 'state': 'ready', 'owner': 'bench'}
                for number in range(MANY_STACKS)
            ],
        )
        done = {'state': 'succeeded', 'operation': 'update', 'caller': 'bench', 'ended_at': now()}
        connection.execute(
            runs.insert(),
            [
                {**common, **done, 'id': f'run_many{number}', 'stack': f'many-{number % 1000:05}'}
                for number in range(MANY_RUNS)
            ],
        )
    opened.close()


def _tree(service: Service) -> list[int]:
    return [service.process.pid, *processes.descendants(service.process.pid)]


def _own(service: Service) -> list[int]:
    """Return the processes of the service itself: engines lead sessions of their own."""
    own = processes.session(service.process.pid)
    return [pid for pid in _tree(service) if processes.session(pid) == own]
