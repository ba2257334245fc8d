"""Each type of each source is carried over with the values at its edges, as the documents say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import pytest

from migrations.plans import Plan
from tests.mariadb import MariaDatabase
from tests.migrating import Case, sqlite_file
from tests.migrations.type_tables import MARIADB, POSTGRES, POSTGRES_TYPES, SQLITE, Kind
from tests.paths import ROOT

# Set, it has these tests write the tables.
WRITES = 'WRITE_DOCUMENTS'
DOCUMENT = ROOT / 'docs' / 'migrations.md'
BEGIN, END = '<!-- types of {} -->', '<!-- end of {} -->'
MakeCase = Callable[[str], Case]


def test_types_of_sqlite(make_case: MakeCase) -> None:
    """A column of SQLite becomes what its declared type and its values fit, and has all of them."""
    case = make_case('')
    case.source = sqlite_file(case.folder, *_tables(SQLITE))
    _insist(case, 'SQLite', SQLITE)


def test_types_of_postgres(make_case: MakeCase, source_database: str) -> None:
    """A column of PostgreSQL keeps its type, also one that its users made, and all values."""
    with psycopg.connect(source_database) as connection:
        for each in (*POSTGRES_TYPES, *_tables(POSTGRES)):
            connection.execute(each.encode())
    case = make_case(source_database)
    _insist(case, 'PostgreSQL', POSTGRES)


def test_types_of_mariadb(make_case: MakeCase, maria: MariaDatabase) -> None:
    """A column of MariaDB becomes a type that has all its values, and has all of them."""
    maria.execute('DROP DATABASE source', 'CREATE DATABASE source CHARACTER SET utf8mb4')
    statements = [one for each in _tables(MARIADB) for one in each.split(';\n')]
    maria.execute('USE source', "SET sql_mode = ''", *statements)
    _insist(make_case(maria.url), 'MariaDB', MARIADB)


def _tables(kinds: Iterable[Kind]) -> list[str]:
    return [
        ';\n'.join(
            [
                f'CREATE TABLE t{number:02} (n int PRIMARY KEY, v {kind.declared})',
                *(
                    f'INSERT INTO t{number:02} VALUES ({at}, {value})'
                    for at, value in enumerate(kind.values)
                ),
            ]
        )
        for number, kind in enumerate(kinds)
    ]


def _insist(case: Case, name: str, kinds: tuple[Kind, ...]) -> None:
    plan = case.plan()
    assert plan.refusals == []
    case.run(plan)
    found = [_found(case, number) for number in range(len(kinds))]
    assert found == [(kind.becomes, list(kind.texts)) for kind in kinds]
    table = _table(name, plan, kinds)
    if os.environ.get(WRITES):
        _write(name, table)
    assert table in DOCUMENT.read_text(), f'out of date: run this test with {WRITES}=1'


def _found(case: Case, number: int) -> tuple[str, list[Any]]:
    query = f"""SELECT format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 't{number:02}'::regclass AND attname = 'v'"""
    ((kind,),) = case.rows(query)
    return kind, [row[0] for row in case.rows(f'SELECT v::text FROM t{number:02} ORDER BY n')]


def _table(name: str, plan: Plan, kinds: tuple[Kind, ...]) -> str:
    lines = [
        f'| {name} | Values that were carried over | PostgreSQL | What the plan says |',
        '|---|---|---|---|',
    ]
    for kind, table in zip(kinds, plan.tables, strict=True):
        notes = '; '.join(f'{each.level}: {each.text}' for each in table.columns[1].notes)
        cells = [kind.declared or '(none)', ', '.join(kind.values), kind.becomes]
        plain = [f'`{each}`'.replace('|', '\\|') for each in cells]
        lines.append(f'| {" | ".join([*plain, notes.replace("|", chr(92) + "|")])} |')
    return '\n'.join(lines)


def _write(name: str, table: str) -> None:
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(BEGIN.format(name))
    _, _, tail = rest.partition(END.format(name))
    DOCUMENT.write_text(f'{head}{BEGIN.format(name)}\n{table}\n{END.format(name)}{tail}')


@pytest.mark.parametrize('name', ['SQLite', 'PostgreSQL', 'MariaDB'])
def test_document(name: str) -> None:
    """The documents have a table of types for each source."""
    text = DOCUMENT.read_text()
    assert BEGIN.format(name) in text
    assert END.format(name) in text
