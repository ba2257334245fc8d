"""Tables of all shapes are carried over whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from migrations.errors import ChangedError, DataError, MismatchError, UnfitError
from migrations.sources import Wishes
from tests.mariadb import MariaDatabase
from tests.migrating import Case, sqlite_file

MakeCase = Callable[[str], Case]
# Rows of a test's table, and of its chunks.
ROWS, CHUNK = 1000, 99
NUMBERS = f'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})'
AWKWARD = 'a "b" \'c\' `d` %s {e} ü'


def test_shapes_of_sqlite(make_case: MakeCase) -> None:
    """Tables without rows, without a key, with keys of several columns and of text are whole."""
    quoted = AWKWARD.replace('"', '""')
    case = make_case('')
    case.chunk_rows = CHUNK
    case.source = sqlite_file(
        case.folder,
        'CREATE TABLE empty (a)',
        f'CREATE TABLE keyless (a text); {NUMBERS} INSERT INTO keyless SELECT i % 3 FROM n',
        'CREATE TABLE pairs (a int, b text, c blob, PRIMARY KEY (b, a, c)) WITHOUT ROWID;'
        f"{NUMBERS} INSERT INTO pairs SELECT i % 7, 'k' || (i / 7), zeroblob(i % 2) FROM n",
        'CREATE TABLE numbered (rowid text, _rowid_ text, oid text);'
        f'{NUMBERS} INSERT INTO numbered SELECT i, i, i FROM n',
        f'CREATE TABLE "{quoted}" ("{quoted}" integer primary key, "select" text);'
        f'{NUMBERS} INSERT INTO "{quoted}" SELECT i * 1000000000, i FROM n',
    )
    assert case.run().rows == 4 * ROWS
    assert case.rows('SELECT count(*) FROM empty') == [(0,)]
    assert case.rows('SELECT a, count(*) FROM keyless GROUP BY a ORDER BY a') == [
        *(('0', 333), ('1', 334), ('2', 333)),
    ]
    assert case.rows('SELECT count(*), count(DISTINCT (a, b, c)) FROM pairs') == [(ROWS, ROWS)]
    assert case.rows('SELECT count(DISTINCT oid) FROM numbered') == [(ROWS,)]
    name = case.rows("SELECT relname FROM pg_class WHERE relname LIKE 'a %' AND relkind = 'r'")
    assert name == [(AWKWARD,)]
    assert case.rows(f'SELECT sum("select"::int) FROM "{quoted}"') == [(ROWS * (ROWS + 1) // 2,)]


def test_shapes_of_postgres(make_case: MakeCase, source_database: str) -> None:
    """Without rows, without a key, with deleted rows, partitioned and inherited: all once."""
    with psycopg.connect(source_database) as source:
        for each in (
            'CREATE TABLE empty (a int)',
            f'CREATE TABLE keyless AS SELECT i % 3 AS a FROM generate_series(1, {ROWS}) i',
            'CREATE TABLE holes AS SELECT i, repeat(i::text, 99)'
            f' FROM generate_series(1, {ROWS}) i',
            'DELETE FROM holes WHERE i % 10 <> 0',
            'CREATE TABLE parted (i int, PRIMARY KEY (i)) PARTITION BY RANGE (i)',
            'CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (500)',
            'CREATE TABLE high PARTITION OF parted DEFAULT',
            f'INSERT INTO parted SELECT generate_series(1, {ROWS})',
            'CREATE TABLE parent (i int)',
            'CREATE TABLE child () INHERITS (parent)',
            'INSERT INTO parent VALUES (1)',
            'INSERT INTO child VALUES (2)',
        ):
            source.execute(each.encode())
    case = make_case(source_database)
    case.chunk_rows = CHUNK
    plan = case.plan()
    told = dict(plan.told())
    assert 'one plain table' in told['parted'].text
    assert 'inherits from parent' in told['child'].text
    case.run(plan)
    for table, rows in (('keyless', ROWS), ('holes', 100), ('parted', ROWS), ('parent', 1)):
        assert case.rows(f'SELECT count(*) FROM ONLY {table}') == [(rows,)], table
    assert case.rows('SELECT i FROM child') == [(2,)]
    assert case.rows('SELECT count(*) FROM empty') == [(0,)]


def test_shapes_of_mariadb(make_case: MakeCase, maria: MariaDatabase) -> None:
    """Keys of text are cut by the source's own order, in which case and blanks do not count."""
    maria.execute(
        *('DROP DATABASE source', 'CREATE DATABASE source CHARACTER SET utf8mb4', 'USE source'),
        'CREATE TABLE words (a varchar(20) COLLATE utf8mb4_general_ci, b datetime(3), '
        'c decimal(9,3), d varbinary(9), PRIMARY KEY (a, b, c, d))',
        "INSERT INTO words SELECT concat(char(65 + seq % 50), ' ', seq % 13), "
        f"'2024-01-01' + INTERVAL seq SECOND, seq / 8, char(seq % 256) FROM seq_1_to_{ROWS}",
        'CREATE TABLE keyless (a int)',
        f'INSERT INTO keyless SELECT seq % 3 FROM seq_1_to_{ROWS}',
        f'CREATE TABLE {_backquoted(AWKWARD)} ({_backquoted(AWKWARD)} int PRIMARY KEY)',
        f'INSERT INTO {_backquoted(AWKWARD)} SELECT seq FROM seq_1_to_{ROWS}',
    )
    case = make_case(maria.url)
    case.chunk_rows = CHUNK
    assert case.run().rows == 3 * ROWS
    assert case.rows('SELECT count(*), count(DISTINCT (a, b)) FROM words') == [(ROWS, ROWS)]


def _backquoted(name: str) -> str:
    return f'`{name.replace("`", "``")}`'


def test_wide_table(make_case: MakeCase) -> None:
    """A table of 1,600 columns is carried over; one of more is refused in the plan."""
    case = make_case('')
    columns = ', '.join(f'c{number} boolean' for number in range(1600))
    values = ', '.join('1' * 1600)
    case.source = sqlite_file(
        case.folder, f'CREATE TABLE wide ({columns}); INSERT INTO wide VALUES ({values})'
    )
    case.run()
    assert case.rows('SELECT c0, c1599 FROM wide') == [(True, True)]
    case.source = sqlite_file(case.folder, f'CREATE TABLE wide ({columns}, d int)')
    assert 'at most 1600 columns' in ' '.join(case.plan().refusals)


def test_row_larger_than_a_page(make_case: MakeCase) -> None:
    """A row that no page of PostgreSQL holds is an error that says so."""
    case = make_case('')
    columns = ', '.join(f'c{number} int' for number in range(1600))
    values = ', '.join('1' * 1600)
    case.source = sqlite_file(
        case.folder, f'CREATE TABLE wide ({columns}); INSERT INTO wide VALUES ({values})'
    )
    with pytest.raises(DataError, match='larger than a page'):
        case.run()


def test_large_values(make_case: MakeCase) -> None:
    """Values of 50 MB are carried over among small ones."""
    case = make_case('')
    size = 50 * 1024 * 1024
    case.source = sqlite_file(
        case.folder,
        f'CREATE TABLE large (i integer primary key, b blob, t text); {NUMBERS} INSERT INTO large '
        "SELECT i, x'00', 'small' FROM n",
        f'UPDATE large SET b = zeroblob({size}) WHERE i = 500',
        f"UPDATE large SET t = replace(hex(zeroblob({size // 2})), '00', 'é') WHERE i = 501",
    )
    case.run()
    assert case.rows('SELECT length(b) FROM large WHERE i = 500') == [(size,)]
    assert case.rows('SELECT octet_length(t) FROM large WHERE i = 501') == [(size,)]


def test_many_tables(make_case: MakeCase, source_database: str) -> None:
    """A wish for some of many tables leaves the others alone."""
    with psycopg.connect(source_database) as source:
        for number in range(50):
            source.execute(f'CREATE TABLE t{number} (i int)'.encode())
    case = make_case(source_database)
    plan = case.plan(Wishes(tables=('t7', 't9')))
    assert [table.name for table in plan.tables] == ['t7', 't9']
    assert len(case.plan().tables) == 50


@pytest.mark.slow
def test_hundred_thousand_tables(make_case: MakeCase, source_database: str) -> None:
    """Of a hundred thousand tables some can be carried over; all at once are told to be many."""
    with psycopg.connect(source_database, autocommit=True) as source:
        for thousand in range(100):  # a transaction of more would have too many locks
            source.execute(
                f"""
                DO $$ BEGIN FOR i IN {thousand * 1000} .. {thousand * 1000 + 999} LOOP
                  EXECUTE format('CREATE TABLE t%s (i int)', i);
                END LOOP; END $$
            """.encode()
            )
        source.execute('INSERT INTO t77777 VALUES (7)')
    case = make_case(source_database)
    with pytest.raises(UnfitError, match='has 100,000 tables, and one migration takes 10,000'):
        case.plan()
    case.run(case.plan(Wishes(tables=('t7', 't77777'))))
    assert case.rows('SELECT i, (SELECT count(*) FROM t7) FROM t77777') == [(7, 0)]


@pytest.mark.parametrize('kind', ['sqlite', 'postgres', 'mariadb'])
def test_source_changes_while_it_is_copied(
    kind: str, make_case: MakeCase, request: pytest.FixtureRequest
) -> None:
    """What is written to the source meanwhile is not in the target: it has one moment."""
    case = make_case('')
    case.chunk_rows = CHUNK
    write = _changing(kind, case, request)
    changed = False

    def change() -> bool:
        # All have their snapshots when that is told.
        nonlocal changed
        if not changed and 'copying, 0 rows are there' in case.log:
            changed = True
            write('DELETE FROM t WHERE i > 10', 'INSERT INTO t VALUES (5000)')
        return False

    plan = case.plan()
    case.stop = change
    assert case.run(plan).rows == ROWS
    assert changed
    assert case.rows('SELECT count(*), max(i) FROM t') == [(ROWS, ROWS)]


def _changing(kind: str, case: Case, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Give the case a source with a table, and return what executes statements in it."""
    fill = f'{NUMBERS} INSERT INTO t SELECT i FROM n'
    if kind == 'sqlite':
        case.source = sqlite_file(case.folder, f'CREATE TABLE t (i integer primary key); {fill}')
        return lambda *statements: _sqlite(case.source, *statements)
    if kind == 'postgres':
        case.source = request.getfixturevalue('source_database')
        _postgres(
            case.source,
            'CREATE TABLE t (i int primary key)',
            f'INSERT INTO t SELECT generate_series(1, {ROWS})',
        )
        return lambda *statements: _postgres(case.source, *statements)
    maria: MariaDatabase = request.getfixturevalue('maria')
    case.source = maria.url
    maria.execute(
        *('DROP DATABASE source', 'CREATE DATABASE source CHARACTER SET utf8mb4', 'USE source'),
        'CREATE TABLE t (i int primary key)',
        f'INSERT INTO t SELECT seq FROM seq_1_to_{ROWS}',
    )
    return lambda *statements: maria.execute('SET lock_wait_timeout = 20', *statements)


def _sqlite(url: str, *statements: str) -> None:
    with closing(sqlite3.connect(url.removeprefix('sqlite://'))) as connection:
        for each in statements:
            connection.execute(each)
        connection.commit()


def _postgres(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for each in statements:
            connection.execute(each.encode())


def test_tables_change_after_the_plan(make_case: MakeCase, source_database: str) -> None:
    """A plan of tables that were altered since is not run."""
    _postgres(source_database, 'CREATE TABLE t (i int)')
    case = make_case(source_database)
    plan = case.plan()
    _postgres(source_database, 'ALTER TABLE t ADD j int')
    with pytest.raises(ChangedError, match='plan again'):
        case.run(plan)


def test_target_that_rounds(make_case: MakeCase) -> None:
    """What the target changes of a value is found, and nothing becomes visible."""
    case = make_case('')
    case.source = sqlite_file(
        case.folder,
        'CREATE TABLE t (i integer primary key, a text);'
        f"{NUMBERS} INSERT INTO t SELECT i, iif(i = 77, 'ab  ', 'ab') FROM n",
    )
    plan = case.plan(Wishes(types=(('t.a', 'varchar(3)'),)))
    with pytest.raises(MismatchError, match='Nothing was swapped') as found:
        case.run(plan)
    assert found.value.tables == ('t',)
    assert "(1000 rows read, 1000 there): (i=77): a is 'ab ', and was read as 'ab  '." in str(
        found.value
    )
    assert case.rows("SELECT to_regclass('t')") == [(None,)]
