"""Compares tables of a source with those of the target, after the fact."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from migrations import postgres, sources
from migrations.differing import Rows, named, source_blocks, target_rows
from migrations.errors import MismatchError
from migrations.failures import told
from migrations.planning import COPY_PREFIX, Ends
from migrations.plans import Plan, Table
from migrations.rows import Block
from migrations.sources.sqlite import make_copy
from migrations.streams import Digest


def verify(ends: Ends, plan: Plan) -> None:
    """Compare all tables of a plan.

    Raises MismatchError that names those which differ, and MigrationError.
    """
    ends.insist()
    differing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix=COPY_PREFIX, dir=ends.work) as folder:
        place = ends.source
        with told(place):
            if place.kind == 'sqlite':
                make_copy(Path(place.database), copy := Path(folder) / 'source.db')
                place = replace(place, database=str(copy))
            source = sources.connect(place)
        with told(ends.target), closing(postgres.connect(ends.target)) as target, closing(source):
            read = functools.partial(source_blocks, place, source)
            there = functools.partial(target_rows, target, plan.schema)
            for table in plan.tables:
                if words := _compared(read, there, table):
                    differing[table.name] = words
    if differing:
        raise MismatchError(f'Not alike: {"; ".join(differing.values())}.', tuple(differing))


def _compared(
    read: Callable[[Table], Iterator[Block]], there: Callable[[Table], Rows], table: Table
) -> str:
    """Return how a table differs; empty: it does not."""
    one, other = Digest(), Digest()
    for block in read(table):
        one.add(block.compared)
        # A row that cannot be written is not in the target, and so differs.
        one.rows += len(block.rejects)
    for rows in there(table):
        other.add(rows)
    if one == other:
        return ''
    counts = f'{table.name} ({one.rows} rows against {other.rows})'
    return ', '.join([counts, *named(read, there, table)])
