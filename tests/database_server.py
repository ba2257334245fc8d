"""The database server of a service, as whoever has its password sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests import processes


class DatabaseServer:
    """The own database server of the service with this state folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / 'servers' / 'postgresql'

    @property
    def port(self) -> int:
        return int(json.loads((self.folder / 'address.json').read_text())['ports'][0])

    @property
    def password(self) -> str:
        return (self.folder / 'password').read_text()

    @property
    def url(self) -> str:
        """As the one who may do everything there."""
        return f'postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres'

    def url_of(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f'{self.url.rpartition("/")[0]}/{database}'

    def connect(self, database: str = 'postgres') -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, dbname=database, autocommit=True)

    def run(self, command: str, database: str = 'postgres') -> None:
        """Do something on the server, as its operator might."""
        with self.connect(database) as connection:
            connection.execute(command.encode())

    def ask(self, query: str, database: str = 'postgres') -> list[Any]:
        """Return the first column of the answer."""
        with self.connect(database) as connection:
            return [row[0] for row in connection.execute(query.encode())]

    def databases(self) -> set[str]:
        """Return the databases beside those that each server has."""
        return set(self.ask('SELECT datname FROM pg_database WHERE oid >= 16384'))

    def roles(self) -> set[str]:
        """Return the users beside those that each server has."""
        return set(self.ask('SELECT rolname FROM pg_roles WHERE oid >= 16384'))

    def processes(self) -> set[int]:
        """Return the pids of its first processes."""
        return set(_serving(str(self.folder / 'data')))

    def all_processes(self) -> set[int]:
        """Return the pids of all its processes, also of those whose first one is gone."""
        return set(_working_in(self.folder / 'data'))


def query(url: str, command: str) -> list[Any]:
    """Return the rows that a user of a database gets; none where it asks for none."""
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        found = connection.execute(command.encode())
        return found.fetchall() if found.description else []


def _serving(folder: str) -> Iterator[int]:
    for pid in _all():
        command = processes.command_line(pid)
        if '/postgres ' in command and f'-D {folder} ' in command:
            yield pid


def _working_in(folder: Path) -> Iterator[int]:
    for pid in _all():
        try:
            if os.readlink(f'/proc/{pid}/cwd') == str(folder):
                yield pid
        except OSError:
            continue


def _all() -> list[int]:
    return [int(each) for each in os.listdir('/proc') if each.isdigit()]
