"""The tables of a SQLite file, as they will be in PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from dataclasses import replace
from typing import Any

from migrations import ddl
from migrations.names import Unique, literal, quoted
from migrations.plans import LOST, WIDENED, Column, Identity, Note, Part, Statement, Table
from migrations.sources import Found, Wishes, insist_on_few
from migrations.sources.overrides import overridden
from migrations.sources.sqlite import ROW_NUMBERS
from migrations.sources.sqlite_types import Choice, Content, choose, tests

# Columns that one query of the scan looks at: SQLite returns at most 2,000 values.
SCANNED_TOGETHER = 50
# What a scan counts of each storage class.
COUNTED = {'integer': 'integers', 'real': 'reals', 'text': 'texts', 'blob': 'blobs'}
NUMBER = re.compile(r'[+-]?\d+(\.\d+)?')
STRING = re.compile(r"'([^']|'')*'")
NOW = {
    'timestamp with time zone': 'CURRENT_TIMESTAMP',
    'timestamp': "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')",
    'text': "to_char(CURRENT_TIMESTAMP AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
    'date': "((CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::date)",
    'time': "((CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::time(0))",
}


def reflect(connection: sqlite3.Connection, wishes: Wishes) -> Found:
    """Return the tables, or those that are wished for, and what belongs to them."""
    rows = connection.execute('PRAGMA main.table_list').fetchall()
    kinds = {row[1]: row for row in rows if not row[1].startswith('sqlite_')}
    names = [name for name, row in sorted(kinds.items()) if row[2] == 'table']
    notes = [
        Note(LOST, f'{row[2]} {name!r} is not carried over')
        for name, row in sorted(kinds.items())
        if row[2] != 'table' and (not wishes.tables or name in wishes.tables)
    ]
    if wishes.tables:
        names = [name for name in names if name in wishes.tables]
    insist_on_few(len(names))
    reflection = _Reflection(connection, wishes, names)
    tables = [reflection.table(name, is_keyed=bool(kinds[name][4])) for name in names]
    statements = reflection.statements(tables)
    tables = [replace(t, notes=(*t.notes, *reflection.notes.get(t.name, ()))) for t in tables]
    return Found(tuple(tables), (), tuple(statements), tuple(notes))


class _Reflection:
    def __init__(self, connection: sqlite3.Connection, wishes: Wishes, names: list[str]) -> None:
        self._connection = connection
        self._wishes = wishes
        self._unique = Unique(names)
        # Keys that may have NULL, of which PostgreSQL makes no primary key.
        self._loose_keys: dict[str, tuple[str, ...]] = {}
        self.notes: dict[str, list[Note]] = {}

    def table(self, name: str, is_keyed: bool) -> Table:
        """Return a table; is_keyed: it is WITHOUT ROWID."""
        declared = self._rows('table_xinfo', name)
        contents, rows, largest, size = self._scanned(name, declared)
        key = [row[1] for row in sorted(declared, key=lambda row: int(row[5])) if row[5]]
        numbered = self._numbered(declared, key, is_keyed)
        columns = tuple(
            self._column(name, row, contents[row[1]], row[1] == numbered) for row in declared
        )
        taken = {row[1].lower() for row in declared}
        numbers = [each for each in ROW_NUMBERS if each not in taken]
        order = tuple(key) if is_keyed else tuple(numbers[:1])
        if any(contents[each].values < rows for each in key):
            self._say(name, WIDENED, 'a column of its primary key has NULL: it becomes UNIQUE')
            self._loose_keys[name] = tuple(key)
            key = []
        return Table(
            name, columns, tuple(key), order, (Part('main', name),), False, rows, size, largest
        )

    def _column(self, table: str, row: Any, content: Content, numbered: bool) -> Column:
        name, declared, hidden = row[1], row[2], row[6]
        choice = choose(declared, content)
        wished = dict(self._wishes.types).get(f'{table}.{name}')
        if wished:
            choice = Choice(*overridden(wished, choice.form), choice.notes)
        notes = list(choice.notes)
        default = None
        if hidden:
            notes.append(Note(LOST, 'its expression: it becomes a plain column with its values'))
        elif row[4] is not None:
            default = _default(row[4], choice.type)
            if default is None:
                notes.append(Note(LOST, f'its default {row[4]}, which PostgreSQL has not alike'))
        identity = Identity() if numbered and choice.type == 'bigint' else None
        return Column(
            name,
            declared or '(none)',
            choice.type,
            choice.form,
            not_null=bool(row[3]) or bool(identity),
            default=default,
            identity=identity,
            notes=tuple(notes),
        )

    def _scanned(self, table: str, declared: list[Any]) -> tuple[dict[str, Content], int, int, int]:
        """Return what is in each column; the rows, the bytes of the largest, those of all."""
        found: dict[str, Content] = {}
        largest = size = count = 0
        for at in range(0, len(declared), SCANNED_TOGETHER):
            some = declared[at : at + SCANNED_TOGETHER]
            count, *extent = self._asked(table, ['count(*)', *_sorts(some)])
            asked = {}
            for number, row in enumerate(some):
                low, high = extent[3 * number + 1 : 3 * number + 3]
                asked[row[1]] = _questions(row[1], row[2], low, high)
            # Most columns have values of one storage class, of which little has to be known.
            flat = [sql for each in asked.values() for sql in each.values()]
            answers = iter(self._asked(table, flat) if flat else ())
            for number, row in enumerate(some):
                told = {name: next(answers) or 0 for name in asked[row[1]]}
                values, low, high = extent[3 * number : 3 * number + 3]
                size += told.pop('bytes', 8 * values)
                found[row[1]] = _content(told, values, low, high)
                largest += found[row[1]].longest
        return found, count, largest, size

    def _asked(self, table: str, asked: list[str]) -> list[Any]:
        query = f'SELECT {", ".join(asked)} FROM main.{quoted(table)}'
        return list(self._connection.execute(query).fetchone())

    def _numbered(self, declared: list[Any], key: list[str], is_keyed: bool) -> str | None:
        if len(key) != 1 or is_keyed:
            return None
        row = next(row for row in declared if row[1] == key[0])
        return key[0] if row[2].upper() == 'INTEGER' else None

    def statements(self, tables: list[Table]) -> list[Statement]:
        """Return keys, indexes and foreign keys of the tables."""
        found: list[Statement] = []
        for table in tables:
            if table.key:
                name = self._unique.pick(f'{table.name}_pkey', table.name)
                found.append(ddl.primary_key(table, name))
            if loose := self._loose_keys.get(table.name):
                found.append(self._unique_constraint(table.name, list(loose)))
            found += self._indexes(table)
        names = {table.name.lower(): table for table in tables}
        for table in tables:
            found += self._foreign_keys(table, names)
            self._left(table.name)
        return found

    def _indexes(self, table: Table) -> list[Statement]:
        found = []
        for _, name, is_unique, origin, is_partial in self._rows('index_list', table.name):
            keys = [row for row in self._rows('index_xinfo', name) if row[5]]
            if origin == 'pk':
                continue
            if is_partial or any(row[1] < 0 for row in keys):
                self._say(table.name, LOST, f'index {name!r}: it is partial or of an expression')
                continue
            if is_unique and any(row[4] == 'NOCASE' for row in keys):
                self._say(table.name, WIDENED, f'unique index {name!r} no longer ignores case')
            columns = [row[2] for row in keys]
            if origin == 'u':
                found.append(self._unique_constraint(table.name, columns))
                continue
            listed = ', '.join(quoted(r[2]) + (' DESC NULLS LAST' if r[3] else '') for r in keys)
            picked = self._unique.pick(name, table.name)
            unique = 'UNIQUE ' if is_unique else ''
            sql = f'CREATE {unique}INDEX {quoted(picked)} ON {quoted(table.name)} ({listed})'
            found.append(Statement('index', table.name, picked, sql))
        return found

    def _unique_constraint(self, table: str, columns: list[str]) -> Statement:
        name = self._unique.pick(f'{table}_{"_".join(columns)}_key', table)
        listed = ', '.join(map(quoted, columns))
        return ddl.constraint('key', table, name, f'UNIQUE ({listed})')

    def _foreign_keys(self, table: Table, tables: dict[str, Table]) -> list[Statement]:
        grouped: dict[int, list[Any]] = {}
        for row in self._rows('foreign_key_list', table.name):
            grouped.setdefault(row[0], []).append(row)
        found = []
        for number, rows in sorted(grouped.items(), reverse=True):
            parent = tables.get(rows[0][2].lower())
            own = [row[3] for row in sorted(rows, key=lambda row: int(row[1]))]
            if parent is None:
                said = f'foreign key ({", ".join(own)}): table {rows[0][2]!r} is not carried over'
                self._say(table.name, LOST, said)
                continue
            theirs = [row[4] for row in sorted(rows, key=lambda row: int(row[1]))]
            theirs = list(parent.key) if None in theirs else theirs
            name = self._unique.pick(f'{table.name}_{"_".join(own)}_fkey', table.name)
            definition = (
                f'FOREIGN KEY ({", ".join(map(quoted, own))}) REFERENCES {quoted(parent.name)} '
                f'({", ".join(map(quoted, theirs))}) ON UPDATE {rows[0][5]} ON DELETE {rows[0][6]}'
            )
            if orphans := self._orphans(table.name, number):
                said = f'{orphans} rows refer to none in {parent.name!r}: the key becomes NOT VALID'
                self._say(table.name, WIDENED, said)
                definition += ' NOT VALID'
            found.append(ddl.constraint('foreign key', table.name, name, definition))
        return found

    def _orphans(self, table: str, number: int) -> int:
        try:
            return Counter(row[3] for row in self._rows('foreign_key_check', table))[number]
        except sqlite3.OperationalError:
            return 0  # The parent has no such key, which the target will say.

    def _left(self, table: str) -> None:
        query = "SELECT name FROM main.sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        for (name,) in self._connection.execute(query, (table,)):
            self._say(table, LOST, f'trigger {name!r}')
        query = 'SELECT sql FROM main.sqlite_master WHERE type = ? AND name = ?'
        (sql,) = self._connection.execute(query, ('table', table)).fetchone()
        if re.search(r'\bCHECK\s*\(', sql, re.IGNORECASE):
            self._say(table, LOST, 'its CHECK constraints, which are in the words of SQLite')
        if re.search(r'\bCOLLATE\b', sql, re.IGNORECASE):
            self._say(table, LOST, 'its collations: text is compared as the target does')

    def _say(self, table: str, level: str, text: str) -> None:
        self.notes.setdefault(table, []).append(Note(level, text))

    def _rows(self, pragma: str, name: str) -> list[Any]:
        return self._connection.execute(f'PRAGMA main.{pragma}({quoted(name)})').fetchall()


def _sorts(columns: list[Any]) -> list[str]:
    """Return the questions how many values there are, and of which storage classes."""
    found = []
    for row in columns:
        name = quoted(row[1])
        sort = f"nullif(typeof({name}), 'null')"
        found += [f'count({name})', f'min({sort})', f'max({sort})']
    return found


def _questions(name: str, declared: str, low: str | None, high: str | None) -> dict[str, str]:
    """Return what else to ask of a column, by the first and the last of its storage classes."""
    column = quoted(name)
    found: dict[str, str] = {}
    if low is None or high is None:
        return found
    if low != high:
        for sort, counted in COUNTED.items():
            found[counted] = f"sum(typeof({column}) = '{sort}')"
    if low <= 'integer' <= high and (low != high or 'bool' in declared.lower()):
        whole = f"CASE typeof({column}) WHEN 'integer' THEN {column} END"
        found |= {'low': f'min({whole})', 'high': f'max({whole})'}
    if 'blob' in (low, high) or high == 'text':
        long = f"CASE WHEN typeof({column}) IN ('text', 'blob') THEN length({column}) END"
        found |= {'longest': f'max({long})', 'bytes': f'sum({long})'}
    for shape, test in tests(declared).items():
        if high == 'text' or shape == 'scaled':
            found[f'shape {shape}'] = f'sum({test.replace("{c}", column)})'
    return found


def _content(answers: dict[str, int], values: int, low: str | None, high: str | None) -> Content:
    shapes = {k.removeprefix('shape '): v for k, v in answers.items() if k.startswith('shape ')}
    plain = {k: v for k, v in answers.items() if not k.startswith('shape ')}
    if low is not None and low == high:
        plain[COUNTED[low]] = values
    return Content(**plain, shapes=tuple(shapes.items()))


def _default(sql: str, target: str) -> str | None:
    """Return a default in PostgreSQL's words, if it is one of those that mean the same there."""
    word = sql.strip().strip('()').strip()
    if target == 'boolean':
        return {'0': 'false', '1': 'true', 'false': 'false', 'true': 'true'}.get(word.lower())
    if word.upper() == 'NULL':
        return 'NULL'
    if word.upper() in ('CURRENT_TIMESTAMP', 'CURRENT_DATE', 'CURRENT_TIME'):
        return NOW.get(target) if word.upper() == 'CURRENT_TIMESTAMP' else None
    if NUMBER.fullmatch(word):
        return literal(word) if target in ('text', 'bytea') else word
    return word if STRING.fullmatch(word) and '\\' not in word else None
