"""A service whose runs a test can hold in mid-update, its processes, and what clean means."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests import processes
from tests.service import Service, serving
from warm_pulumi.processes import session_members, start_time

PATIENCE = 60.0
# RUN_TIMEOUT, in seconds, with which a run gets to the middle of its update by either engine.
ENOUGH = {'warm': '6', 'cli': '15'}
ROLES: dict[str, Callable[[str], bool]] = {
    'engine': lambda line: '/pulumi-warm' in line or '/pulumi --non-interactive' in line,
    'provider': lambda line: 'pulumi-resource-random' in line,
    'host': lambda line: 'warm_pulumi/host' in line or 'pulumi-language-python ' in line,
}


class Gate:
    """The folder through which a test and its programs speak."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    @contextmanager
    def held(self, where: str = 'hold') -> Iterator[None]:
        """Hold runs in the body, and go on when the body ends.

        where: `hold` for after the resource is made, `hold-before` for before that.
        """
        with self.telling(where):
            yield
        for mark in self._folder.glob('held-*'):
            mark.unlink()

    @contextmanager
    def telling(self, what: str) -> Iterator[None]:
        """Tell runs in the body what to do: see the program."""
        (self._folder / what).touch()
        try:
            yield
        finally:
            (self._folder / what).unlink()

    def wait_until_held(self, how_many: int = 1) -> list[int]:
        """Wait until so many runs are held; return the pids of their programs."""
        await_that(lambda: len(self._pids()) >= how_many)
        return self._pids()

    def _pids(self) -> list[int]:
        return [int(mark.name.partition('-')[2]) for mark in self._folder.glob('held-*')]


class Held:
    """A running service on the program that can be held."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self.service = service
        self.gate = gate
        self._pool = ThreadPoolExecutor(16)
        self._sessions: set[int] = set()

    def send(self, path: str = '/uuid', **options: object) -> Future[requests.Response]:
        """Send a request without waiting for its answer."""
        return self._pool.submit(self.service.get, path, **options)

    def pids(self, role: str) -> list[int]:
        """Return the processes of the service that have a role now, and remember their sessions."""
        master = self.service.process.pid
        self._sessions |= processes.sessions(master)
        below = processes.descendants(master)
        if role == 'worker':
            return [each for each in below if processes.session(each) == os.getsid(master)]
        return [each for each in below if ROLES[role](processes.command_line(each))]

    def kill(self, role: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to every process of the service that has a role."""
        for pid in self.pids(role):
            with suppress(ProcessLookupError):  # It ended by itself meanwhile.
                os.kill(pid, number)

    def assert_clean(self) -> None:
        """Assert that requests succeed and that no lock, resource or process was left behind."""
        self.assert_serves()
        await_that(lambda: not self.leftover_processes())
        self.await_rest()

    def assert_ended(self) -> None:
        """Assert that the service ends by itself, as told, and leaves nothing."""
        assert self.service.process.wait(timeout=90) == 0
        await_that(lambda: not self.leftover_processes())
        assert self.locks() == []
        assert self.resources() == []

    def await_rest(self) -> None:
        """Wait until nothing is locked or left: a run or a recovery may be on its way to it."""
        # Together: between the steps of a recovery nothing is locked either.
        await_that(lambda: not self.locks() and not self.resources())

    def assert_serves(self) -> None:
        """Assert that a request succeeds; one that is told to come again does so."""
        ends_at = time.monotonic() + PATIENCE
        answer = self.service.get('/uuid')
        while 'retry-after' in answer.headers and time.monotonic() < ends_at:
            time.sleep(float(answer.headers['retry-after']))
            answer = self.service.get('/uuid')
        assert answer.status_code == 200, f'{answer.text}\n{self.service.log()}'

    def leftover_processes(self) -> list[str]:
        """Return what still runs of engines that were ended."""
        master = self.service.process.pid
        alive = processes.sessions(master) if start_time(master) else set()
        return [
            processes.command_line(pid)
            for session in self._sessions - alive
            for pid in session_members(session)
        ]

    def locks(self) -> list[Path]:
        return list((self._pulumi / 'locks').rglob('*.json'))

    def resources(self) -> list[object]:
        """Return the resources and pending operations that the state still has."""
        found: list[object] = []
        for checkpoint in self.checkpoints():
            latest = json.loads(checkpoint.read_text())['checkpoint']['latest'] or {}
            found += latest.get('resources') or []
            found += latest.get('pending_operations') or []
        return found

    def checkpoints(self) -> list[Path]:
        return list((self._pulumi / 'stacks').rglob('*.json'))

    @property
    def _pulumi(self) -> Path:
        return self.service.state / 'backend' / '.pulumi'


@contextmanager
def serving_held(folder: Path, within: str = '', **settings: str) -> Iterator[Held]:
    """Serve the program that can be held.

    within: the command line that starts the service's own.
    """
    gate = Gate(folder / 'gate')
    given = {'CHILD_ENV': 'GATE', 'GATE': str(folder / 'gate'), 'SLOTS': '2', **settings}
    with serving(folder, 'tests.faults.held_app:api', within=within, **given) as service:
        yield Held(service, gate)


def await_that(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail when it does not in time."""
    begun = time.monotonic()
    while not holds():
        waited = time.monotonic() - begun
        assert waited < PATIENCE, 'did not happen in time'
        # What is waited for happens in another process, which a look takes time from.
        time.sleep(min(0.1, max(0.02, waited / 10)))
