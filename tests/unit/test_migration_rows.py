"""Rows for COPY, their digests, and those that are left out."""

from __future__ import annotations

import pytest
import xxhash

from migrations.names import LONGEST, Unique, backquoted, fits, literal, quoted
from migrations.plans import Column, Table
from migrations.rows import Renderer
from migrations.sources import Bounds, between, rows_at_once
from migrations.streams import MODULUS, Digest


def _table(*forms: str, key: tuple[str, ...] = ()) -> Table:
    columns = tuple(Column(f'c{at}', '', '', form) for at, form in enumerate(forms))
    return Table('t', columns, key)


def test_rows() -> None:
    """Rows are lines, whatever is in their values."""
    block = Renderer(_table('integer', 'text')).block([(1, 'a\nb'), (2, None)])
    assert block.sent == [b'1\ta\\nb\n', b'2\t\\N\n']
    assert block.compared is block.sent


def test_row_of_one_empty_text() -> None:
    """A row can be an empty line."""
    assert Renderer(_table('text')).block([('',), ('',)]).sent == [b'\n', b'\n']


def test_bits_are_compared() -> None:
    """A table with floats sends their text, and compares their bits."""
    block = Renderer(_table('real', 'integer')).block([(0.5, 1)])
    assert block.sent == [b'0.5\t1\n']
    assert block.compared == [b'3fe0000000000000\t1\n']


def test_misfits_are_left_out() -> None:
    """A row with a value that does not fit is named by its key, and the others are there."""
    rows = [(1, 'a'), (2, 'b\0'), (3, '\udcff')]
    block = Renderer(_table('integer', 'text', key=('c0',))).block(rows)
    assert block.sent == [b'1\ta\n']
    assert [(each.key, each.column) for each in block.rejects] == [('c0=2', 'c1'), ('c0=3', 'c1')]
    assert block.rejects[0].value == "'b\\x00'"


def test_digest_does_not_depend_on_order() -> None:
    """Chunks may be read in any order and cut in any way; a row twice is not a row less."""
    one, other, twice = Digest(), Digest(), Digest()
    one.add([b'a', b'b', b'c'])
    other.add([b'c'])
    other.add([b'b', b'a'])
    assert one == other
    twice.add([b'a', b'a'])
    assert twice == Digest(2, 2 * xxhash.xxh3_64_intdigest(b'a') % MODULUS)


def test_chunks_have_no_gaps() -> None:
    """The first chunk has no lower bound and the last no upper one."""
    assert between([]) == [Bounds()]
    assert between([[1], [5]]) == [Bounds(0, None, [1]), Bounds(0, [1], [5]), Bounds(0, [5], None)]


def test_large_rows_come_alone() -> None:
    """Rows that may be large are read a few at a time."""
    assert rows_at_once(Table('t', (), largest=0), 4000) == 4000
    assert rows_at_once(Table('t', (), largest=50 * 1024 * 1024), 4000) == 1


@pytest.mark.parametrize('name', ['a', 'a"b', 'a`b', "a'b", 'é', 'select', '%s', '{x}', ' '])
def test_quoting(name: str) -> None:
    """A quoted name is the name, and nothing else."""
    assert quoted(name)[1:-1].replace('""', '"') == name
    assert backquoted(name)[1:-1].replace('``', '`') == name
    assert literal(name)[1:-1].replace("''", "'") == name


def test_names_are_given_once() -> None:
    """A name that is taken gets that of its table before it; none is longer than PostgreSQL's."""
    unique = Unique(['t'])
    assert [unique.pick('i', 't'), unique.pick('i', 't'), unique.pick('i', 't')] == [
        *('i', 't_i', 't_i_2'),
    ]
    long = [unique.pick('é' * 50, 'table') for _ in range(20)]
    assert len(set(long)) == 20
    assert all(fits(each) for each in long)
    assert all(len(each.encode()) <= LONGEST for each in long)
