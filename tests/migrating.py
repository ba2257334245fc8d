"""Migrations as tests run them: into an empty database of one PostgreSQL server."""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from migrations import planning, running
from migrations.places import Reach, parse
from migrations.planning import Ends
from migrations.plans import Plan
from migrations.running import Caller, Result
from migrations.sources import Wishes
from tests.paths import ROOT
from tests.postgres import Database

# Alike where the same rows are: of a table with numbers `i` and texts `t`.
SUMS = 'SELECT count(*), count(DISTINCT i), sum(i), sum(hashtextextended(t, 0)) FROM {}'
LEFT = "SELECT nspname FROM pg_namespace WHERE nspname LIKE '\\_mig%%'"


@dataclass
class Case:
    """A source, an empty target, and what has been told about a migration between them."""

    source: str
    target: str
    folder: Path
    log: list[str] = field(default_factory=list)
    chunk_rows: int = 1000
    stop: Callable[[], bool] = lambda: False

    @property
    def caller(self) -> Caller:
        return Caller(log=self.log.append, stop=self.stop, workers=2, chunk_rows=self.chunk_rows)

    @property
    def ends(self) -> Ends:
        reach = Reach.of(['127.0.0.1'], [self.folder])
        return Ends(parse(self.source), parse(self.target), reach, self.folder)

    def plan(self, wishes: Wishes | None = None, **how: Any) -> Plan:
        return planning.plan(self.ends, wishes, **how)

    def run(self, plan: Plan | None = None, migration: str = 'test', **how: Any) -> Result:
        return running.run(self.ends, plan or self.plan(), migration, self.caller, **how)

    def resume(self, migration: str = 'test', **how: Any) -> Result:
        return running.resume(self.ends, migration, self.caller, **how)

    def command(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start the command, as its own process group."""
        found = {**os.environ, 'SOURCE_URL': self.source, 'TARGET_URL': self.target, **environ}
        allowed = ('--allow-host', '127.0.0.1', '--allow-folder', str(self.folder))
        return subprocess.Popen(
            [
                *(sys.executable, '-m', 'migrations', arguments[0], *allowed),
                *('--work', str(self.folder), *arguments[1:]),
            ],
            cwd=ROOT,
            env=found,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self, query: str) -> list[Any]:
        """Return what the target has."""
        with psycopg.connect(self.target, options='-c timezone=UTC') as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, *statements: str) -> None:
        """Execute statements in the target."""
        with psycopg.connect(self.target, autocommit=True) as connection:
            for each in statements:
                connection.execute(each.encode())

    def left(self) -> list[Any]:
        """Return the staging schemas that are there."""
        return self.rows(LEFT.replace('%%', '%'))


def whole_url(server: Database, database: str) -> str:
    """Return the URL of a database, with the password in it."""
    netloc = urlsplit(server.url).netloc.replace('@', f':{server.password}@')
    return f'postgresql://{netloc}/{database}?sslmode=disable'


@contextmanager
def empty_database(server: Database) -> Iterator[str]:
    """Yield the URL of a database that is there for as long as the body runs."""
    name = f'test_{secrets.token_hex(6)}'
    _execute(server, f'CREATE DATABASE {name} TEMPLATE template0')
    try:
        yield whole_url(server, name)
    finally:
        _execute(server, f'DROP DATABASE {name} WITH (FORCE)')


def _execute(server: Database, statement: str) -> None:
    # A connection of its own, as the server may be killed meanwhile.
    with closing(server.connect()) as connection:
        connection.autocommit = True
        connection.execute(statement.encode())


def sqlite_file(folder: Path, *statements: str) -> str:
    """Return the URL of a SQLite file that has what the statements make."""
    file = folder / f'{secrets.token_hex(4)}.db'
    with closing(sqlite3.connect(file)) as connection:
        for each in statements:
            connection.executescript(each)
        connection.commit()
    return f'sqlite://{file}'
