"""A real MariaDB on a free port of loopback, for as long as a test needs it."""

from __future__ import annotations

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

import pymysql

from tests.ports import free_port

TOOLS = ('mariadbd', 'mariadb-install-db')
START_DEADLINE = 60.0
STOP_DEADLINE = 30.0
USER = 'owner'
DATABASE = 'source'


@dataclass(frozen=True)
class MariaDatabase:
    """An empty database of a server, its port and the password of its user."""

    port: int
    password: str
    process: subprocess.Popen[bytes]
    command: tuple[Any, ...]
    owner: dict[str, Any]

    @property
    def url(self) -> str:
        return f'mysql://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}'

    def connect(self, database: str | None = DATABASE) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host='127.0.0.1',
            port=self.port,
            user=USER,
            password=self.password,
            database=database,
            autocommit=True,
        )

    def execute(self, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        with self.connect() as connection, connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)


def missing_tool() -> str | None:
    """Return the name of a tool that is needed and not here."""
    return next((tool for tool in TOOLS if not shutil.which(tool, path=_path())), None)


@contextmanager
def mariadb(*options: str) -> Iterator[MariaDatabase]:
    """Run a server with an empty database."""
    with tempfile.TemporaryDirectory(prefix='mariadb-') as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / 'data'
        data.mkdir()
        owner: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam('nobody')
            os.chown(data, nobody.pw_uid, nobody.pw_gid)
            owner = {'user': nobody.pw_uid, 'group': nobody.pw_gid, 'extra_groups': []}
        password = secrets.token_hex(16)
        initial = data / 'initial.sql'
        initial.write_text(
            f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            f"GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;\n"
            f'CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;\n'
        )
        if owner:
            os.chown(initial, owner['user'], owner['group'])
        subprocess.run(
            [
                *(_tool('mariadb-install-db'), '--no-defaults', f'--datadir={data}'),
                *('--skip-test-db', '--auth-root-authentication-method=normal'),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=data,
            **owner,
        )
        port = int(free_port())
        command = (
            *(_tool('mariadbd'), '--no-defaults', f'--datadir={data}', '--bind-address=127.0.0.1'),
            '--skip-name-resolve',
            *(f'--port={port}', f'--socket={data}/s', f'--pid-file={data}/pid', '--sync-binlog=0'),
            *('--innodb-flush-log-at-trx-commit=0', f'--init-file={initial}', *options),
        )
        with (folder / 'log').open('wb') as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=data, **owner
            )
        try:
            found = MariaDatabase(port, password, process, command, owner)
            _wait_until_ready(found, folder / 'log')
            initial.unlink()
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_DEADLINE)
            finally:
                process.kill()
                process.wait()


def _wait_until_ready(found: MariaDatabase, log: Path) -> None:
    ends_at = time.monotonic() + START_DEADLINE
    while True:
        try:
            found.connect().close()
            return
        except pymysql.MySQLError:
            assert found.process.poll() is None, log.read_text()
            assert time.monotonic() < ends_at, log.read_text()
            time.sleep(0.1)


def _tool(name: str) -> str:
    found = shutil.which(name, path=_path())
    assert found
    return found


def _path() -> str:
    # Servers are where only root's PATH looks.
    return f'{os.environ.get("PATH", "")}:/usr/sbin:/usr/local/sbin'
