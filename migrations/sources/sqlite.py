"""SQLite: read from a private copy, which nobody writes to and which outlives a kill."""

from __future__ import annotations

import functools
import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from migrations.names import listed, quoted
from migrations.plans import Table
from migrations.rows import Block, Renderer
from migrations.sources import Bounds, Found, Wishes, between, rows_at_once

# What SQLite calls the number of a row, unless a column has that name.
ROW_NUMBERS = ('rowid', '_rowid_', 'oid')
# Rows of a batch, fewer where they are large.
BATCH_ROWS = 4000
BUSY_TIMEOUT = 30.0
# Takes text that is not valid UTF-8 too, so that it can be named.
LENIENT = functools.partial(str, encoding='utf-8', errors='surrogateescape')


class SqliteSource:
    """A private copy of a file."""

    is_frozen = True
    most_workers: int | None = None

    def __init__(self, file: Path, patience: float = BUSY_TIMEOUT) -> None:
        """Open a file; patience: seconds to wait for whoever writes to it."""
        self._connection = read_only(file, patience)

    def reflect(self, wishes: Wishes) -> Found:
        # It imports what this has, too.
        from migrations.sources.sqlite_schema import reflect

        return reflect(self._connection, wishes)

    def fingerprint(self, tables: Collection[str]) -> str:
        """Return a hash of the tables' own SQL."""
        found = self._connection.execute(
            'SELECT name, sql FROM sqlite_master WHERE type = ? ORDER BY name', ('table',)
        )
        kept = repr([row for row in found if row[0] in tables])
        return hashlib.sha256(kept.encode(errors='replace')).hexdigest()

    def snapshot(self) -> str:
        return ''

    def release(self) -> None:
        """Nobody was kept from writing."""

    def join(self, snapshot: str) -> None:
        """The file is the snapshot."""

    def chunks(self, table: Table, rows_each: int) -> list[Bounds]:
        """Cut by the number of the row, and where there is none by the primary key."""
        if not table.order:
            return [Bounds()]
        keys = _keys(table)
        edges: list[list[Any]] = []
        while True:
            where, values = _where(table, Bounds(low=edges[-1] if edges else None))
            # From the last edge on, so that all steps together are one walk.
            step = f'SELECT {keys} FROM {_main(table)}{where} ORDER BY {keys} LIMIT 1 OFFSET ?'
            found = self._connection.execute(step, (*values, rows_each - 1)).fetchone()
            if found is None:
                return between(edges)
            edges.append([_stored(each) for each in found])

    def blocks(self, table: Table, bounds: Bounds) -> Iterator[Block]:
        renderer = Renderer(table)
        done = 0
        try:
            for rows in self._batches(table, bounds):
                yield renderer.block(rows)
                done += len(rows)
            return
        except sqlite3.OperationalError as error:
            if 'Could not decode' not in str(error):
                raise
        self._connection.text_factory = LENIENT
        for rows in self._batches(table, bounds, done):
            yield renderer.block(rows)
        self._connection.text_factory = str

    def next_number(self, table: Table, column: str) -> tuple[int, bool] | None:
        """Return the largest number that AUTOINCREMENT has given."""
        query = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
        if not self._connection.execute(query).fetchone():
            return None
        query = 'SELECT seq FROM sqlite_sequence WHERE name = ?'
        found = self._connection.execute(query, (table.name,)).fetchone()
        return (int(found[0]), True) if found and found[0] else None

    def close(self) -> None:
        self._connection.close()

    def _batches(self, table: Table, bounds: Bounds, skipped: int = 0) -> Iterator[list[Any]]:
        where, values = _where(table, bounds)
        columns = listed(column.name for column in table.copied)
        order = f' ORDER BY {_keys(table)}' if table.order else ''
        query = f'SELECT {columns} FROM {_main(table)}{where}{order}'
        cursor = self._connection.execute(query, values)
        for _ in islice(cursor, skipped):
            pass
        size = rows_at_once(table, BATCH_ROWS)
        while rows := cursor.fetchmany(size):
            yield rows


def read_only(file: Path, patience: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """Open a file that is only read, and whose schema is trusted in nothing."""
    connection = sqlite3.connect(
        f'{file.absolute().as_uri()}?mode=ro',
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute('PRAGMA trusted_schema = OFF')
    connection.execute('PRAGMA query_only = ON')
    return connection


def make_copy(source: Path, target: Path) -> None:
    """Copy a database file as it is at one moment; who writes to it waits for that long.

    Raises sqlite3.Error and OSError.
    """
    unfinished = target.with_name(f'{target.name}.part')
    unfinished.unlink(missing_ok=True)
    unfinished.touch(0o600)
    reading = read_only(source)
    writing = sqlite3.connect(unfinished)
    try:
        reading.backup(writing)
        # Else readers of the copy would need files beside it.
        writing.execute('PRAGMA journal_mode = DELETE')
    finally:
        writing.close()
        reading.close()
    os.replace(unfinished, target)


def _main(table: Table) -> str:
    return f'main.{quoted(table.parts[0].name)}'


def _keys(table: Table) -> str:
    return table.order[0] if table.order[0] in ROW_NUMBERS else listed(table.order)


def _where(table: Table, bounds: Bounds) -> tuple[str, list[Any]]:
    tests, values = [], []
    for sign, edge in (('>', bounds.low), ('<=', bounds.high)):
        if edge is not None:
            marks = ', '.join('?' * len(edge))
            tests.append(f'({_keys(table)}) {sign} ({marks})')
            values += [bytes.fromhex(x['hex']) if isinstance(x, dict) else x for x in edge]
    return (f' WHERE {" AND ".join(tests)}' if tests else ''), values


def _stored(value: Any) -> Any:
    return {'hex': value.hex()} if isinstance(value, bytes) else value
