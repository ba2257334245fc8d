"""The tables of a database of MariaDB or MySQL, as they will be in PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pymysql

from migrations import ddl
from migrations.names import Unique, backquoted, listed, literal, quoted
from migrations.plans import LOST, WIDENED, Column, Identity, Note, Part, Statement, Table
from migrations.sources import Found, Wishes, insist_on_few
from migrations.sources.mysql import is_mariadb, order_of, rows
from migrations.sources.mysql_types import IS_ZERO, Choice, Declared, choose, words_of
from migrations.sources.overrides import overridden

# Of a column that may be so large, the largest value is looked for.
LARGE = ('mediumtext', 'longtext', 'mediumblob', 'longblob', 'text', 'blob', 'json')
IDENTITIES = ('smallint', 'integer', 'bigint')
NUMBER = re.compile(r'[+-]?\d+(\.\d+)?')
STRING = re.compile(r"'([^'\\]|'')*'")
NOW = re.compile(r'(current_timestamp|now)(\(\d?\))?', re.IGNORECASE)
BITS = re.compile("b'[01]+'")
TABLES = """
    SELECT table_name, table_type, engine, coalesce(table_rows, 0),
      coalesce(data_length + index_length, 0), coalesce(table_comment, '')
    FROM information_schema.tables WHERE table_schema = %s AND table_name {wished}
    ORDER BY table_name
"""
GENERATION = "coalesce(generation_expression, '')"
COLUMNS = f"""
    SELECT table_name, column_name, data_type, column_type, is_nullable, column_default, extra,
      coalesce(character_maximum_length, 0), coalesce(numeric_precision, 0),
      coalesce(numeric_scale, 0), coalesce(datetime_precision, 0),
      {GENERATION}, column_comment
    FROM information_schema.columns WHERE table_schema = %s AND table_name {{wished}}
    ORDER BY table_name, ordinal_position
"""
INDEXES = """
    SELECT table_name, index_name, non_unique, column_name, sub_part, index_type, collation
    FROM information_schema.statistics WHERE table_schema = %s AND table_name {wished}
    ORDER BY table_name, index_name, seq_in_index
"""
FOREIGN_KEYS = """
    SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema,
      k.referenced_table_name, k.referenced_column_name, r.update_rule, r.delete_rule
    FROM information_schema.key_column_usage k
    JOIN information_schema.referential_constraints r
      ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
      AND r.table_name = k.table_name
    WHERE k.table_schema = %s AND k.table_name {wished} AND k.referenced_table_name IS NOT NULL
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
TRIGGERS = """
    SELECT event_object_table, trigger_name FROM information_schema.triggers
    WHERE trigger_schema = %s AND event_object_table {wished} ORDER BY 1, 2
"""
# MySQL has no names of tables there.
CHECKS = """
    SELECT t.table_name, c.constraint_name, c.check_clause
    FROM information_schema.check_constraints c JOIN information_schema.table_constraints t
      ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
    WHERE c.constraint_schema = %s AND t.table_name {wished} ORDER BY 1, 2
"""
MARIADB_CHECKS = """
    SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints
    WHERE constraint_schema = %s AND table_name {wished} ORDER BY 1, 2
"""


def reflect(connection: pymysql.Connection[Any], database: str, wishes: Wishes) -> Found:
    """Return the tables, or those that are wished for, and what belongs to them."""
    reflection = _Reflection(connection, database, wishes)
    tables = reflection.tables()
    statements = reflection.statements(tables)
    told = [replace(t, notes=(*t.notes, *reflection.notes.get(t.name, ()))) for t in tables]
    return Found(tuple(told), (), tuple(statements), tuple(reflection.database_notes))


class _Reflection:
    def __init__(self, connection: pymysql.Connection[Any], database: str, wishes: Wishes) -> None:
        self._connection = connection
        self._database = database
        self._wishes = wishes
        self._is_mariadb = is_mariadb(connection)
        self._wrong_enums: set[tuple[str, str]] = set()
        self.notes: dict[str, list[Note]] = {}
        self.database_notes: list[Note] = []
        found = self._rows(TABLES)
        self._tables = [row for row in found if row[1] in ('BASE TABLE', 'SYSTEM VERSIONED')]
        self.database_notes += [
            Note(LOST, f'{row[1].lower()} {row[0]!r} is not carried over')
            for row in found
            if row not in self._tables
        ]
        insist_on_few(len(self._tables))
        self._columns = _grouped(self._column_rows())
        self._indexes = _grouped(self._rows(INDEXES))
        self._foreign_keys = _grouped(self._rows(FOREIGN_KEYS))
        self._checks = _grouped(self._check_rows())
        self._unique = Unique(row[0] for row in self._tables)
        self._linked = {
            name
            for some in self._foreign_keys.values()
            for row in some
            for name in ((row[0], row[2]), (row[4], row[5]))
        }

    def _rows(self, query: str) -> list[Any]:
        """Return the rows of the tables that are wished for: of others they would take long."""
        names = self._wishes.tables
        wished = f'IN ({", ".join(["%s"] * len(names))})' if names else 'IS NOT NULL'
        found = query.replace('{wished}', wished)
        return rows(self._connection, found, self._database, *names)

    def _column_rows(self) -> list[Any]:
        if self._knows('columns', 'generation_expression'):
            return self._rows(COLUMNS)
        return self._rows(COLUMNS.replace(GENERATION, "''"))  # MySQL 5.6

    def _check_rows(self) -> list[Any]:
        if self._is_mariadb:
            return self._rows(MARIADB_CHECKS)
        # Before 8.0.16 MySQL reads checks and forgets them.
        return self._rows(CHECKS) if self._knows('check_constraints', 'check_clause') else []

    def _knows(self, table: str, column: str) -> bool:
        """Return whether the server has a column in what it tells of itself."""
        query = """
            SELECT 1 FROM information_schema.columns
            WHERE table_schema = 'information_schema' AND lower(table_name) = %s
              AND lower(column_name) = %s
        """
        return bool(rows(self._connection, query, table, column))

    def tables(self) -> list[Table]:
        found = [self._table(row) for row in self._tables]
        for table, name in self._rows(TRIGGERS):
            self._say(table, LOST, f'trigger {name!r}')
        return found

    def _table(self, row: Any) -> Table:
        name, kind, engine, count, size, comment = row
        if kind == 'SYSTEM VERSIONED':
            self._say(name, LOST, 'its history: only the rows of now are carried over')
        if engine and engine.lower() != 'innodb':
            said = f'{engine} has no snapshots: nobody may write to it meanwhile'
            self._say(name, WIDENED, said)
        if comment:
            self._say(name, LOST, 'its comment')
        indexes = self._indexes.get(name, [])
        key = tuple(each[3] for each in indexes if each[1] == 'PRIMARY')
        scanned, largest = self._scanned(name)
        columns = tuple(self._column(name, each, scanned) for each in self._columns[name])
        kinds = {each[1]: each[2] for each in self._columns[name]}
        if any(each[1] == 'PRIMARY' and each[4] for each in indexes):
            self._say(name, LOST, 'its primary key, which is of beginnings of values')
            key = ()
        return Table(
            *(name, columns, key, order_of(key, kinds), (Part(self._database, name),)),
            *(False, int(count), int(size), largest),
        )

    def _scanned(self, table: str) -> tuple[dict[str, int], int]:
        """Return what was asked of each column, and the bytes of the largest values together."""
        asked = {}
        for row in self._columns[table]:
            name = backquoted(row[1])
            if row[3].startswith('tinyint(1)'):
                asked[row[1]] = f'sum({name} NOT IN (0, 1))'
            elif row[2] in ('date', 'datetime', 'timestamp'):
                asked[row[1]] = f'sum({IS_ZERO.replace("{c}", name)})'
            elif row[3].startswith('bigint') and 'unsigned' in row[3]:
                asked[row[1]] = f'max({name})'
            elif row[2] == 'enum':
                # What was none of its words is kept as an empty one.
                asked[row[1]] = f'sum({name} = 0)'
            elif row[2] in LARGE:
                asked[row[1]] = f'max(octet_length({name}))'
        if not asked:
            return {}, 0
        source = f'{backquoted(self._database)}.{backquoted(table)}'
        (values,) = rows(self._connection, f'SELECT {", ".join(asked.values())} FROM {source}')
        found = {name: int(value or 0) for name, value in zip(asked, values, strict=True)}
        enums = (row[1] for row in self._columns[table] if row[2] == 'enum')
        self._wrong_enums |= {(table, name) for name in enums if found[name]}
        large = {row[1] for row in self._columns[table] if row[2] in LARGE}
        return found, sum(value for name, value in found.items() if name in large)

    def _column(self, table: str, row: Any, scanned: dict[str, int]) -> Column:
        _, name, kind, whole, nullable, _, extra = row[:7]
        checks = [each[2] for each in self._checks.get(table, [])]
        is_numbered = 'auto_increment' in extra.lower()
        declared = Declared(
            name,
            kind,
            whole,
            int(row[7]),
            int(row[8]),
            int(row[9]),
            int(row[10]),
            is_text_json=f'json_valid({backquoted(name)})' in checks,
            is_key=is_numbered or (table, name) in self._linked,
            odd=scanned.get(name, 0),
            largest=scanned.get(name, 0),
        )
        choice = choose(declared, self._wishes.zero_dates_are_null and nullable == 'YES')
        wished = dict(self._wishes.types).get(f'{table}.{name}')
        if wished:
            choice = Choice(*overridden(wished, choice.form), choice.reads, choice.notes)
        notes = list(choice.notes)
        found = self._default(table, row, choice.type, notes)
        if row[11]:
            notes.append(Note(LOST, 'its expression: it becomes a plain column with its values'))
        if 'on update' in extra.lower():
            notes.append(Note(LOST, f'{extra}: an update no longer changes it'))
        if row[12]:
            notes.append(Note(LOST, 'its comment'))
        is_identity = is_numbered and choice.type in IDENTITIES
        if is_numbered and not is_identity:
            notes.append(Note(LOST, f'auto_increment: {choice.type} has no identity'))
        return Column(
            name,
            whole,
            choice.type,
            choice.form,
            choice.reads,
            not_null=nullable == 'NO',
            default=None if is_identity or row[11] else found,
            identity=Identity() if is_identity else None,
            notes=tuple(notes),
        )

    def _default(self, table: str, row: Any, target: str, notes: list[Note]) -> str | None:
        value, extra = row[5], row[6]
        if value is None or value == 'NULL':
            return None
        # MySQL has plain words there, unless it says that it is an expression.
        if not self._is_mariadb and 'DEFAULT_GENERATED' not in extra and not NOW.fullmatch(value):
            value = value if BITS.fullmatch(value) else literal(value)
        found = _translated(value, target)
        if found is None:
            notes.append(Note(LOST, f'its default {value}, which PostgreSQL has not alike'))
        return found

    def statements(self, tables: list[Table]) -> list[Statement]:
        """Return keys, indexes, checks and foreign keys of the tables."""
        found: list[Statement] = []
        for table in tables:
            if table.key:
                name = self._unique.pick(f'{table.name}_pkey', table.name)
                found.append(ddl.primary_key(table, name))
            found += self._made_indexes(table)
            found += self._made_checks(table)
        names = {table.name for table in tables}
        for table in tables:
            found += self._made_foreign_keys(table, names)
        return found

    def _made_indexes(self, table: Table) -> list[Statement]:
        found = []
        for name, some in _grouped(self._indexes.get(table.name, []), 1).items():
            if name == 'PRIMARY':
                continue
            if some[0][5] not in ('BTREE', 'HASH') or any(r[4] or r[3] is None for r in some):
                said = f'index {name!r}: {some[0][5]}, of an expression or of beginnings of values'
                self._say(table.name, LOST, said)
                continue
            columns = ', '.join(
                quoted(each[3]) + (' DESC NULLS LAST' if each[6] == 'D' else '') for each in some
            )
            picked = self._unique.pick(name, table.name)
            unique = '' if int(some[0][2]) else 'UNIQUE '
            sql = f'CREATE {unique}INDEX {quoted(picked)} ON {quoted(table.name)} ({columns})'
            found.append(Statement('index', table.name, picked, sql))
            if unique:
                self._say(table.name, WIDENED, f'{name!r} no longer ignores case or accents')
        return found

    def _made_checks(self, table: Table) -> list[Statement]:
        found = []
        for row in self._columns[table.name]:
            if row[2] == 'enum' and (table.name, row[1]) in self._wrong_enums:
                said = f'that only its words may be in {row[1]!r}: some are none of them'
                self._say(table.name, LOST, said)
            elif row[2] == 'enum':
                words = ', '.join(map(literal, words_of(row[3])))
                name = self._unique.pick(f'{table.name}_{row[1]}_check', table.name)
                definition = f'CHECK ({quoted(row[1])} IN ({words}))'
                found.append(ddl.constraint('check', table.name, name, definition))
        for _, name, clause in self._checks.get(table.name, []):
            if not clause.startswith('json_valid('):
                said = f'check {name!r}, which is in the words of MySQL: {clause}'
                self._say(table.name, LOST, said)
        return found

    def _made_foreign_keys(self, table: Table, tables: set[str]) -> list[Statement]:
        found = []
        for name, some in _grouped(self._foreign_keys.get(table.name, []), 1).items():
            parent = some[0][4]
            if some[0][3] != self._database or parent not in tables:
                said = f'foreign key {name!r}: table {parent!r} is not carried over'
                self._say(table.name, LOST, said)
                continue
            own, theirs = [row[2] for row in some], [row[5] for row in some]
            definition = (
                f'FOREIGN KEY ({listed(own)}) REFERENCES {quoted(parent)} ({listed(theirs)}) '
                f'ON UPDATE {some[0][6]} ON DELETE {some[0][7]}'
            )
            if orphans := self._orphans(table.name, parent, own, theirs):
                said = f'{orphans} rows refer to none in {parent!r}: {name!r} becomes NOT VALID'
                self._say(table.name, WIDENED, said)
                definition += ' NOT VALID'
            picked = self._unique.pick(name, table.name)
            found.append(ddl.constraint('foreign key', table.name, picked, definition))
        return found

    def _orphans(self, child: str, parent: str, own: list[str], theirs: list[str]) -> int:
        pairs = [(backquoted(a), backquoted(b)) for a, b in zip(own, theirs, strict=True)]
        where = ' AND '.join(f'c.{a} IS NOT NULL' for a, _ in pairs)
        joined = ' AND '.join(f'c.{a} = p.{b}' for a, b in pairs)
        database = backquoted(self._database)
        query = (
            f'SELECT count(*) FROM {database}.{backquoted(child)} c WHERE {where} AND NOT EXISTS '
            f'(SELECT 1 FROM {database}.{backquoted(parent)} p WHERE {joined})'
        )
        return int(rows(self._connection, query)[0][0])

    def _say(self, table: str, level: str, text: str) -> None:
        self.notes.setdefault(table, []).append(Note(level, text))


def _grouped(found: list[Any], at: int = 0) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for row in found:
        grouped.setdefault(row[at], []).append(row)
    return grouped


def _translated(value: str, target: str) -> str | None:
    """Return a default in PostgreSQL's words, if it is one of those that mean the same there."""
    plain = value.strip("'")
    if target == 'boolean':
        return {'0': 'false', '1': 'true'}.get(plain)
    if NOW.fullmatch(value):
        zoned = target.endswith('with time zone')
        return 'CURRENT_TIMESTAMP' if zoned else "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')"
    if BITS.fullmatch(value):
        # PostgreSQL fills up on the right, as of a text.
        sized = re.fullmatch(r'bit\((\d+)\)', target)
        return f"B'{value[2:-1].zfill(int(sized[1]))}'" if sized else None
    if NUMBER.fullmatch(value):
        return literal(value) if target in ('text', 'bytea') else value
    return value if STRING.fullmatch(value) else None
