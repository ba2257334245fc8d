"""Compares tables of a source with those of the target, after the fact."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from migrations import postgres, sources
from migrations.errors import MismatchError
from migrations.failures import told
from migrations.names import quoted
from migrations.planning import COPY_PREFIX, Ends
from migrations.plans import Plan, Table
from migrations.rows import compared_columns
from migrations.sources import Bounds, Source
from migrations.sources.sqlite import make_copy
from migrations.streams import Connection, Digest, rows_of


def verify(ends: Ends, plan: Plan) -> None:
    """Compare all tables of a plan.

    Raises MismatchError that names those which differ, and MigrationError.
    """
    ends.insist()
    differing = []
    with tempfile.TemporaryDirectory(prefix=COPY_PREFIX, dir=ends.work) as folder:
        place = ends.source
        with told(place):
            if place.kind == 'sqlite':
                make_copy(Path(place.database), copy := Path(folder) / 'source.db')
                place = replace(place, database=str(copy))
            source = sources.connect(place)
        with told(ends.target), closing(postgres.connect(ends.target)) as target, closing(source):
            for table in plan.tables:
                with told(ends.source):
                    read = _read(source, table)
                there = _there(target, plan, table)
                if read != there:
                    differing.append(f'{table.name} ({read.rows} rows against {there.rows})')
    if differing:
        raise MismatchError(f'Not alike: {", ".join(differing)}.', tuple(differing))


def _read(source: Source, table: Table) -> Digest:
    digest = Digest()
    for part in range(len(table.parts)):
        for block in source.blocks(table, Bounds(part)):
            digest.add(block.compared)
            # A row that cannot be written is not in the target, and so differs.
            digest.rows += len(block.rejects)
    return digest


def _there(target: Connection, plan: Plan, table: Table) -> Digest:
    digest = Digest()
    name = f'{quoted(plan.schema)}.{quoted(table.name)}'
    with target.transaction():
        query = f'SELECT {compared_columns(table, quoted)} FROM {name}'
        for rows in rows_of(target, query, table.binary):
            digest.add(rows)
    return digest
