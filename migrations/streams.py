"""Rows as COPY has them: read from a PostgreSQL, hashed, written to another."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import xxhash
from psycopg import pq

# Bytes that are gathered before they are handed on.
BLOCK = 256 * 1024
# What COPY's binary form begins and ends with: signature, flags, no extension; no more rows.
HEADER = b'PGCOPY\n\xff\r\n\0' + struct.pack('>ii', 0, 0)
TRAILER = struct.pack('>h', -1)
# Sums are of 64 bits: two rows that are alike do not cancel each other, as with xor.
MODULUS = 1 << 64
# Whatever a role or database sets, values are written in one way.
OUTPUT = {
    'DateStyle': 'ISO, YMD',
    'IntervalStyle': 'postgres',
    'TimeZone': 'UTC',
    'extra_float_digits': '1',
    'bytea_output': 'hex',
    'lc_monetary': 'C',
    'xmloption': 'content',
    'client_encoding': 'UTF8',
}

Connection = psycopg.Connection[Any]


@dataclass
class Digest:
    """How many rows there were, and the sum of their hashes, whatever their order."""

    rows: int = 0
    sum: int = 0

    def add(self, rows: Sequence[bytes]) -> None:
        self.rows += len(rows)
        self.sum = (self.sum + sum(map(xxhash.xxh3_64_intdigest, rows))) % MODULUS

    def __iadd__(self, other: Digest) -> Digest:
        self.rows += other.rows
        self.sum = (self.sum + other.sum) % MODULUS
        return self


def rows_of(connection: Connection, query: str, binary: bool) -> Iterator[list[bytes]]:
    """Yield the rows of a query in COPY's form, some at a time.

    Raises psycopg.Error, also when the server dies in the middle, which looks like the end.
    """
    form = ' (FORMAT binary)' if binary else ''
    connection.execute('SELECT 1')  # begins a transaction where there is none
    wire = connection.pgconn
    _insist(wire, wire.exec_(f'COPY ({query}) TO STDOUT{form}'.encode()), pq.ExecStatus.COPY_OUT)
    rows: list[bytes] = []
    size = 0
    try:
        while True:
            length, row = wire.get_copy_data(0)
            if length < 0:
                break
            data = bytes(row)
            rows.append(data)
            size += length
            if size >= BLOCK:
                yield _without_frame(rows) if binary else rows
                rows, size = [], 0
        if length == -2:
            raise psycopg.OperationalError(wire.error_message.decode(errors='replace'))
    finally:
        # Else the next command says that another one is in progress.
        results = _drained(wire)
    for result in results:
        _insist(wire, result, pq.ExecStatus.COMMAND_OK)
    if rows:
        yield _without_frame(rows) if binary else rows


def _without_frame(rows: list[bytes]) -> list[bytes]:
    # The header comes with the first row, the end alone.
    if rows[0].startswith(HEADER[:11]):
        rows[0] = rows[0][len(HEADER) :]
    return [row for row in rows if row != TRAILER]


def _drained(wire: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    found = []
    while wire.status == pq.ConnStatus.OK and (result := wire.get_result()) is not None:
        if result.status == pq.ExecStatus.COPY_OUT:
            # Whoever reads wanted no more of it.
            while wire.get_copy_data(0)[0] > 0:
                pass
        else:
            found.append(result)
    return found


def _insist(wire: pq.abc.PGconn, result: pq.abc.PGresult, wanted: pq.ExecStatus) -> None:
    if result.status != wanted:
        raise psycopg.errors.error_from_result(result)
