"""Two hosts with one PostgreSQL for Pulumi's state, the records and the runs.

A host is a UTS namespace with a name of its own, as Pulumi's locks and the service read it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.paths import ROOT
from tests.platform import TOKEN, Site, lay_out, platform
from tests.postgres import Database

# As Pulumi keeps it: one row for each file that its file backend would have.
FILES = "select key, convert_from(decode(data->>'data', 'base64'), 'utf8') from pulumi_state"
NAMESPACE = 'unshare --uts'


@dataclass(frozen=True)
class Cluster:
    """What the hosts share; each has its own part of the folder."""

    database: Database
    folder: Path

    @contextmanager
    def host(self, name: str, **settings: str) -> Iterator[Site]:
        """Run a host's service; one with the name of another that is dead is that host again."""
        given = {
            'app': 'tests.faults.hosts_app:api',
            'within': f'{NAMESPACE} {sys.executable} {ROOT}/tests/named_host.py {name}',
            'STACK': name,
            'STATE_DIR': str(self.folder / name),
            'PULUMI_BACKEND_URL': self.database.url,
            'DATABASE_URL': self.database.url,
            'PGPASSFILE': str(self.database.passfile),
            'PULUMI_CONFIG_PASSPHRASE_FILE': str(self.folder / 'passphrase'),
            **settings,
        }
        with platform(self.folder, **given) as site:
            yield site

    @contextmanager
    def two(self, **settings: str) -> Iterator[tuple[Site, Site]]:
        """Run host-a and host-b, which start at the same moment."""
        with ExitStack() as running, ThreadPoolExecutor(2) as pool:
            starting = [
                pool.submit(running.enter_context, self.host(name, **settings))
                for name in ('host-a', 'host-b')
            ]
            first, second = [each.result() for each in starting]
            yield first, second

    @property
    def url(self) -> str:
        """The database's URL, with its password."""
        return self.database.url.replace('@', f':{self.database.password}@', 1)

    @property
    def files(self) -> Path:
        """The folder in which the files of all stacks are."""
        return self.folder / 'files'

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Return what is in the database."""
        with self.database.connect() as connection:
            return connection.execute(text.encode()).fetchall()

    def pulumi_files(self) -> dict[str, str]:
        """Return what Pulumi keeps, by its path."""
        return dict(self.query(FILES))

    def locks(self) -> list[str]:
        """Return Pulumi's locks."""
        return [key for key in self.pulumi_files() if '/locks/' in key]

    def in_state(self) -> list[Any]:
        """Return the resources and pending operations that Pulumi knows of."""
        found: list[Any] = []
        for key, text in self.pulumi_files().items():
            if '/stacks/' in key and key.endswith('.json'):
                latest = json.loads(text)['checkpoint']['latest'] or {}
                found += latest.get('resources') or []
                found += latest.get('pending_operations') or []
        return found

    def contents(self, stack: str) -> dict[str, str]:
        """Return a stack's files as they really are."""
        prefix = f'stack.{stack}-'
        found = sorted(self.files.glob(f'{prefix}*'))
        return {path.name.removeprefix(prefix): path.read_text() for path in found}

    def assert_nothing_left(self) -> None:
        """Assert that no stack, file, lock or resource is there any more."""
        assert self.query('select name from stacks') == []
        assert self.query("select id from runs where state in ('queued', 'running')") == []
        assert list(self.files.glob('stack.*')) == []
        assert (self.locks(), self.in_state()) == ([], [])
        # Pulumi keeps an empty copy of what a stack was.
        left = [key for key in self.pulumi_files() if '/stack.' in key]
        assert [key for key in left if not key.endswith('.json.bak')] == []


@contextmanager
def cluster(database: Database, folder: Path) -> Iterator[Cluster]:
    """Have hosts share a database that nobody has used since it was last emptied."""
    able = subprocess.run([*NAMESPACE.split(), 'true'], capture_output=True, check=False)
    if able.returncode != 0:
        pytest.skip('a host name of its own needs root')
    lay_out(folder)
    (folder / 'passphrase').write_text('shared by all hosts')
    with database.connect() as connection:
        connection.execute('drop schema public cascade; create schema public')
    yield Cluster(database, folder)


def expected(*names: str, text: str = 'hello') -> dict[str, str]:
    """Return what a stack's files must have in them."""
    return {name: f'{text} {TOKEN}' for name in names}


def everything(site: Site) -> list[int]:
    """Return all processes of a service, the service's own first."""
    master = site.service.process.pid
    return [master, *processes.descendants(master)]


def service_alone(site: Site) -> list[int]:
    """Return the processes of a service without those that drive Pulumi."""
    own = os.getsid(site.service.process.pid)
    return [pid for pid in everything(site) if processes.session(pid) == own]


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, of which some may have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
