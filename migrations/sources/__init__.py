"""Databases that tables are taken from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from migrations.errors import UnfitError
from migrations.places import Place
from migrations.plans import Note, Statement, Table
from migrations.rows import Block

# Of one migration: each is looked at one by one, and each is in the plan that people read.
MOST_TABLES = 10_000
# Of a batch in memory.
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Found:
    """What a source has, as it would be in PostgreSQL."""

    tables: tuple[Table, ...]
    types: tuple[Statement, ...] = ()
    statements: tuple[Statement, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """What the caller decides about a plan."""

    # Names of tables; all when empty.
    tables: tuple[str, ...] = ()
    # Of a PostgreSQL source: where its tables are.
    schema: str = 'public'
    # The target's types that the caller knows better: `table.column` and the type.
    types: tuple[tuple[str, str], ...] = ()
    # Whether MySQL's dates that are none become NULL.
    zero_dates_are_null: bool = False


@dataclass(frozen=True)
class Bounds:
    """A chunk of a table: of which relation, from which key on and up to which; None: no bound."""

    part: int = 0
    low: list[Any] | None = None
    high: list[Any] | None = None


class Source(Protocol):
    """A connection to a source, which sees one state of it."""

    # Whether chunks that are done still are what this sees, after a new start.
    is_frozen: bool
    # How many connections can have one snapshot; None: any number.
    most_workers: int | None

    def reflect(self, wishes: Wishes) -> Found: ...

    def fingerprint(self, tables: Collection[str]) -> str: ...

    def snapshot(self) -> str:
        """Return what lets other connections see the same state while this one lives."""
        ...

    def release(self) -> None:
        """Let others write again, once all have joined."""
        ...

    def join(self, snapshot: str) -> None: ...

    def chunks(self, table: Table, rows_each: int) -> list[Bounds]: ...

    def blocks(self, table: Table, bounds: Bounds) -> Iterator[Block]: ...

    def next_number(self, table: Table, column: str) -> tuple[int, bool] | None:
        """Return what a sequence of the source gave last, and whether it was given out."""
        ...

    def close(self) -> None: ...


def between(edges: list[list[Any]]) -> list[Bounds]:
    """Return the chunks that edges make; the first and the last have one bound."""
    lows: list[list[Any] | None] = [None, *edges]
    highs: list[list[Any] | None] = [*edges, None]
    return [Bounds(low=low, high=high) for low, high in zip(lows, highs, strict=True)]


def insist_on_few(tables: int) -> None:
    """Raise UnfitError when these are more tables than one migration takes."""
    if tables > MOST_TABLES:
        raise UnfitError(
            f'The source has {tables:,} tables, and one migration takes {MOST_TABLES:,} at most: '
            'name those that are to be carried over.'
        )


def rows_at_once(table: Table, rows: int) -> int:
    """Return how many rows fit into memory at a time, if all were as large as the largest."""
    return max(1, min(rows, BATCH_BYTES // max(1, table.largest)))


def connect(place: Place) -> Source:
    """Return a source; raises what its driver raises."""
    # Each brings its driver, of which the others need nothing.
    if place.kind == 'sqlite':
        from migrations.sources.sqlite import SqliteSource

        return SqliteSource(Path(place.database))
    if place.kind == 'postgres':
        from migrations.sources.postgres import PostgresSource

        return PostgresSource(place)
    from migrations.sources.mysql import MysqlSource

    return MysqlSource(place)
