"""MariaDB and MySQL: a snapshot for each connection, all of one moment; values as texts."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Collection, Iterator
from typing import Any

import pymysql
from pymysql.cursors import SSCursor

from migrations.names import backquoted
from migrations.places import Place
from migrations.plans import Column, Table
from migrations.rows import Block, Renderer
from migrations.sources import Bounds, Found, Wishes, between, rows_at_once

CONNECT_TIMEOUT = 10
# Seconds of a statement, which is a chunk, and without a word from the server.
STATEMENT_TIMEOUT = 1800
SILENCE = 1900
LOCK_TIMEOUT = 10
BATCH_ROWS = 2000
NO_RIGHT = (1044, 1045, 1142, 1227)
NUMBER = re.compile(r'-?\d+(\.\d+)?')
# Types whose order is the one in which a key of them is read.
NUMBERS = ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal')
TIMES = ('date', 'datetime', 'timestamp')
WORDS = ('char', 'varchar')
OCTETS = ('binary', 'varbinary')


class MysqlSource:
    """A transaction that only reads."""

    is_frozen = False

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection = connect(place)
        self._lock: pymysql.Connection[Any] | None = None
        # Without the right to hold all writers for a moment, only one can have the snapshot.
        self.most_workers: int | None = None

    def reflect(self, wishes: Wishes) -> Found:
        from migrations.sources.mysql_schema import reflect

        return reflect(self._connection, self._place.database, wishes)

    def fingerprint(self, tables: Collection[str]) -> str:
        """Return a hash of the tables' columns."""
        found = rows(
            self._connection,
            'SELECT table_name, column_name, column_type FROM information_schema.columns '
            'WHERE table_schema = %s ORDER BY table_name, ordinal_position',
            self._place.database,
        )
        names = {each.rpartition('.')[2] for each in tables}
        kept = [row for row in found if row[0] in names]
        return hashlib.sha256(repr(kept).encode()).hexdigest()

    def snapshot(self) -> str:
        self._lock = connect(self._place)
        try:
            execute(self._lock, 'FLUSH TABLES WITH READ LOCK')
        except pymysql.err.OperationalError as error:
            if error.args[0] not in NO_RIGHT:
                raise
            self._lock.close()
            self._lock = None
            self.most_workers = 1
        self.join('')
        return ''

    def join(self, snapshot: str) -> None:
        execute(self._connection, 'START TRANSACTION WITH CONSISTENT SNAPSHOT')

    def release(self) -> None:
        """Let others write again: all have their snapshots."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def chunks(self, table: Table, rows_each: int) -> list[Bounds]:
        """Cut by the primary key, whose values only this server compares."""
        if not table.order:
            return [Bounds()]
        keys = ', '.join(map(backquoted, table.order))
        edges: list[list[Any]] = []
        while True:
            where = self._where(table, Bounds(low=edges[-1] if edges else None))
            # From the last edge on, so that all steps together are one walk.
            limit = f'LIMIT {rows_each - 1}, 1'
            step = f'SELECT {keys} FROM {self._name(table)}{where} ORDER BY {keys} {limit}'
            found = rows(self._connection, step)
            if not found:
                return between(edges)
            edges.append([_stored(each) for each in found[0]])

    def blocks(self, table: Table, bounds: Bounds) -> Iterator[Block]:
        renderer = Renderer(table)
        columns = ', '.join(map(_read, table.copied))
        query = f'SELECT {columns} FROM {self._name(table)}{self._where(table, bounds)}'
        with self._connection.cursor(SSCursor) as cursor:
            cursor.execute(query)
            while found := cursor.fetchmany(rows_at_once(table, BATCH_ROWS)):
                yield renderer.block(found)

    def next_number(self, table: Table, column: str) -> tuple[int, bool] | None:
        found = rows(
            self._connection,
            'SELECT auto_increment FROM information_schema.tables '
            'WHERE table_schema = %s AND table_name = %s',
            self._place.database,
            table.name,
        )
        return (int(found[0][0]), False) if found and found[0][0] else None

    def close(self) -> None:
        self.release()
        self._connection.close()

    def _name(self, table: Table) -> str:
        return f'{backquoted(self._place.database)}.{backquoted(table.parts[0].name)}'

    def _where(self, table: Table, bounds: Bounds) -> str:
        columns = {column.name: column for column in table.columns}
        keys = [columns[name] for name in table.order]
        tests = []
        if bounds.low is not None:
            tests.append(_beyond(keys, bounds.low))
        if bounds.high is not None:
            tests.append(f'NOT {_beyond(keys, bounds.high)}')
        return f' WHERE {" AND ".join(tests)}' if tests else ''


def connect(place: Place) -> pymysql.Connection[Any]:
    """Return a connection that gives values as text, times in UTC, and only reads.

    Raises pymysql.MySQLError.
    """
    options = dict(place.options)
    mode = options.get('sslmode', 'prefer')
    connection = pymysql.connect(
        host=place.host,
        port=place.port,
        user=place.user,
        password=place.password,
        database=place.database,
        charset='utf8mb4',
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=SILENCE,
        write_timeout=SILENCE,
        autocommit=True,
        conv={},
        local_infile=False,
        ssl=_tls(mode, options),
        ssl_disabled=mode == 'disable',
    )
    try:
        _set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _tls(mode: str, options: dict[str, str]) -> Any:
    # Without a context the driver encrypts where the server can.
    if mode in ('disable', 'allow', 'prefer'):
        return None
    if mode == 'require' and 'sslrootcert' in options:
        mode = 'verify-ca'  # As libpq has it: who names an authority wants to have it asked.
    context = ssl.create_default_context(cafile=options.get('sslrootcert'))
    context.check_hostname = mode == 'verify-full'
    if mode not in ('verify-ca', 'verify-full'):
        context.verify_mode = ssl.CERT_NONE
    if 'sslcert' in options:
        context.load_cert_chain(options['sslcert'], options.get('sslkey'))
    return context


def _set_up(connection: pymysql.Connection[Any]) -> None:
    for each in (
        "time_zone = '+00:00'",
        "sql_mode = ''",
        f'lock_wait_timeout = {LOCK_TIMEOUT}',
        f'net_write_timeout = {SILENCE}',
        *_statement_timeout(connection),
    ):
        execute(connection, f'SET SESSION {each}')
    execute(connection, 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ')
    execute(connection, 'SET SESSION TRANSACTION READ ONLY')


def _statement_timeout(connection: pymysql.Connection[Any]) -> list[str]:
    if is_mariadb(connection):
        return [f'max_statement_time = {STATEMENT_TIMEOUT}']
    # MySQL 5.6 has none, and then only silence ends a statement.
    known = rows(connection, "SHOW SESSION VARIABLES LIKE 'max_execution_time'")
    return [f'max_execution_time = {STATEMENT_TIMEOUT * 1000}'] if known else []


def is_mariadb(connection: pymysql.Connection[Any]) -> bool:
    return 'MariaDB' in rows(connection, 'SELECT VERSION()')[0][0]


def execute(connection: pymysql.Connection[Any], query: str) -> None:
    """Execute what has no result."""
    with connection.cursor() as cursor:
        cursor.execute(query)


def rows(connection: pymysql.Connection[Any], query: str, *values: str) -> list[Any]:
    """Return the rows of a query, whose values are texts."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())


def order_of(key: tuple[str, ...], kinds: dict[str, str]) -> tuple[str, ...]:
    """Return the columns by which a table can be cut: its key, if all its types have literals."""
    known = (*NUMBERS, *TIMES, *WORDS, *OCTETS)
    return key if all(kinds[name] in known for name in key) else ()


def _read(column: Column) -> str:
    name = backquoted(column.name)
    return column.reads.replace('{c}', name) if column.reads else name


def _stored(value: str | bytes) -> Any:
    return {'hex': value.hex()} if isinstance(value, bytes) else value


def _beyond(keys: list[Column], edge: list[Any]) -> str:
    """Return the test for rows after an edge, which an index can answer for several columns."""
    name, value = backquoted(keys[0].name), _literal(keys[0], edge[0])
    if len(keys) == 1:
        return f'({name} > {value})'
    rest = _beyond(keys[1:], edge[1:])
    return f'({name} >= {value} AND ({name} > {value} OR {rest}))'


def _literal(column: Column, value: Any) -> str:
    if isinstance(value, dict):
        return f"X'{bytes.fromhex(value['hex']).hex()}'"
    kind = re.match('[a-z]*', column.source_type)
    if kind and kind[0] in NUMBERS and NUMBER.fullmatch(value):
        return str(value)
    # In hexadecimal there is nothing to escape; the column's collation compares.
    return f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)"
