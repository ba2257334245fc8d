"""A platform whose service a test may kill and start again, and what must be true of it then."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests import processes
from tests.faults.held import await_that
from tests.platform import TOKEN, Client, Site, platform

ENDED = {'succeeded', 'failed', 'cancelled', 'interrupted'}
DIED = 'The service that did this run has died.'
ROLES: dict[str, Callable[[str], bool]] = {
    'engine': lambda line: '/pulumi-warm' in line or '/pulumi --non-interactive' in line,
    'host': lambda line: 'warm_pulumi/host' in line or 'pulumi-language-python ' in line,
    'program': lambda line: 'pulumi-language-python-exec' in line,
    'provider': lambda line: 'pulumi-resource-pulumi-python' in line or '-m pulumi.dynamic' in line,
}

Run = dict[str, Any]
Order = Callable[[Client, str, str], Run]


class Lasting:
    """A platform on one state folder, served by one service after the other."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self._served: AbstractContextManager[Site] | None = None
        self._told: set[str] = set()
        self._watched = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.start()
        self._watcher.start()

    @property
    def client(self) -> Client:
        """A client of the service as it is now."""
        return self.site.client

    @property
    def files(self) -> Path:
        """The folder of the stacks' files, and of the marks."""
        return self.site.files

    def start(self, **settings: str) -> None:
        """Start a service."""
        self._served = platform(self._folder, **{**self._settings, **settings})
        self.site = self._served.__enter__()

    def stop(self) -> int:
        """Stop the service as an operator would; return its exit code."""
        code = self.site.service.stop()
        self._close()
        return code

    def kill(self) -> None:
        """Kill the whole service: gunicorn's master and its worker."""
        master = self.site.service.process
        workers = self.pids('worker')
        master.kill()
        for pid in workers:
            kill(pid)
        master.wait()
        self._close()

    def restart(self) -> None:
        """Kill the whole service and start it again."""
        self.kill()
        self.start()

    def bring_to_its_end(
        self, run: Run, order: Order, name: str, operation: str, *, tries: int
    ) -> None:
        """Wait until an operation has succeeded, done again where the kill had it fail.

        order: does an operation on a stack, by its name.
        """
        for _ in range(tries):
            ended = self.client.ended(run)
            if ended['state'] == 'succeeded':
                return
            assert ended['error']['message'], ended
            # The stack is there by now.
            is_made = operation == 'create'
            run = (
                self.client.start(name, 'update')
                if is_made
                else order(self.client, name, operation)
            )
        raise AssertionError(f'{operation} does not succeed: {ended["error"]}')

    def strike(self, role: str) -> int:
        """Kill whatever of the service has a role; return how many processes that were."""
        if role == 'service':
            self.restart()
            return 1
        found = self.pids(role)
        self.kill_all(found)
        return len(found)

    def kill_all(self, pids: Iterable[int]) -> None:
        """Kill some processes, and wait until the platform answers again."""
        for pid in pids:
            kill(pid)
        await_that(self.is_up)

    def is_up(self) -> bool:
        """Tell whether the platform answers."""
        try:
            return self.client.call('GET', '/stacks').status_code == 200
        except requests.ConnectionError:
            return False

    def pids(self, role: str) -> list[int]:
        """Return the processes of the service that have a role now."""
        master = self.site.service.process.pid
        below = processes.descendants(master)
        if role == 'worker':
            return [each for each in below if processes.session(each) == os.getsid(master)]
        found = [each for each in below if ROLES[role](processes.command_line(each))]
        if role == 'program':
            # Of the host and what it forked for one program, only the latter.
            hosts = [each for each in found if set(processes.descendants(each)) & set(found)]
            forked = [each for each in found if each not in hosts]
            return [each for each in forked if processes.name(each) != 'pulumi-dynamic']
        return found

    def service(self) -> list[int]:
        """Return gunicorn's processes, without what they have started for runs."""
        return [self.site.service.process.pid, *self.pids('worker')]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold runs in whatever they do with a resource, as long as the body lasts."""
        slow = self.files / 'slow'
        slow.touch()
        try:
            yield
        finally:
            slow.unlink()

    def wait_until_held(self, operation: str) -> None:
        """Wait until a run is held there, which it was not before."""
        waiting = self.files / f'waiting-{operation}'
        waiting.unlink(missing_ok=True)
        await_that(waiting.exists)

    def done(self) -> list[str]:
        """Return what was done with files, in turn, as `create stack.NAME-FILE`."""
        file = self.files / 'done'
        return file.read_text().splitlines() if file.exists() else []

    def resources(self, run: dict[str, Any]) -> list[Any]:
        """Return the resources that a run has come to."""
        return list(self.client.get(f'/runs/{run["id"]}')['resources'])

    def all_runs(self) -> list[dict[str, Any]]:
        """Return all runs that are stored, the newest first."""
        found: list[dict[str, Any]] = []
        cursor = ''
        while True:
            page = self.client.get(f'/runs?limit=200{cursor}')
            found += page['items']
            if page['next'] is None:
                return found
            cursor = f'&cursor={page["next"]}'

    def assert_ended(self, *acknowledged: str) -> None:
        """Assert that every run ends, and that each acknowledged one is among them."""
        for run in self.all_runs():
            self.client.ended(run)
        found = {run['id']: run for run in self.all_runs()}
        assert set(acknowledged) <= set(found)
        assert {run['state'] for run in found.values()} <= ENDED
        assert all(run['ended_at'] for run in found.values())
        assert not (self.files / 'twice').exists()

    def assert_files(self) -> None:
        """Assert that the files are those of the stacks' inputs, and that there are no others."""
        stacks = self.client.get('/stacks?limit=200')['items']
        wanted = {
            f'stack.{stack["name"]}-{name}': stack['inputs']['text']
            for stack in stacks
            for name in stack['inputs']['names']
        }
        found = {file.name: file.read_text() for file in self.files.glob('stack.*')}
        assert found == {name: f'{text} {TOKEN}' for name, text in wanted.items()}

    def end(self) -> None:
        """Destroy all stacks, and assert that nothing is left of them and nothing was told."""
        for stack in self.client.get('/stacks?limit=200')['items']:
            self.client.done(self.client.destroy(stack['name']))
        assert self.client.get('/stacks')['items'] == []
        assert [file.name for file in self.files.glob('stack.*')] == []
        assert self.site.in_state() == []
        assert self.site.locks() == []
        self.assert_ended()
        assert self.stop() == 0
        await_that(lambda: not self.processes())
        self.assert_untold()

    def assert_untold(self) -> None:
        """Assert that the secret is in nothing that is kept, and was in no command line."""
        state = self.site.service.state
        kept = [*state.rglob('*'), *self._folder.glob('*.log')]
        told = [path for path in kept if path.is_file() and TOKEN.encode() in path.read_bytes()]
        assert told == []
        with closing(sqlite3.connect(state / 'platform.db')) as database:
            assert not [line for line in database.iterdump() if TOKEN in line]
        assert self._told == set()

    def processes(self) -> dict[int, str]:
        """Return the command lines of all that runs for this platform, whoever started it."""
        mark = f'FILES={self._folder / "files"}'.encode()
        found = (int(each) for each in os.listdir('/proc') if each.isdigit())
        return {pid: processes.command_line(pid) for pid in found if mark in environment(pid)}

    def close(self) -> None:
        """Stop what a test that failed may have left."""
        self._watched.set()
        self._watcher.join()
        self._close()

    def _watch(self) -> None:
        while not self._watched.wait(0.3):
            self._told |= {line for line in self.processes().values() if TOKEN in line}

    def _close(self) -> None:
        served, self._served = self._served, None
        if served is not None:
            served.__exit__(None, None, None)


@contextmanager
def lasting(folder: Path, **settings: str) -> Iterator[Lasting]:
    """Have a platform, and end all that belongs to it."""
    found = Lasting(folder, settings)
    try:
        yield found
    finally:
        found.close()
        for pid in found.processes():
            kill(pid)


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process, which may have ended by itself meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def environment(pid: int) -> list[bytes]:
    """Return the variables that a process was started with; none when it has ended."""
    try:
        return Path(f'/proc/{pid}/environ').read_bytes().split(b'\0')
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
