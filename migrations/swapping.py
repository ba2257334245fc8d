"""The end of a migration: its tables get their final names, all in one step."""

from __future__ import annotations

from collections.abc import Mapping

from migrations.errors import ExistsError
from migrations.names import literal, quoted
from migrations.plans import Plan, Statement
from migrations.staging import Staging
from migrations.streams import Connection

LOCK_TIMEOUT = '5s'
# Of columns, what the source's sequence gave last, and whether it was given out.
Given = Mapping[tuple[str, str], tuple[int, bool] | None]
# Names that a schema has once: tables, indexes, sequences, views, types.
TAKEN = """
    SELECT relname FROM pg_class c WHERE relnamespace = to_regnamespace(%(schema)s)
      AND relname = ANY(%(names)s)
      AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
        WHERE i.indexrelid = c.oid AND t.relname = ANY(%(old)s))
    UNION SELECT typname FROM pg_type WHERE typnamespace = to_regnamespace(%(schema)s)
      AND typname = ANY(%(names)s)
    ORDER BY 1
"""
# What would go on meaning the old tables: foreign keys, views and functions from outside.
DEPENDENTS = """
    SELECT format('foreign key %%I of %%s', conname, conrelid::regclass) FROM pg_constraint
      WHERE contype = 'f' AND confrelid = ANY(%(old)s::regclass[])
        AND NOT conrelid = ANY(%(old)s::regclass[])
    UNION
    SELECT format('view %%s', r.ev_class::regclass) FROM pg_depend d
      JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
      WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY(%(old)s::regclass[])
        AND NOT r.ev_class = ANY(%(old)s::regclass[])
    UNION
    SELECT format('partition or child %%s', inhrelid::regclass) FROM pg_inherits
      WHERE inhparent = ANY(%(old)s::regclass[]) AND NOT inhrelid = ANY(%(old)s::regclass[])
    ORDER BY 1
"""


def taken(connection: Connection, plan: Plan) -> list[str]:
    """Return the names that the target's schema has already, and which nobody moves away."""
    names = [table.name for table in plan.tables]
    names += [each.name for each in (*plan.types, *plan.statements) if _names_a_relation(each)]
    values = {'schema': quoted(plan.schema), 'names': names, 'old': list(plan.replaced)}
    found = connection.execute(TAKEN, values)
    return [row[0] for row in found if row[0] not in plan.replaced]


def dependents(connection: Connection, schema: str, tables: list[str]) -> list[str]:
    """Return what refers to tables of the target from outside of them."""
    old = [f'{quoted(schema)}.{quoted(name)}' for name in tables]
    return [row[0] for row in connection.execute(DEPENDENTS, {'old': old})]


def swap(staging: Staging, plan: Plan) -> None:
    """Give the tables their names.

    Raises ExistsError, and psycopg.Error: then nothing has changed.
    """
    connection = staging.connection
    with connection.transaction():
        connection.execute(f'SET LOCAL lock_timeout = {literal(LOCK_TIMEOUT)}'.encode())
        if plan.replaced:
            _put_away(staging, plan)
        for each in plan.types:
            kind = 'DOMAIN' if each.sql.startswith('CREATE DOMAIN') else 'TYPE'
            _move(staging, plan, kind, each.name)
        for table in plan.tables:
            _move(staging, plan, 'TABLE', table.name)
        connection.execute(f'UPDATE {staging.schema}._migration SET is_swapped = true'.encode())


def backup_schema(migration: str) -> str:
    """Return where the tables go that are replaced."""
    return f'backup_{migration}'


def set_next_numbers(staging: Staging, plan: Plan, given: Given) -> None:
    """Have identities go on after what the rows have and the source had given."""
    for table in plan.tables:
        for column in table.columns:
            if column.identity is not None:
                told = given.get((table.name, column.name))
                _set_next(staging, table.name, column.name, told)


def analyze(connection: Connection, plan: Plan) -> None:
    """Let the planner know the new tables."""
    names = ', '.join(f'{quoted(plan.schema)}.{quoted(table.name)}' for table in plan.tables)
    if names:
        connection.execute(f'ANALYZE {names}'.encode())


def _names_a_relation(statement: Statement) -> bool:
    return statement.kind in ('type', 'index', 'key')


def _put_away(staging: Staging, plan: Plan) -> None:
    connection = staging.connection
    # Whoever writes to them until then waits; so nothing gets into the old ones unseen.
    if found := dependents(connection, plan.schema, list(plan.replaced)):
        raise ExistsError(
            f'{", ".join(found)} would go on meaning the tables that are replaced. '
            'Drop them first, or migrate into another schema.'
        )
    backup = backup_schema(staging.id)
    connection.execute(f'CREATE SCHEMA {quoted(backup)}'.encode())
    for name in plan.replaced:
        old = f'{quoted(plan.schema)}.{quoted(name)}'
        connection.execute(f'ALTER TABLE {old} SET SCHEMA {quoted(backup)}'.encode())


def _move(staging: Staging, plan: Plan, kind: str, name: str) -> None:
    found = f'ALTER {kind} {staging.schema}.{quoted(name)} SET SCHEMA {quoted(plan.schema)}'
    staging.connection.execute(found.encode())


def _set_next(staging: Staging, table: str, column: str, told: tuple[int, bool] | None) -> None:
    name = f'{staging.schema}.{quoted(table)}'
    query = f"""
        SELECT seqrelid::regclass::text, seqincrement, seqmin, seqmax, max, min
        FROM pg_sequence, (SELECT max({quoted(column)}), min({quoted(column)}) FROM {name}) m
        WHERE seqrelid = pg_get_serial_sequence({literal(name)}, {literal(column)})::regclass
    """
    found = staging.connection.execute(query.encode()).fetchone()
    assert found
    sequence, increment, least, most, high, low = found
    # With a step below zero it counts from the other end.
    held, sign = (high, 1) if increment > 0 else (low, -1)
    value, called = told or (None, True)
    if held is not None and (value is None or (held - value) * sign >= 0):
        value, called = held, True
    if value is not None and least <= value <= most:
        staging.connection.execute('SELECT setval(%s::regclass, %s, %s)', (sequence, value, called))
