"""PostgreSQL: a snapshot that all connections share, and rows forwarded as the server has them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from psycopg import IsolationLevel, sql

from migrations import postgres
from migrations.names import quoted
from migrations.places import Place
from migrations.plans import Column, Part, Table
from migrations.rows import Block
from migrations.sources import Bounds, Found, Wishes
from migrations.streams import rows_of

# A chunk is one statement.
STATEMENT_TIMEOUT = '30min'
LOCK_TIMEOUT = '10s'
# Since then ranges of pages are read without reading the others.
HAS_PAGE_RANGES = 14


class PostgresSource:
    """A transaction that only reads."""

    is_frozen = False
    most_workers: int | None = None

    def __init__(self, place: Place) -> None:
        self._connection = postgres.connect(
            place,
            statement_timeout=STATEMENT_TIMEOUT,
            lock_timeout=LOCK_TIMEOUT,
            idle_in_transaction_session_timeout='0',
            # With policies that hide rows it fails, and leaves none out silently.
            row_security='off',
        )
        self.major = postgres.major(self._connection)
        self._connection.autocommit = False
        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True

    def reflect(self, wishes: Wishes) -> Found:
        from migrations.sources.postgres_schema import reflect

        return reflect(self._connection, wishes)

    def fingerprint(self, tables: Collection[str]) -> str:
        """Return a hash of the columns of relations, which are named `schema.table`."""
        query = """
            SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname || '.' || c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY 1, a.attnum
        """
        found = self._connection.execute(query, (list(tables),)).fetchall()
        return hashlib.sha256(repr(found).encode()).hexdigest()

    def snapshot(self) -> str:
        row = self._connection.execute('SELECT pg_export_snapshot()').fetchone()
        assert row
        return str(row[0])

    def release(self) -> None:
        """Nobody was kept from writing."""

    def join(self, snapshot: str) -> None:
        name = sql.Literal(snapshot)
        self._connection.execute(sql.SQL('SET TRANSACTION SNAPSHOT {}').format(name))

    def chunks(self, table: Table, rows_each: int) -> list[Bounds]:
        """Cut by pages, which needs no key and reads each page once."""
        found = []
        for number, part in enumerate(table.parts):
            pages = self._pages(part)
            step = max(1, pages * rows_each // max(1, table.rows))
            if self.major < HAS_PAGE_RANGES:
                step = max(1, pages)
            edges = [[page] for page in range(step, pages, step)]
            lows: list[list[int] | None] = [None, *edges]
            highs: list[list[int] | None] = [*edges, None]
            found += [Bounds(number, *ends) for ends in zip(lows, highs, strict=True)]
        return found

    def blocks(self, table: Table, bounds: Bounds) -> Iterator[Block]:
        part = table.parts[bounds.part]
        tests = [
            f"ctid {sign} '({int(edge[0])},0)'"
            for sign, edge in (('>=', bounds.low), ('<', bounds.high))
            if edge is not None
        ]
        where = f' WHERE {" AND ".join(tests)}' if tests else ''
        columns = ', '.join(map(_read, table.copied))
        query = f'SELECT {columns} FROM ONLY {_qualified(part)}{where}'
        for rows in rows_of(self._connection, query, table.binary):
            yield Block(rows, rows)

    def next_number(self, table: Table, column: str) -> tuple[int, bool] | None:
        identity = next(each.identity for each in table.columns if each.name == column)
        if identity is None or not identity.sequence:
            return None
        query = f'SELECT last_value, is_called FROM {identity.sequence}'
        row = self._connection.execute(query.encode()).fetchone()
        return (int(row[0]), bool(row[1])) if row else None

    def close(self) -> None:
        self._connection.close()

    def _pages(self, part: Part) -> int:
        query = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int"
        row = self._connection.execute(query, (_qualified(part),)).fetchone()
        assert row
        return int(row[0])


def _qualified(part: Part) -> str:
    return f'{quoted(part.schema)}.{quoted(part.name)}'


def _read(column: Column) -> str:
    return f'{quoted(column.name)}::text' if column.reads == 'text' else quoted(column.name)
