"""Names rows that only one side has, where checksums say that the sides are not alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import xxhash

from migrations.failures import told
from migrations.names import quoted
from migrations.places import Place
from migrations.plans import Table
from migrations.rows import Block, compared_columns, fields_of, key_of, shortened
from migrations.sources import Bounds, Source
from migrations.streams import MODULUS, Connection, rows_of

# Rows that are named of a table.
NAMED = 3
# Sums of hashes tell in which of these there are rows that differ; of so many, all are kept.
BUCKETS = 1 << 16
KEPT = 4 * NAMED

Rows = Iterator[Sequence[bytes]]


def source_blocks(place: Place, source: Source, table: Table) -> Iterator[Block]:
    """Yield all rows of a table; raises MigrationError."""
    for part in range(len(table.parts)):
        # Both sides may have the same driver: errors have to say of which they are.
        with told(place):
            yield from source.blocks(table, Bounds(part))


def target_rows(target: Connection, schema: str, table: Table) -> Rows:
    """Yield what is compared of a table of a schema; raises psycopg.Error."""
    query = f'SELECT {compared_columns(table, quoted)} FROM {quoted(schema)}.{quoted(table.name)}'
    with target.transaction():
        yield from rows_of(target, query, table.binary)


def named(
    read: Callable[[Table], Iterator[Block]],
    there: Callable[[Table], Rows],
    table: Table,
    left_out: Collection[str] = (),
) -> list[str]:
    """Return words for some rows of a table that differ.

    read, there: yield its rows on either side, which is done twice.
    left_out: keys of rows which are not there for a known reason.

    Raises what these raise.
    """
    # Texts can be shown to people.
    shown = replace(table, binary=False)
    odd = _odd(lambda: (block.compared for block in read(shown)), lambda: there(shown))
    ours, theirs = dict[str, list[str]](), dict[str, list[str]]()
    for row, count in odd.items():
        fields = fields_of(row)
        (ours if count > 0 else theirs)[key_of(table, fields)] = fields
    keys = [key for key in {**ours, **theirs} if key not in left_out][:NAMED]
    return [_words(table, key, ours.get(key), theirs.get(key)) for key in keys]


def _odd(read: Callable[[], Rows], there: Callable[[], Rows]) -> Counter[bytes]:
    """Return some rows and how often one side has them more than the other one."""
    sums = [0] * BUCKETS
    for sign, side in ((1, read), (-1, there)):
        for rows in side():
            for number in map(xxhash.xxh3_64_intdigest, rows):
                bucket = number % BUCKETS
                sums[bucket] = (sums[bucket] + sign * number) % MODULUS
    kept = set(islice((at for at, each in enumerate(sums) if each), KEPT))
    counts: Counter[bytes] = Counter()
    for sign, side in ((1, read), (-1, there)):
        for rows in side():
            for row in rows:
                if xxhash.xxh3_64_intdigest(row) % BUCKETS in kept:
                    counts[row] += sign
    return Counter({row: count for row, count in counts.items() if count})


def _words(table: Table, key: str, read: list[str] | None, there: list[str] | None) -> str:
    if there is None:
        return f'({key}) is not there'
    if read is None:
        return f'({key}) is there, and was not read'
    columns = (each.name for each in table.copied)
    at, *_ = (
        f'{name} is {shortened(other)}, and was read as {shortened(one)}'
        for name, one, other in zip(columns, read, there, strict=True)
        if one != other
    )
    return f'({key}): {at}'
