"""One chunk of a table: copied and marked as done in one transaction, or checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import closing

import psycopg

from migrations.errors import RejectsError
from migrations.failures import is_data
from migrations.names import listed, quoted
from migrations.plans import Plan, Table
from migrations.rows import SHOWN, Block, Reject, compared_columns, fields_of, key_of
from migrations.sources import Bounds
from migrations.staging import AGAIN, CHECK, COPY, Job, Staging
from migrations.streams import HEADER, TRAILER, Digest, rows_of

# What psycopg tells of a row that the server refuses.
WHERE = re.compile(r'COPY .*, line (\d+)(?:, column (.*?)(?:: "|$|: null))?', re.DOTALL)
# Rejects that an error names.
NAMED = 3

Progress = Callable[[int], None]
Reader = Callable[[Table, Bounds], Generator[Block, None, None]]


class Copier:
    """Does the jobs of a migration that one process has taken."""

    def __init__(self, staging: Staging, read: Reader, progress: Progress) -> None:
        state = staging.state()
        self._staging = staging
        self._connection = staging.connection
        self._plan: Plan = state.plan
        self._tables = {table.name: table for table in self._plan.tables}
        self._allowance = state.allowance
        self._read = read
        self._progress = progress

    def do(self, step: str) -> bool:
        """Do a job of a step; returns whether there was one.

        Raises MigrationError, and what the target's driver raises.
        """
        with self._connection.transaction():
            job = self._staging.claim(step)
            if job is None:
                return False
            doers = {COPY: self._copy, AGAIN: self._read_again, CHECK: self._check}
            doers.get(step, self._build)(job)
        return True

    def _copy(self, job: Job) -> None:
        table = self._tables[job.table]
        try:
            with self._connection.transaction():
                digest, rejects = self._copied(table, job)
        except psycopg.Error as error:
            if table.binary or not is_data(error):
                raise
            digest, rejects = self._carefully(table, job)
        self._staging.finish(job, digest, rejects)
        if rejects:
            self._insist(self._staging.rejects())

    def _read_again(self, job: Job) -> None:
        digest = Digest()
        for block in self._read(self._tables[job.table], job.bounds):
            digest.add(block.compared)
            self._progress(len(block.compared))
        self._staging.finish(job, digest)

    def _check(self, job: Job) -> None:
        digest = Digest()
        table = self._tables[job.table]
        for rows in rows_of(self._connection, self._query(table, job.bounds), table.binary):
            digest.add(rows)
            self._progress(len(rows))
        self._staging.finish(job, digest)

    def _build(self, job: Job) -> None:
        self._staging.enter(self._plan)
        self._connection.execute(self._plan.statements[job.number].sql.encode())
        self._staging.finish(job, Digest())

    def _copied(self, table: Table, job: Job) -> tuple[Digest, list[Reject]]:
        digest, rejects = Digest(), list[Reject]()
        with (
            # Else the source is still in the middle of it when it is to be read again.
            closing(self._read(table, job.bounds)) as blocks,
            self._connection.cursor().copy(self._statement(table)) as copy,
        ):
            if table.binary:
                copy.write(HEADER)
            for block in blocks:
                rejects += block.rejects
                self._insist(rejects)
                copy.write(b''.join(block.sent))
                digest.add(block.compared)
                self._progress(len(block.sent))
            if table.binary:
                copy.write(TRAILER)
        return digest, rejects

    def _carefully(self, table: Table, job: Job) -> tuple[Digest, list[Reject]]:
        """Copy block by block, so that what the server refuses can be taken out."""
        digest, rejects = Digest(), list[Reject]()
        for block in self._read(table, job.bounds):
            rejects += block.rejects
            while block.sent:
                refused = self._refused(table, block)
                if refused is None:
                    break
                rejects.append(refused)
                self._insist(rejects)
            self._insist(rejects)
            digest.add(block.compared)
            self._progress(len(block.sent))
        return digest, rejects

    def _refused(self, table: Table, block: Block) -> Reject | None:
        """Copy a block; a row that the server refuses is taken out of it and returned."""
        try:
            with (
                self._connection.transaction(),
                self._connection.cursor().copy(self._statement(table)) as copy,
            ):
                copy.write(b''.join(block.sent))
        except psycopg.Error as error:
            where = WHERE.search(error.diag.context or '')
            if not is_data(error) or where is None:
                raise
            at = int(where[1]) - 1
            row = block.sent[at]
            # Where both are one list, one of them is enough.
            block.sent, block.compared = _without(block.sent, at), _without(block.compared, at)
            return _reject(table, row, where[2] or '', error.diag.message_primary or str(error))
        return None

    def _insist(self, rejects: list[Reject]) -> None:
        """Raise RejectsError when there are more of them than are allowed for."""
        if len(rejects) <= self._allowance:
            return
        named = '; '.join(
            f'{each.table} ({each.key}) column {each.column}: {each.value}: {each.reason}'
            for each in rejects[:NAMED]
        )
        raise RejectsError(
            f'Values do not fit, and {self._allowance} such rows are allowed for: {named}. '
            'Correct the source or choose another type, or allow for them.'
        )

    def _statement(self, table: Table) -> bytes:
        columns = listed(each.name for each in table.copied)
        form = ' (FORMAT binary)' if table.binary else ''
        return f'COPY {self._name(table)} ({columns}) FROM STDIN{form}'.encode()

    def _query(self, table: Table, bounds: Bounds) -> str:
        tests = [
            f"ctid {sign} '({int(edge[0])},0)'"
            for sign, edge in (('>=', bounds.low), ('<', bounds.high))
            if edge is not None
        ]
        where = f' WHERE {" AND ".join(tests)}' if tests else ''
        return f'SELECT {compared_columns(table, quoted)} FROM {self._name(table)}{where}'

    def _name(self, table: Table) -> str:
        return f'{self._staging.schema}.{quoted(table.name)}'


def _without(rows: list[bytes], at: int) -> list[bytes]:
    return rows[:at] + rows[at + 1 :]


def _reject(table: Table, row: bytes, column: str, reason: str) -> Reject:
    fields = fields_of(row)
    values = dict(zip((each.name for each in table.copied), fields, strict=True))
    key = key_of(table, fields)
    return Reject(table.name, key, column, values.get(column, '')[:SHOWN], reason)
