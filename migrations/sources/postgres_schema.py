"""The tables of a schema of PostgreSQL, in the words that it has for them itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psycopg import sql
from psycopg.rows import namedtuple_row

from migrations import ddl
from migrations.names import literal, quoted
from migrations.plans import LOST, REFUSED, WIDENED, Column, Identity, Note, Part, Statement, Table
from migrations.sources import Found, Wishes, insist_on_few
from migrations.streams import Connection

# From here on objects are the users' own, and have other numbers in other databases.
FIRST_OWN = 16_384
LIMITS = {'smallint': 2**15 - 1, 'integer': 2**31 - 1, 'bigint': 2**63 - 1}
KINDS = {'p': 'key', 'u': 'key', 'x': 'key', 'c': 'check', 'f': 'foreign key'}
TABLES = """
    SELECT c.oid, c.relname AS name, c.relkind AS kind, c.relrowsecurity AS secured,
      c.relpersistence AS persistence, pg_total_relation_size(c.oid) AS bytes,
      c.reltuples::bigint AS rows, pg_get_partkeydef(c.oid) AS partitioned,
      (SELECT string_agg(inhparent::regclass::text, ', ') FROM pg_inherits
        WHERE inhrelid = c.oid) AS parents,
      EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') AS extended,
      obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
      AND (%s::text[] = '{}' OR c.relname = ANY(%s))
    ORDER BY c.relname
"""
LEAVES = """
    SELECT p.parentrelid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
      c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
    FROM unnest(%s::oid[]) AS r(oid), pg_partition_tree(r.oid) p
    JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.isleaf AND r.oid = %s ORDER BY p.relid
"""
COLUMNS = """
    SELECT a.attrelid AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
      a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid, true) AS default,
      a.attidentity AS identity, a.attgenerated AS generated, a.atttypid AS type_id,
      t.typtype AS sort, t.typcategory AS category, t.typbasetype AS base, t.typelem AS element,
      a.attcollation <> t.typcollation AS collated,
      s.oid AS sequence_id, quote_ident(s.nspname) || '.' || quote_ident(s.relname) AS sequence
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN LATERAL (
      SELECT q.oid, q.relname, n.nspname FROM pg_depend p
        JOIN pg_class q ON q.relkind = 'S' AND q.oid = p.refobjid
        JOIN pg_namespace n ON n.oid = q.relnamespace
      WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
        AND p.refclassid = 'pg_class'::regclass
      UNION
      SELECT q.oid, q.relname, n.nspname FROM pg_depend p
        JOIN pg_class q ON q.relkind = 'S' AND q.oid = p.objid
        JOIN pg_namespace n ON n.oid = q.relnamespace
      WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
        AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'i'
      LIMIT 1
    ) s ON true
    WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""
SEQUENCES = """
    SELECT seqrelid AS id, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle
    FROM pg_sequence WHERE seqrelid = ANY(%s)
"""
CONSTRAINTS = """
    SELECT c.conrelid AS relation, c.conname AS name, c.contype AS kind,
      pg_get_constraintdef(c.oid, true) AS definition, c.confrelid AS parent,
      c.confrelid::regclass::text AS parent_name
    FROM pg_constraint c
    WHERE c.conrelid = ANY(%s) AND c.contype = ANY('{p,u,c,x,f,t}')
    ORDER BY c.contype = 'f', c.conrelid, c.contype <> 'p', c.conname
"""
KEYS = """
    SELECT i.indrelid AS relation, array_agg(a.attname::text ORDER BY k.at) AS names
    FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(number, at), pg_attribute a
    WHERE i.indrelid = ANY(%s) AND i.indisprimary AND a.attrelid = i.indrelid
      AND a.attnum = k.number AND k.at <= i.indnkeyatts
    GROUP BY i.indrelid
"""
INDEXES = """
    SELECT i.indrelid AS relation, c.relname AS name, pg_get_indexdef(c.oid, 0, true) AS definition,
      i.indisvalid AS valid
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(%s)
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid
        AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x'))
    ORDER BY c.relname
"""
LEFT_BEHIND = """
    SELECT tgrelid AS relation, format('trigger %%I', tgname) AS what FROM pg_trigger
      WHERE tgrelid = ANY(%(ids)s) AND NOT tgisinternal
    UNION ALL SELECT polrelid, format('row security policy %%I', polname) FROM pg_policy
      WHERE polrelid = ANY(%(ids)s)
    UNION ALL SELECT ev_class, format('rule %%I', rulename) FROM pg_rewrite
      WHERE ev_class = ANY(%(ids)s)
    UNION ALL SELECT stxrelid, format('statistics %%I', stxname) FROM pg_statistic_ext
      WHERE stxrelid = ANY(%(ids)s)
    UNION ALL SELECT oid, 'its grants' FROM pg_class
      WHERE oid = ANY(%(ids)s) AND relacl IS NOT NULL
    UNION ALL SELECT objoid, CASE WHEN objsubid = 0 THEN 'its comment' ELSE 'comments of columns'
      END FROM pg_description WHERE objoid = ANY(%(ids)s) AND classoid = 'pg_class'::regclass
    ORDER BY 1, 2
"""
VIEWS = """
    SELECT format('%%s %%I', CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END,
      relname) AS what FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('v', 'm')
    ORDER BY relname
"""
# All types that the columns need, and those in them.
TYPES = """
    WITH RECURSIVE used(id) AS (
      SELECT unnest(%s::oid[])
      UNION
      SELECT n.id FROM used u JOIN pg_type t ON t.oid = u.id, LATERAL (
        SELECT t.typelem UNION SELECT t.typbasetype
        UNION SELECT a.atttypid FROM pg_attribute a
          WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      ) n(id) WHERE n.id <> 0
    )
    SELECT t.oid, t.typname AS name, t.typtype AS sort,
      format_type(t.typbasetype, t.typtypmod) AS base, t.typnotnull AS not_null,
      t.typdefault AS default,
      (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum
        WHERE enumtypid = t.oid) AS labels,
      (SELECT string_agg(format('CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid, true)),
        ' ' ORDER BY conname) FROM pg_constraint
        WHERE contypid = t.oid AND contype = 'c') AS checks,
      (SELECT string_agg(format('%%I %%s', attname, format_type(atttypid, atttypmod)), ', '
        ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) AS attributes
    FROM pg_type t JOIN used u ON u.id = t.oid JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = %s AND t.typtype IN ('e', 'd', 'c', 'r')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
    ORDER BY t.oid
"""


def reflect(connection: Connection, wishes: Wishes) -> Found:
    """Return the tables, or those that are wished for, and what belongs to them."""
    # Then what is in the schema is written without its name.
    path = sql.SQL('SET LOCAL search_path = {}').format(sql.Identifier(wishes.schema))
    connection.execute(path)
    reflection = _Reflection(connection, wishes)
    tables = reflection.tables()
    statements = reflection.statements()
    types = reflection.types()
    views = reflection.rows(VIEWS, quoted(wishes.schema)) if not wishes.tables else []
    notes = [*reflection.database_notes, *(Note(LOST, row.what) for row in views)]
    connection.execute('SET LOCAL search_path = DEFAULT')
    told = [replace(t, notes=(*t.notes, *reflection.notes.get(t.name, ()))) for t in tables]
    return Found(tuple(told), tuple(types), tuple(statements), tuple(notes))


class _Reflection:
    def __init__(self, connection: Connection, wishes: Wishes) -> None:
        self._cursor = connection.cursor(row_factory=namedtuple_row)
        self._wishes = wishes
        wanted = list(wishes.tables)
        self._relations = self.rows(TABLES, wishes.schema, wanted, wanted)
        self._ids = [row.oid for row in self._relations if row.kind != 'f' and not row.extended]
        insist_on_few(len(self._ids))
        self._names = {row.oid: row.name for row in self._relations if row.oid in self._ids}
        self._columns: dict[int, list[Any]] = {}
        for row in self.rows(COLUMNS, self._ids):
            self._columns.setdefault(row.relation, []).append(row)
        self.notes: dict[str, list[Note]] = {}
        self.database_notes = [
            Note(LOST, f'{row.name!r} is a foreign table or part of an extension')
            for row in self._relations
            if row.oid not in self._ids
        ]

    def rows(self, query: str, *values: Any) -> list[Any]:
        return self._cursor.execute(query.encode(), values).fetchall()

    def tables(self) -> list[Table]:
        keys = {row.relation: tuple(row.names) for row in self.rows(KEYS, self._ids)}
        ids = [each.sequence_id for some in self._columns.values() for each in some]
        wanted = [each for each in ids if each is not None]
        sequences = {row.id: row for row in self.rows(SEQUENCES, wanted)}
        found = []
        for row in self._relations:
            if row.oid in self._ids:
                key = keys.get(row.oid, ())
                found.append(self._table(row, key, sequences))
        left: Any
        for left in self._cursor.execute(LEFT_BEHIND, {'ids': self._ids}).fetchall():
            self._say(left.relation, LOST, left.what)
        return found

    def _table(self, row: Any, key: tuple[str, ...], sequences: dict[int, Any]) -> Table:
        parts = [row]
        if row.kind == 'p':
            parts = self.rows(LEAVES, [row.oid], row.oid)
            said = f'PARTITION BY {row.partitioned}: it becomes one plain table'
            self._say(row.oid, LOST, said)
            if any(part.kind != 'r' for part in parts):
                self._say(row.oid, REFUSED, 'a partition of it is a foreign table')
        if row.parents:
            said = f'it inherits from {row.parents}, and becomes a table of its own'
            self._say(row.oid, LOST, said)
        if row.persistence == 'u':
            self._say(row.oid, WIDENED, 'it is unlogged, and becomes a logged table')
        columns = tuple(self._column(each, sequences) for each in self._columns.get(row.oid, []))
        if not columns:
            self._say(row.oid, REFUSED, 'it has no columns')
        schemas = [getattr(part, 'schema', self._wishes.schema) for part in parts]
        return Table(
            row.name,
            columns,
            key,
            (),
            tuple(Part(s, part.name) for s, part in zip(schemas, parts, strict=True)),
            all(map(_is_alike, self._columns.get(row.oid, []))),
            sum(self._estimated(s, part) for s, part in zip(schemas, parts, strict=True)),
            sum(part.bytes for part in parts),
        )

    def _estimated(self, schema: str, part: Any) -> int:
        if part.rows >= 0:
            return int(part.rows)
        found = self.rows(f'SELECT count(*) AS rows FROM ONLY {quoted(schema)}.{quoted(part.name)}')
        return int(found[0].rows)

    def _column(self, row: Any, sequences: dict[int, Any]) -> Column:
        notes = []
        identity = None
        default = None if row.generated else row.default
        if row.sequence_id is not None and row.type in LIMITS:
            identity = _identity(row, sequences[row.sequence_id])
            default = None
            if not row.identity:
                notes.append(Note(WIDENED, f'{row.default} becomes an identity of its own'))
        elif row.sequence_id is not None:
            notes.append(Note(LOST, f'its default {row.default}'))
            default = None
        if row.collated:
            notes.append(Note(LOST, 'its collation: it is compared as the target does'))
        # `v` is new in PostgreSQL 18.
        generated = f'({row.default}) {"STORED" if row.generated == "s" else "VIRTUAL"}'
        return Column(
            row.name,
            row.type,
            row.type,
            'verbatim',
            not_null=row.not_null,
            default=default,
            generated=generated if row.generated else None,
            identity=identity,
            notes=tuple(notes),
        )

    def statements(self) -> list[Statement]:
        found = []
        for row in self.rows(INDEXES, self._ids):
            if not row.valid:
                self._say(row.relation, LOST, f'index {row.name!r}, which is invalid')
                continue
            made = row.definition.replace(' ON ONLY ', ' ON ', 1)
            found.append(Statement('index', self._names[row.relation], row.name, made))
        constraints = self._constraints()
        keys = [each for each in constraints if each.kind == 'key']
        return [*keys, *found, *(each for each in constraints if each.kind != 'key')]

    def _constraints(self) -> list[Statement]:
        found = []
        for row in self.rows(CONSTRAINTS, self._ids):
            if row.kind == 't' or (row.kind == 'f' and row.parent not in self._names):
                what = row.parent_name if row.kind == 'f' else 'a trigger'
                said = f'constraint {row.name!r}: {what} is not carried over'
                self._say(row.relation, LOST, said)
                continue
            table = self._names[row.relation]
            found.append(ddl.constraint(KINDS[row.kind], table, row.name, row.definition))
        return found

    def types(self) -> list[Statement]:
        used = {each.type_id for some in self._columns.values() for each in some}
        found = []
        for row in self.rows(TYPES, list(used), self._wishes.schema):
            if (made := _create_type(row)) is None:
                self.database_notes.append(Note(LOST, f'type {row.name!r}'))
            else:
                found.append(Statement('type', '', row.name, made))
        return found

    def _say(self, relation: int, level: str, text: str) -> None:
        self.notes.setdefault(self._names[relation], []).append(Note(level, text))


def _is_alike(row: Any) -> bool:
    """Whether the type's binary form is the same in every database of this version."""
    # Arrays, ranges and rows carry the numbers of the types in them, and `reg…` other numbers.
    if row.type.startswith('reg') or row.category == 'X':
        return False
    if row.sort == 'e':
        return True
    return bool(row.type_id < FIRST_OWN or (row.sort == 'd' and row.base < FIRST_OWN))


def _identity(row: Any, sequence: Any) -> Identity:
    limit = LIMITS[row.type]
    options = [
        f'START WITH {sequence.seqstart} INCREMENT BY {sequence.seqincrement}',
        f'MINVALUE {max(sequence.seqmin, -limit - 1)} MAXVALUE {min(sequence.seqmax, limit)}',
        f'CACHE {sequence.seqcache}{" CYCLE" if sequence.seqcycle else ""}',
    ]
    return Identity(row.identity == 'a', ' '.join(options), row.sequence)


def _create_type(row: Any) -> str | None:
    name = quoted(row.name)
    if row.sort == 'e':
        return f'CREATE TYPE {name} AS ENUM ({", ".join(map(literal, row.labels or []))})'
    if row.sort == 'c':
        return f'CREATE TYPE {name} AS ({row.attributes})'
    if row.sort == 'd':
        default = f' DEFAULT {row.default}' if row.default is not None else ''
        checks = f' {row.checks}' if row.checks else ''
        not_null = ' NOT NULL' if row.not_null else ''
        return f'CREATE DOMAIN {name} AS {row.base}{default}{not_null}{checks}'
    return None
