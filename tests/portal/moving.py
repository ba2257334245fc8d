"""Migrations in every state that a page can show, with much of everything in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.doers import await_that
from tests.migrating import empty_database, sqlite_file
from tests.platform import Site
from tests.portal.serving import HOSTILE
from tests.postgres import Database

# More than a page shows of the tables of a plan, and of those that were moved.
TABLES, MOVED = 130, 25
FEW = """
    CREATE TABLE hello (id INTEGER PRIMARY KEY, color TEXT NOT NULL);
    INSERT INTO hello VALUES (1, 'Purple'), (2, 'Violet'), (3, 'Plum');
"""
# Holds whatever adds a key, until a lock of this number is free.
HOLD = """
    CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(7319); END';
    CREATE EVENT TRIGGER hold ON ddl_command_start WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION hold()
"""
LOCK = 'SELECT pg_advisory_lock(7319)'


@contextmanager
def migrations(site: Site, server: Database, folder: Path) -> Iterator[dict[str, str]]:
    """Yield where the pages of migrations are, by what they show.

    folder: one that MIGRATION_FOLDERS names; the server's host has to be allowed too.
    """
    with empty_database(server) as target, empty_database(server) as other:
        moves = _Moves(site, folder, target)
        found = {
            'planned': moves.plan(_awkward()),
            'many': moves.plan(_tables(TABLES)),
            'refused': moves.plan(f'CREATE TABLE "{HOSTILE.replace(chr(34), "")}" (i INTEGER)'),
            'failed': moves.ended(moves.order(_unfit(1))),
            'done': moves.done(moves.order(_tables(MOVED), _unfit(12), allow_rejects=12)),
        }
        below = {f'migration-{name}': path for name, path in found.items()}
        below |= {
            'migrations': '/migrations',
            'migration-form': '/migrations/new',
            'plan': f'{found["many"]}/plan',
            'plan-table': f'{found["many"]}/plan/7',
            'moved': f'{found["done"]}/tables',
            'abandon': f'{found["failed"]}/abandon',
        }
        with _busy(moves, other) as busy:
            below['migration-busy'] = busy
            yield {name: f'/portal{path}' for name, path in below.items()}


class _Moves:
    def __init__(self, site: Site, folder: Path, target: str) -> None:
        self.client = site.client
        self.folder = folder
        self.target = target

    def order(self, *statements: str, target: str = '', **more: Any) -> str:
        """Order a migration of what the statements make; return its path."""
        source = sqlite_file(self.folder, *statements)
        ends = {'source': {'url': source}, 'target': {'url': target or self.target}}
        return f'/migrations/{self.client.order("POST", "/migrations", {**ends, **more})["id"]}'

    def plan(self, statements: str) -> str:
        return self.done(self.order(statements, plan=True))

    def ended(self, path: str) -> str:
        await_that(lambda: self.client.get(path)['ended_at'])
        return path

    def done(self, path: str) -> str:
        found = self.client.get(self.ended(path))
        assert found['state'] == 'succeeded', found
        return path


@contextmanager
def _busy(moves: _Moves, target: str) -> Iterator[str]:
    """Yield the path of a migration that waits in its midst, as long as the body runs."""
    path = moves.done(moves.order(FEW, target=target, plan=True))
    with held(target):
        moves.client.order('POST', f'{path}/run')
        await_that(lambda: (moves.client.get(path)['progress'] or {}).get('step') == 'build')
        yield path
    moves.done(path)


@contextmanager
def held(url: str) -> Iterator[None]:
    """Hold whatever makes keys in a database, as long as the body runs; url: of a superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HOLD)
        connection.execute(LOCK)
        yield


def _tables(count: int) -> str:
    made = (
        f'CREATE TABLE "table-{number:03}-{"n" * 50}" (i INTEGER PRIMARY KEY, t VARCHAR(3));'
        for number in range(count)
    )
    return ''.join(made)


def _awkward() -> str:
    """Return what makes a table of which much becomes something else."""
    name = HOSTILE[:40].replace('"', '')
    columns = ''.join(f', "{name} {number}" DATE' for number in range(12))
    return f"""
        CREATE TABLE "{name}" (id INTEGER PRIMARY KEY{columns});
        INSERT INTO "{name}" (id, "{name} 0") VALUES (1, 'yesterday'), (2, 5);
        CREATE VIEW seen AS SELECT * FROM "{name}";
    """


def _unfit(rows: int) -> str:
    """Return what makes a table of which so many rows fit nowhere."""
    text = HOSTILE.replace("'", "''")
    values = ', '.join(f"({number}, '{text}' || char(0))" for number in range(rows))
    return f'CREATE TABLE unfit (i INTEGER PRIMARY KEY, t TEXT); INSERT INTO unfit VALUES {values};'
