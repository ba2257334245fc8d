"""The schema in the target in which a migration lives until all of it is there and right."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from migrations import ddl
from migrations.errors import BusyError, MigrationError, UnknownError
from migrations.names import literal, quoted
from migrations.plans import Plan
from migrations.rows import Reject
from migrations.sources import Bounds, between
from migrations.streams import MODULUS, Connection, Digest
from migrations.trying import enter

ID = re.compile('[a-z0-9_]{1,40}')
# Tables of ours in the schema, which no table of a source may be called.
OURS = ('_job', '_reject', '_migration')
# What is done one after the other; each consists of jobs.
COPY, AGAIN, CHECK, BUILD, LINK = 'copy', 'again', 'check', 'build', 'link'
# The server may take that long to notice that an earlier owner was killed.
LOCK_PATIENCE = 5.0
# Of a chunk that is checked: 32 MB.
CHECK_PAGES = 4096
STATE = """
    CREATE TABLE _migration (
      plan jsonb NOT NULL, allowance int NOT NULL, is_planned bool NOT NULL DEFAULT false,
      is_swapped bool NOT NULL DEFAULT false, begun timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE _job (
      step text, tbl text, no int, part int NOT NULL DEFAULT 0, lo jsonb, hi jsonb,
      rows bigint NOT NULL DEFAULT 0, digest numeric NOT NULL DEFAULT 0,
      done bool NOT NULL DEFAULT false, PRIMARY KEY (step, tbl, no)
    );
    CREATE TABLE _reject (tbl text, no int, key text, col text, value text, reason text)
"""


@dataclass(frozen=True)
class Job:
    """A piece of a step: a chunk to copy or check, or a statement to execute."""

    step: str
    table: str
    number: int
    bounds: Bounds


@dataclass(frozen=True)
class State:
    """What a migration is about, and how far it is."""

    plan: Plan
    allowance: int
    is_planned: bool
    is_swapped: bool


class Staging:
    """The schema of one migration."""

    def __init__(self, connection: Connection, migration: str) -> None:
        if not ID.fullmatch(migration):
            raise MigrationError('An id has only a-z, 0-9 and _, and at most 40 of them.')
        self.connection = connection
        self.id = migration
        self.schema = f'_mig_{migration}'

    def own(self) -> None:
        """Be the only one that works on this migration, until the connection ends.

        Raises BusyError.
        """
        ends_at = time.monotonic() + LOCK_PATIENCE
        query = 'SELECT pg_try_advisory_lock(hashtextextended(%s, 0))'
        while not self._one(query, f'migration {self.id}')[0]:
            if time.monotonic() > ends_at:
                raise BusyError(f'Somebody else works on migration {self.id}: wait for that.')
            time.sleep(0.2)

    def exists(self) -> bool:
        """Whether there is such a migration."""
        return (
            self._one('SELECT to_regclass(%s) IS NOT NULL', f'{self.schema}._migration')[0] is True
        )

    def create(self, plan: Plan, allowance: int) -> None:
        """Make the schema and the tables in it; raises psycopg.Error."""
        with self.connection.transaction():
            self.connection.execute(f'CREATE SCHEMA {self.schema}'.encode())
            self.enter(plan)
            self.connection.execute(STATE)
            query = 'INSERT INTO _migration (plan, allowance) VALUES (%s, %s)'
            self.connection.execute(query, (Jsonb(plan.as_data()), allowance))
            for statement in plan.types:
                self.connection.execute(statement.sql.encode())
            for table in plan.tables:
                self.connection.execute(ddl.create_table(table).encode())

    def enter(self, plan: Plan) -> None:
        """Have names mean what is in this schema, until the transaction ends."""
        enter(self.connection, self.schema, plan.schema)

    def state(self) -> State:
        """Return how far it is; raises UnknownError."""
        if not self.exists():
            raise UnknownError(
                f'There is no migration {self.id} to go on with: it has ended, or never began.'
            )
        query = f'SELECT plan, allowance, is_planned, is_swapped FROM {self.schema}._migration'
        plan, allowance, is_planned, is_swapped = self._one(query)
        return State(Plan.of_data(plan), allowance, is_planned, is_swapped)

    def set_allowance(self, allowance: int) -> None:
        """Change how many rejects are allowed for."""
        query = f'UPDATE {self.schema}._migration SET allowance = %s'
        self.connection.execute(query.encode(), (allowance,))

    def add(self, step: str, table: str, chunks: Sequence[Bounds]) -> None:
        """Add the jobs of a table to a step."""
        query = f'INSERT INTO {self.schema}._job VALUES (%s, %s, %s, %s, %s, %s)'
        rows = [
            (step, table, number, each.part, _json(each.low), _json(each.high))
            for number, each in enumerate(chunks)
        ]
        self.connection.cursor().executemany(query.encode(), rows)

    def planned(self) -> None:
        """Remember that all jobs of the copy are there."""
        self.connection.execute(f'UPDATE {self.schema}._migration SET is_planned = true'.encode())

    def has(self, step: str) -> bool:
        """Whether a step has jobs."""
        query = f'SELECT EXISTS (SELECT FROM {self.schema}._job WHERE step = %s)'
        return bool(self._one(query, step)[0])

    def open_jobs(self, step: str) -> int:
        """Return how many jobs of a step are not done."""
        query = f'SELECT count(*) FROM {self.schema}._job WHERE step = %s AND NOT done'
        return int(self._one(query, step)[0])

    def rows(self, step: str) -> int:
        """Return how many rows the jobs of a step that are done had."""
        query = f'SELECT coalesce(sum(rows), 0) FROM {self.schema}._job WHERE step = %s AND done'
        return int(self._one(query, step)[0])

    def claim(self, step: str) -> Job | None:
        """Return a job that nobody has, which is ours until the transaction ends."""
        query = f"""
            SELECT tbl, no, part, lo, hi FROM {self.schema}._job WHERE step = %s AND NOT done
            ORDER BY tbl, no LIMIT 1 FOR UPDATE SKIP LOCKED
        """
        found = self.connection.execute(query.encode(), (step,)).fetchone()
        return Job(step, found[0], found[1], Bounds(*found[2:])) if found else None

    def finish(self, job: Job, digest: Digest, rejects: Iterable[Reject] = ()) -> None:
        """Mark a job as done, in the transaction of its rows."""
        query = f"""
            UPDATE {self.schema}._job SET done = true, rows = %s, digest = %s
            WHERE step = %s AND tbl = %s AND no = %s
        """
        values = (digest.rows, digest.sum, job.step, job.table, job.number)
        self.connection.execute(query.encode(), values)
        query = f'INSERT INTO {self.schema}._reject VALUES (%s, %s, %s, %s, %s, %s)'
        rows = [(job.table, job.number, e.key, e.column, e.value, e.reason) for e in rejects]
        self.connection.cursor().executemany(query.encode(), rows)

    def rejects(self) -> list[Reject]:
        """Return what was left out."""
        query = f'SELECT tbl, key, col, value, reason FROM {self.schema}._reject ORDER BY tbl, no'
        return [Reject(*row) for row in self.connection.execute(query.encode())]

    def reject_count(self) -> int:
        return int(self._one(f'SELECT count(*) FROM {self.schema}._reject')[0])

    def digests(self, step: str) -> dict[str, Digest]:
        """Return of each table what the jobs of a step found together."""
        query = f"""
            SELECT tbl, sum(rows)::bigint, sum(digest) %% {MODULUS} FROM {self.schema}._job
            WHERE step = %s GROUP BY tbl
        """
        found = self.connection.execute(query.encode(), (step,))
        return {row[0]: Digest(int(row[1]), int(row[2])) for row in found}

    def repeat(self) -> None:
        """Have the chunks that are done read again, from a source that may have changed."""
        with self.connection.transaction():
            self.forget(AGAIN)
            self.connection.execute(
                f"""INSERT INTO {self.schema}._job (step, tbl, no, part, lo, hi)
                SELECT {literal(AGAIN)}, tbl, no, part, lo, hi FROM {self.schema}._job
                WHERE step = {literal(COPY)} AND done""".encode()
            )

    def changed(self) -> list[str]:
        """Return the tables of which a chunk was read otherwise the second time."""
        query = f"""
            SELECT DISTINCT tbl FROM {self.schema}._job c JOIN {self.schema}._job a
            USING (tbl, no) WHERE c.step = %s AND a.step = %s
            AND (c.rows, c.digest) IS DISTINCT FROM (a.rows, a.digest) ORDER BY 1
        """
        return [row[0] for row in self.connection.execute(query.encode(), (COPY, AGAIN))]

    def clear(self, table: str, chunks: Sequence[Bounds]) -> None:
        """Take back the rows of a table, and have it copied in these chunks."""
        with self.connection.transaction():
            self.connection.execute(f'TRUNCATE {self.schema}.{quoted(table)}'.encode())
            query = f'DELETE FROM {self.schema}._reject WHERE tbl = %s'
            self.connection.execute(query.encode(), (table,))
            self.forget(COPY, table)
            self.add(COPY, table, chunks)

    def pages(self, table: str) -> list[Bounds]:
        """Return chunks of a table of the target, by its pages."""
        query = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int"
        pages = int(self._one(query, f'{self.schema}.{quoted(table)}')[0])
        return between([[page] for page in range(CHECK_PAGES, pages, CHECK_PAGES)])

    def add_statements(self, plan: Plan) -> None:
        """Add a job for each statement of the plan."""
        query = f'INSERT INTO {self.schema}._job (step, tbl, no) VALUES (%s, %s, %s)'
        rows = [
            (LINK if each.kind == 'foreign key' else BUILD, each.table, number)
            for number, each in enumerate(plan.statements)
        ]
        self.connection.cursor().executemany(query.encode(), rows)

    def forget(self, step: str, table: str | None = None) -> None:
        """Drop the jobs of a step, or those of one table."""
        query = f"""
            DELETE FROM {self.schema}._job WHERE step = %s AND (%s::text IS NULL OR tbl = %s)
        """
        self.connection.execute(query.encode(), (step, table, table))

    def drop(self) -> None:
        """Remove all of it."""
        self.connection.execute(f'DROP SCHEMA IF EXISTS {self.schema} CASCADE'.encode())

    def _one(self, query: str, *values: Any) -> Any:
        found = self.connection.execute(query.encode(), values).fetchone()
        assert found is not None
        return found


def _json(edge: list[Any] | None) -> str | None:
    return None if edge is None else json.dumps(edge)
