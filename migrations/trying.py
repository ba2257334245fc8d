"""The plan's DDL tried in the target, in a transaction that is taken back: what fails is told."""

from __future__ import annotations

import secrets
from dataclasses import replace

import psycopg
from psycopg import sql

from migrations import ddl
from migrations.plans import LOST, REFUSED, Column, Note, Plan, Statement, Table
from migrations.streams import Connection

# All in one transaction, and each takes a lock.
MOST_TABLES = 500


def tried(connection: Connection, plan: Plan) -> Plan:
    """Return the plan without what the target cannot have, which its notes then say.

    Raises psycopg.Error when nothing can be created there.
    """
    if len(plan.tables) > MOST_TABLES:
        said = Note(LOST, f'not tried out in the target: these are more than {MOST_TABLES} tables')
        return replace(plan, notes=(*plan.notes, said))
    schema = f'_mig_try_{secrets.token_hex(6)}'
    with connection.transaction(force_rollback=True):
        connection.execute(f'CREATE SCHEMA {schema}'.encode())
        enter(connection, schema, plan.schema)
        return _Trial(connection, plan).outcome()


def enter(connection: Connection, schema: str, target_schema: str) -> None:
    """Have names mean what is in a schema of ours, until the transaction ends."""
    # What the target has there, functions say, is found after that.
    path = sql.SQL('SET LOCAL search_path = {}, {}, public').format(
        sql.Identifier(schema), sql.Identifier(target_schema)
    )
    connection.execute(path)


class _Trial:
    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._failures: dict[str, str] = {}
        self._notes: dict[str, list[Note]] = {}

    def outcome(self) -> Plan:
        types = self._kept(self._plan.types)
        tables = [self._created(table) for table in self._plan.tables]
        statements = self._kept(self._plan.statements)
        told = [replace(t, notes=(*t.notes, *self._notes.get(t.name, ()))) for t in tables]
        notes = (*self._plan.notes, *self._notes.get('', ()))
        return replace(
            self._plan, types=types, tables=tuple(told), statements=statements, notes=notes
        )

    def _kept(self, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        kept = []
        for each in statements:
            if failure := self._failure(each.sql):
                self._say(each.table, LOST, f'{each.kind} {each.name!r}: {failure}')
            else:
                kept.append(each)
        return tuple(kept)

    def _created(self, table: Table) -> Table:
        columns = tuple(map(self._possible, table.columns))
        found = replace(
            table,
            columns=columns,
            binary=table.binary and not any(each.reads == 'text' for each in columns),
        )
        failure = self._failure(ddl.create_table(found), keep=True)
        if failure and any(each.generated for each in columns):
            plain = tuple(map(_without_expression, columns))
            found = replace(found, columns=plain)
            failure = self._failure(ddl.create_table(found), keep=True)
        if failure:
            self._say(table.name, REFUSED, failure)
        return found

    def _possible(self, column: Column) -> Column:
        notes = []
        if failure := self._failure(f'SELECT NULL::{column.target_type} WHERE false'):
            notes.append(Note(LOST, f'{failure}: it becomes text'))
            column = replace(column, target_type='text', reads='text', default=None, identity=None)
        if column.default is not None:
            cast = f'SELECT ({column.default})::{column.target_type}'
            if failure := self._failure(cast):
                notes.append(Note(LOST, f'its default {column.default}: {failure}'))
                column = replace(column, default=None)
        return replace(column, notes=(*column.notes, *notes))

    def _failure(self, statement: str, keep: bool = False) -> str:
        """Return what the target says against a statement; empty: nothing."""
        if statement in self._failures:
            return self._failures[statement]
        try:
            with self._connection.transaction():
                self._connection.execute(statement.encode())
            said = ''
        except psycopg.Error as error:
            if self._connection.broken:
                raise
            said = error.diag.message_primary or str(error)
        if not keep:
            self._failures[statement] = said
        return said

    def _say(self, table: str, level: str, text: str) -> None:
        self._notes.setdefault(table, []).append(Note(level, text))


def _without_expression(column: Column) -> Column:
    if column.generated is None:
        return column
    said = Note(LOST, 'its expression: it becomes a plain column with its values')
    return replace(column, generated=None, notes=(*column.notes, said))
