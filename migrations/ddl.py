"""DDL of planned tables. Names are not qualified: the search path says where it happens."""

from __future__ import annotations

from migrations.names import listed, quoted
from migrations.plans import Column, Identity, Statement, Table


def create_table(table: Table) -> str:
    """Return CREATE TABLE without keys and indexes, which come after the rows."""
    columns = ',\n  '.join(_column(each) for each in table.columns)
    return f'CREATE TABLE {quoted(table.name)} (\n  {columns}\n)'


def primary_key(table: Table, name: str) -> Statement:
    """Return the table's primary key."""
    return Statement(
        'key',
        table.name,
        name,
        f'ALTER TABLE {quoted(table.name)} ADD CONSTRAINT {quoted(name)} '
        f'PRIMARY KEY ({listed(table.key)})',
    )


def constraint(kind: str, table: str, name: str, definition: str) -> Statement:
    """Return a constraint that is added to a table."""
    sql = f'ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(name)} {definition}'
    return Statement(kind, table, name, sql)


def _column(column: Column) -> str:
    words = [quoted(column.name), column.target_type]
    if column.generated is not None:
        words.append(f'GENERATED ALWAYS AS {column.generated}')
    elif column.identity is not None:
        words.append(_identity(column.identity))
    elif column.default is not None:
        words.append(f'DEFAULT {column.default}')
    if column.not_null:
        words.append('NOT NULL')
    return ' '.join(words)


def _identity(identity: Identity) -> str:
    options = f' ({identity.options})' if identity.options else ''
    return f'GENERATED {"ALWAYS" if identity.always else "BY DEFAULT"} AS IDENTITY{options}'
