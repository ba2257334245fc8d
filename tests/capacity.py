"""A service with pools of workers, as a client, as their users and as their machine see them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from servers import ports
from tests import processes
from tests.paths import ROOT
from tests.platform import Client
from tests.service import Service, serving

PROGRAM = 'capacity'
# What gunicorn's own client needs is in the program's venv.
CONTROL = ROOT / 'programs' / PROGRAM / 'venv' / 'bin' / 'gunicornc'


class Pools:
    """The pools of a service, as they are on its machine."""

    def __init__(self, state: Path) -> None:
        self._folder = state / 'servers' / 'processes'

    def folder(self, stack: str) -> Path:
        """Return where what a pool runs from is."""
        return self._folder / stack

    def processes(self, stack: str) -> set[int]:
        """Return the ids of all processes of a pool, however they are related."""
        wanted = f' {self.folder(stack)}/pool.py '
        found = (int(each) for each in os.listdir('/proc') if each.isdigit())
        return {pid for pid in found if wanted in processes.command_line(pid)}

    def master(self, stack: str) -> int:
        """Return the id of the process that has a pool's workers."""
        return int((self.folder(stack) / 'pid').read_text())

    def workers(self, stack: str) -> set[int]:
        """Return the ids of a pool's workers."""
        return self.processes(stack) - {self.master(stack)}

    def by_hand(self, stack: str, command: str) -> None:
        """Do what somebody does on the machine, such as `worker remove 1`."""
        subprocess.run(
            # A socket's address is short, and the folder is where the command is.
            [CONTROL, '--socket', 'control', '--command', command],
            check=True,
            cwd=self.folder(stack),
            capture_output=True,
        )

    def kill(self, stack: str) -> None:
        """Kill all processes of a pool; the master starts others as long as it lives."""
        while found := self.processes(stack):
            for pid in sorted(found):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def names(self) -> set[str]:
        """Return the names of all pools of which there is something."""
        if not self._folder.exists():
            return set()
        return {folder.name for folder in self._folder.iterdir()}

    @contextmanager
    def none_left(self) -> Iterator[None]:
        """Kill the pools that a body which fails has left."""
        try:
            yield
        finally:
            for name in self.names():
                self.kill(name)


class Capacity(Pools):
    """A service with pools, and their processes."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.state)
        self.service = service
        self.client = Client(service.url)
        self.client.wait_until_up()

    def create(self, stack: str, **inputs: Any) -> dict[str, Any]:
        """Make a pool; return its outputs."""
        self.client.done(self.client.create(stack, inputs, program=PROGRAM))
        return self.outputs(stack)

    def refused(self, stack: str, **inputs: Any) -> str:
        """Order a pool that cannot be; return why, with nothing of it left."""
        run = self.client.ended(self.client.create(stack, inputs, program=PROGRAM))
        assert run['state'] == 'failed', run
        self.destroy(stack)
        return str(run['error']['message'])

    def outputs(self, stack: str) -> dict[str, Any]:
        return dict(self.client.get(f'/stacks/{stack}/outputs'))

    def update(self, stack: str, **inputs: Any) -> dict[str, Any]:
        """Update a pool with some inputs changed; return the run."""
        return self.client.done(self.client.start(stack, 'update', inputs=inputs))

    def drift(self, stack: str) -> dict[str, int]:
        """Return what a look finds changed outside."""
        self.client.done(self.client.start(stack, 'refresh'))
        return dict(self.client.get(f'/stacks/{stack}')['drift']['changes'])

    def destroy(self, stack: str) -> None:
        self.client.done(self.client.destroy(stack))


@contextmanager
def capacity_of(folder: Path, **settings: str) -> Iterator[Capacity]:
    """Serve pools, and leave no process of them behind."""
    with serving(folder, **settings) as service:
        found = Capacity(service)
        with found.none_left():
            yield found


def answer(url: str) -> dict[str, Any]:
    """Return what a worker answers."""
    found = requests.get(url, timeout=60)
    assert found.status_code == 200, found.text
    return dict(found.json())


@contextmanager
def taken_port() -> Iterator[int]:
    """Yield a port that something else listens on."""
    [port] = ports.choose(1)
    with socket.create_server(('127.0.0.1', port)):
        yield port
