"""A migration: run from a plan, gone on with by its id, taken back."""

from __future__ import annotations

import functools
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from migrations import planning, postgres, sources, staging, swapping
from migrations.differing import named, source_blocks, target_rows
from migrations.errors import MismatchError, RejectsError, UnfitError
from migrations.failures import told
from migrations.places import Place
from migrations.planning import Ends
from migrations.plans import Plan, Table
from migrations.pool import Pool
from migrations.progress import Meter, Progress
from migrations.rows import Block, Reject
from migrations.sources import Source
from migrations.sources.sqlite import make_copy
from migrations.staging import Staging, State

CHUNK_ROWS = 100_000
CHUNK_BYTES = 64 * 1024 * 1024
MOST_WORKERS = 4


@dataclass(frozen=True)
class Caller:
    """Who runs a migration: what is told, and whether it is to stop.

    done: is told the result before the last trace of the migration is removed; what it raises
        leaves that, so that nobody takes a migration that is done for one that never began.
    """

    log: Callable[[str], None] = lambda line: None
    progress: Callable[[Progress], None] = lambda progress: None
    stop: Callable[[], bool] = lambda: False
    workers: int = field(default_factory=lambda: min(MOST_WORKERS, os.cpu_count() or 1))
    # Rows of a chunk, which is what an interruption loses; fewer where rows are large.
    chunk_rows: int = CHUNK_ROWS
    done: Callable[[Result], None] = lambda result: None


@dataclass(frozen=True)
class Result:
    """What a migration has brought."""

    id: str
    rows: int
    rejects: tuple[Reject, ...]
    # Where the tables are that were replaced; empty: none were.
    backup: str
    # How many rows of each table were read, and are there.
    moved: tuple[tuple[str, int], ...] = ()


def new_id() -> str:
    """Return an id that no migration has had."""
    return secrets.token_hex(6)


def run(
    ends: Ends, plan: Plan, migration: str, caller: Caller | None = None, allowance: int = 0
) -> Result:
    """Do what a plan says.

    migration: an id, by which it can be gone on with.
    allowance: how many rows may be left out, each named in the result.

    Raises MigrationError. What is visible is then as before; LostError, CancelledError and others
    leave a migration that `resume` goes on with and `abandon` removes.
    """
    ends.insist()
    if plan.refusals:
        raise UnfitError('This cannot be carried over: ' + '; '.join(plan.refusals))
    with _owned(ends, migration) as schema:
        planning.insist_on_room(schema.connection, plan)
        schema.create(plan, allowance)
        return _Migration(ends, schema, caller or Caller()).finish()


def resume(
    ends: Ends, migration: str, caller: Caller | None = None, allowance: int | None = None
) -> Result:
    """Go on with a migration that was interrupted.

    Raises MigrationError: also UnknownError, and BusyError when somebody else is at it.
    """
    ends.insist()
    with _owned(ends, migration) as schema:
        schema.state()
        if allowance is not None:
            schema.set_allowance(allowance)
        return _Migration(ends, schema, caller or Caller()).finish()


def abandon(ends: Ends, migration: str) -> None:
    """Remove what a migration has left behind; raises MigrationError."""
    ends.insist()
    with _owned(ends, migration) as schema:
        schema.drop()
    _private_copy(ends, migration).unlink(missing_ok=True)


def rejects(ends: Ends, migration: str) -> tuple[Reject, ...]:
    """Return the rows that a migration has left out so far; raises MigrationError."""
    ends.insist()
    with _owned(ends, migration) as schema:
        schema.state()
        return tuple(schema.rejects())


@contextmanager
def _owned(ends: Ends, migration: str) -> Iterator[Staging]:
    with told(ends.target), closing(postgres.connect(ends.target)) as connection:
        schema = Staging(connection, migration)
        schema.own()
        yield schema


def _private_copy(ends: Ends, migration: str) -> Path:
    return ends.work / f'{planning.COPY_PREFIX}{migration}.db'


class _Migration:
    def __init__(self, ends: Ends, schema: Staging, caller: Caller) -> None:
        self._ends = ends
        self._schema = schema
        self._caller = caller
        self._state: State = schema.state()
        self._plan = self._state.plan
        self._meter = Meter(caller.progress, self._plan.rows)

    def finish(self) -> Result:
        """Do all that is left to do."""
        if not self._state.is_swapped:
            self._until_swapped()
        swapping.analyze(self._schema.connection, self._plan)
        result = self._result()
        self._caller.done(result)
        self._schema.drop()
        _private_copy(self._ends, self._schema.id).unlink(missing_ok=True)
        self._caller.log(f'{result.rows} rows in {len(self._plan.tables)} tables, all verified')
        return result

    def _until_swapped(self) -> None:
        place = self._place()
        with self._source(place) as source:
            self._insist_on_fingerprint(source)
            with told(place):
                snapshot = source.snapshot()
                if not self._state.is_planned:
                    self._plan_chunks(source)
            with self._pool(place, snapshot, source.most_workers) as pool:
                with told(place):
                    source.release()
                self._copy(pool, source)
                self._verify(pool, source)
                self._build(pool)
            given = self._given(source)
        swapping.set_next_numbers(self._schema, self._plan, given)
        swapping.swap(self._schema, self._plan)
        self._caller.log('the tables have their names')

    def _place(self) -> Place:
        """Return what is read: of SQLite the private copy, which is made if there is none."""
        place = self._ends.source
        if place.kind != 'sqlite':
            return place
        copy = _private_copy(self._ends, self._schema.id)
        if not copy.exists():
            with told(place):
                make_copy(Path(place.database), copy)
            if self._state.is_planned:
                self._start_again(place)
        return replace(place, database=str(copy))

    def _start_again(self, place: Place) -> None:
        self._caller.log('the private copy is gone: all is read again')
        self._schema.drop()
        self._schema.create(self._plan, self._state.allowance)
        self._state = self._schema.state()

    @contextmanager
    def _source(self, place: Place) -> Iterator[Source]:
        with told(place):
            source = sources.connect(place)
        with closing(source):
            yield source

    def _insist_on_fingerprint(self, source: Source) -> None:
        with told(self._ends.source):
            planning.insist_on_fingerprint(source, self._plan)

    def _plan_chunks(self, source: Source) -> None:
        with self._schema.connection.transaction():
            self._schema.forget(staging.COPY)
            for table in self._plan.tables:
                chunks = source.chunks(table, self._chunk_rows(table))
                self._schema.add(staging.COPY, table.name, chunks)
            self._schema.planned()

    def _chunk_rows(self, table: Table) -> int:
        size = table.bytes // max(1, table.rows)
        return max(1, min(self._caller.chunk_rows, CHUNK_BYTES // max(1, size)))

    def _pool(self, place: Place, snapshot: str, most: int | None) -> Pool:
        task = {
            'source': place.url,
            'target': self._ends.target.url,
            'id': self._schema.id,
            'snapshot': snapshot,
        }
        size = max(1, min(self._caller.workers, most or MOST_WORKERS))
        return Pool(task, size, self._caller.stop, self._meter.add)

    def _copy(self, pool: Pool, source: Source) -> None:
        if not self._schema.open_jobs(staging.COPY):
            return
        if self._schema.rows(staging.COPY) and not source.is_frozen:
            self._read_again(pool, source)
        done = self._schema.rows(staging.COPY)
        self._caller.log(f'copying, {done} rows are there')
        self._meter.begin(staging.COPY, done)
        self._all(pool, staging.COPY)

    def _read_again(self, pool: Pool, source: Source) -> None:
        """Have chunks of an earlier snapshot count only if they are the same in this one."""
        self._caller.log('reading again what was copied, as the source may have changed')
        self._schema.repeat()
        self._meter.begin(staging.AGAIN)
        self._all(pool, staging.AGAIN)
        tables = {table.name: table for table in self._plan.tables}
        for name in self._schema.changed():
            self._caller.log(f'{name} has changed meanwhile: it is copied anew')
            with told(self._ends.source):
                chunks = source.chunks(tables[name], self._chunk_rows(tables[name]))
            self._schema.clear(name, chunks)

    def _verify(self, pool: Pool, source: Source) -> None:
        rejects = self._schema.rejects()
        if len(rejects) > self._schema.state().allowance:
            raise RejectsError(f'{len(rejects)} rows do not fit, more than were allowed for.')
        if not self._schema.has(staging.CHECK):
            self._plan_checks()
        self._caller.log('verifying')
        self._meter.begin(staging.CHECK, self._schema.rows(staging.CHECK))
        self._all(pool, staging.CHECK)
        read, there = self._schema.digests(staging.COPY), self._schema.digests(staging.CHECK)
        if differing := [name for name, digest in read.items() if there.get(name) != digest]:
            words = [
                f'{name} ({read[name].rows} rows read, {there[name].rows} there): '
                f'{", ".join(self._differences(pool, source, name))}'
                for name in differing
            ]
            raise MismatchError(
                f'What is in the target is not what was read: {"; ".join(words)}. Nothing was '
                'swapped. Abandon it, and choose another type for what the target rounds or cuts.',
                tuple(differing),
            )

    def _differences(self, pool: Pool, source: Source, name: str) -> list[str]:
        """Return words for some rows of a table that are not there as they were read."""

        def read(table: Table) -> Iterator[Block]:
            for block in source_blocks(self._ends.source, source, table):
                pool.insist_on_going()
                yield block

        there = functools.partial(target_rows, self._schema.connection, self._schema.schema)
        left_out = {each.key for each in self._schema.rejects() if each.table == name}
        table = next(table for table in self._plan.tables if table.name == name)
        return named(read, there, table, left_out)

    def _plan_checks(self) -> None:
        with self._schema.connection.transaction():
            for table in self._plan.tables:
                self._schema.add(staging.CHECK, table.name, self._schema.pages(table.name))

    def _build(self, pool: Pool) -> None:
        if not self._schema.has(staging.BUILD):
            self._schema.add_statements(self._plan)
        self._caller.log('keys and indexes')
        self._meter.begin(staging.BUILD)
        self._all(pool, staging.BUILD)
        # One by one: two of them may want the same two tables, the other way round.
        pool.do(staging.LINK, 1)

    def _all(self, pool: Pool, step: str) -> None:
        """Have a step done; also what the server still holds for a process that was killed."""
        while True:
            pool.do(step)
            if not self._schema.open_jobs(step):
                self._meter.flush()
                return
            pool.wait()

    def _given(self, source: Source) -> dict[tuple[str, str], Any]:
        with told(self._ends.source):
            return {
                (table.name, column.name): source.next_number(table, column.name)
                for table in self._plan.tables
                for column in table.columns
                if column.identity is not None
            }

    def _result(self) -> Result:
        backup = swapping.backup_schema(self._schema.id) if self._plan.replaced else ''
        digests = self._schema.digests(staging.COPY)
        tables = (table.name for table in self._plan.tables)
        moved = tuple((name, digests[name].rows if name in digests else 0) for name in tables)
        rows = sum(count for _, count in moved)
        return Result(self._schema.id, rows, tuple(self._schema.rejects()), backup, moved)


def write_rejects(file: Path, rejects: tuple[Reject, ...]) -> None:
    """Write what was left out, a line of JSON each; raises OSError."""
    with file.open('w', encoding='utf-8') as lines:
        for each in rejects:
            lines.write(json.dumps(asdict(each)) + '\n')
