"""Migrations: a table into PostgreSQL from each source, against COPY of a prepared file.

All ways are timed in turn in one run, as a machine is not equally fast all the time.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import random
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.timing import Sample
from migrations import planning, running
from migrations.places import Reach, parse
from migrations.planning import Ends
from tests import mariadb
from tests.mariadb import MariaDatabase
from tests.migrating import whole_url
from tests.postgres import Database, postgres

ROWS = 1_000_000
WORDS = (
    *('plain text value', "O'Reilly; DROP--", 'tab\there', 'new\nline', 'back\\slash \\N'),
    *('naïve café Ω', '日本語テキスト', 'emoji 😀👍', 'quote"s, comma', '', 'cr\rlf\r\n', '\\.'),
)
COLUMNS = 'id, txt, num, ts, data, opt'
TABLE = """(id bigint, txt text, num numeric(18,4), ts timestamptz, data bytea, opt bigint)"""
# How many times the rows there are at the end, to see whether memory grows with them.
TIMES = 10
# Between two looks at how much memory the processes have.
LOOK = 0.05
Way = Callable[[], object]


def measure(folder: Path, rows: int = ROWS, rounds: int = 3) -> dict[str, Any]:
    """Time all ways and return their seconds, ratios and megabytes."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        source = stack.enter_context(postgres())
        maria = stack.enter_context(mariadb.mariadb()) if not mariadb.missing_tool() else None
        folder.mkdir(exist_ok=True)
        file = folder / 'rows.db'
        urls = _filled(source, file, maria, rows)
        ways = {**_limits(server, source, folder), **_ways(server, urls, folder)}
        samples = {name: Sample() for name in ways}
        memory = dict.fromkeys(ways, 0.0)
        for _ in range(rounds):
            for name, way in ways.items():
                memory[name] = max(memory[name], _measured(samples[name], server, way, name, rows))
        found = _results(samples, memory, rows)
        _multiply(source, file, maria, rows)
        _clear(server)  # A plan looks whether the name is free.
        for name, way in _migrations(server, urls, folder).items():
            sample = Sample()
            found[name]['tenfold_mb'] = round(_measured(sample, server, way, name, TIMES * rows))
            found[name]['tenfold'] = sample.median
    return found


def _measured(sample: Sample, server: Database, way: Way, name: str, rows: int) -> float:
    """Take a sample; returns the megabytes of its largest process."""
    _clear(server)
    with _watched() as peak:
        sample.measure(way)
    _insist_on_rows(server, name, rows)
    return peak[0]


def _results(samples: dict[str, Sample], memory: dict[str, float], rows: int) -> dict[str, Any]:
    found: dict[str, Any] = {'rows': rows}
    for name, sample in samples.items():
        limit = 'binary file' if name == 'postgres' else 'text file'
        ratio = sample.median / samples[limit].median
        found[name] = {**sample.summary(), 'ratio': round(ratio, 2), 'mb': round(memory[name])}
    return found


def _filled(source: Database, file: Path, maria: MariaDatabase | None, rows: int) -> dict[str, str]:
    """Fill a table of each source; returns their URLs."""
    _fill(source, rows)
    _fill_sqlite(file, source)
    urls = {'sqlite': f'sqlite://{file}', 'postgres': whole_url(source, 'postgres')}
    if maria:
        urls['mariadb'] = _fill_mariadb(maria, source)
    return urls


def _limits(server: Database, source: Database, folder: Path) -> dict[str, Way]:
    ways: dict[str, Way] = {}
    for name, form in (('text', ''), ('binary', ' (FORMAT binary)')):
        file = folder / f'rows.{name}'
        _prepare(source, file, form)
        ways[f'{name} file'] = functools.partial(_copy, server, file, form)
    return ways


def _ways(server: Database, urls: dict[str, str], folder: Path) -> dict[str, Way]:
    ways = _migrations(server, urls, folder)
    target = whole_url(server, 'postgres')
    if shutil.which('pgloader'):
        for name, url in urls.items():
            if name != 'postgres':
                ways[f'pgloader {name}'] = functools.partial(_pgload, url, target, folder)
    return ways


def _migrations(server: Database, urls: dict[str, str], folder: Path) -> dict[str, Way]:
    ways: dict[str, Way] = {}
    target = parse(whole_url(server, 'postgres'))
    for name, url in urls.items():
        ends = Ends(parse(url), target, Reach.of(['127.0.0.1'], [folder]), folder)
        ways[name] = functools.partial(running.run, ends, planning.plan(ends), f'bench_{name}')
    return ways


def _multiply(source: Database, file: Path, maria: MariaDatabase | None, rows: int) -> None:
    """Have TIMES the rows in each source."""
    rest = COLUMNS.partition(', ')[2]
    each = [
        f'INSERT INTO t SELECT id + {time * rows}, {rest} FROM t WHERE id <= {rows}'
        for time in range(1, TIMES)
    ]
    with closing(sqlite3.connect(file)) as lite, lite:
        for statement in each:
            lite.execute(statement)
    with source.connect() as connection:
        for statement in each:
            connection.execute(statement.encode())
        connection.execute('ANALYZE t')
    if maria:
        maria.execute(*each)


def _copy(server: Database, file: Path, form: str) -> None:
    with server.connect() as connection:
        connection.execute(f'CREATE TABLE t {TABLE}'.encode())
        with (
            file.open('rb') as data,
            connection.cursor().copy(f'COPY t FROM STDIN{form}'.encode()) as copy,
        ):
            while block := data.read(256 * 1024):
                copy.write(block)


def _pgload(url: str, target: str, folder: Path) -> None:
    script = folder / 'load'
    script.touch(0o600)
    target = target.partition('?')[0]
    script.write_text(f'LOAD DATABASE FROM {url} INTO {target} WITH include drop;')
    subprocess.run(
        ['pgloader', '--no-ssl-cert-verification', str(script)],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )


def _insist_on_rows(server: Database, name: str, rows: int) -> None:
    """Raise RuntimeError unless all rows are there: pgloader ends well without them."""
    with server.connect() as connection:
        query = "SELECT coalesce(to_regclass('public.t'), to_regclass('source.t'))::text"
        ((table,),) = connection.execute(query).fetchall()
        ((found,),) = connection.execute(f'SELECT count(*) FROM {table}'.encode()).fetchall()
    if found != rows:
        raise RuntimeError(f'{name}: {found} rows of {rows}')


def _clear(server: Database) -> None:
    with server.connect() as connection:
        connection.execute('DROP TABLE IF EXISTS t')
        connection.execute('DROP SCHEMA IF EXISTS source CASCADE')
    with server.connect() as connection:
        connection.autocommit = True
        connection.execute('CHECKPOINT')


def _fill(source: Database, rows: int) -> None:
    with source.connect() as connection:
        connection.execute(f'CREATE TABLE t {TABLE}'.encode())
        statement = f'COPY t ({COLUMNS}) FROM STDIN'
        with connection.cursor().copy(statement.encode()) as copy:
            for row in _rows(rows):
                copy.write_row(row)
        connection.execute('ALTER TABLE t ADD PRIMARY KEY (id)')
    with source.connect() as connection:
        connection.autocommit = True
        connection.execute('VACUUM ANALYZE t')


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(7)
    begin = dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc)
    for number in range(1, count + 1):
        moment = begin + dt.timedelta(microseconds=chance.randrange(26 * 365 * 86400 * 10**6))
        yield (
            number,
            f'{WORDS[number % len(WORDS)]} {chance.randrange(10**9)}' if number % 11 else None,
            f'{chance.randrange(-(10**9), 10**9)}.{chance.randrange(10000):04}'
            if number % 13
            else None,
            moment,
            chance.randbytes(chance.randrange(40)) if number % 7 else None,
            chance.randrange(1000) if number % 2 else None,
        )


def _prepare(source: Database, file: Path, form: str) -> None:
    with (
        source.connect() as connection,
        file.open('wb') as data,
        connection.cursor().copy(f'COPY t TO STDOUT{form}'.encode()) as copy,
    ):
        for block in copy:
            data.write(block)


def _fill_sqlite(file: Path, source: Database) -> None:
    with closing(sqlite3.connect(file)) as connection, source.connect() as reading:
        connection.execute(
            'CREATE TABLE t (id integer primary key, txt text, num numeric(18,4), ts datetime, '
            'data blob, opt integer)'
        )
        with reading.cursor('rows') as cursor:
            cursor.execute(b'SELECT id, txt, num::text, ts, data, opt FROM t')
            connection.executemany(
                'INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)',
                ((*row[:3], row[3].isoformat(' ', 'microseconds'), *row[4:]) for row in cursor),
            )
        connection.commit()


def _fill_mariadb(maria: MariaDatabase, source: Database) -> str:
    maria.execute(
        'CREATE TABLE t (id bigint PRIMARY KEY, txt text, num decimal(18,4), '
        'ts timestamp(6) NULL, data varbinary(40), opt bigint)'
    )
    with maria.connect() as connection, source.connect() as reading:
        connection.autocommit(False)
        with reading.cursor('rows') as rows, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            rows.execute(f'SELECT {COLUMNS} FROM t'.encode())
            # The driver makes statements of many rows of it.
            while some := rows.fetchmany(10_000):
                cursor.executemany('INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)', some)
        connection.commit()
    maria.execute('ANALYZE TABLE t')
    return maria.url


@contextmanager
def _watched() -> Iterator[list[float]]:
    """Yield the megabytes of the largest process that this one starts in the body."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK):
            peak[0] = max([peak[0], *map(_megabytes, _children())])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _children() -> list[Path]:
    own = Path(f'/proc/{os.getpid()}/task')
    found: list[str] = []
    for each in own.glob('*/children'):
        with suppress(OSError):
            found += each.read_text().split()
    return [Path('/proc', number) for number in found]


def _megabytes(process: Path) -> float:
    with suppress(OSError):
        # Servers are not what is measured.
        command = (process / 'cmdline').read_bytes()
        if b'migrations' in command or b'pgloader' in command:
            status = (process / 'status').read_text()
            return int(status.partition('VmHWM:')[2].split()[0]) / 1024
    return 0.0
