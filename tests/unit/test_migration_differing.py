"""Rows that only one side has are found and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from migrations.differing import NAMED, named
from migrations.plans import Column, Part, Table
from migrations.rows import Block

Lines = list[bytes]
TABLE = Table(
    't',
    tuple(Column(name, '', 'text', 'text') for name in ('id', 'color')),
    ('id',),
    (),
    (Part('main', 't'),),
)


def reading(rows: Lines) -> Callable[[Table], Iterator[Block]]:
    return lambda table: iter([Block(rows[:2], rows[:2]), Block(rows[2:], rows[2:])])


def having(rows: Lines) -> Callable[[Table], Iterator[Sequence[bytes]]]:
    return lambda table: iter([rows])


@pytest.mark.parametrize(
    ('there', 'expected'),
    [
        ([b'1\tred\n', b'2\tblue\n'], ['(id=3) is not there']),
        (
            [b'1\tred\n', b'2\tblue\n', b'3\tpink\n', b'4\tgrey\n'],
            ['(id=4) is there, and was not read'],
        ),
        (
            [b'3\tpink\n', b'1\tread\n', b'2\tblue\n'],
            ["(id=1): color is 'read', and was read as 'red'"],
        ),
        (
            [b'1\tred\n', b'2\tblue\n', b'3\tpink\n', b'3\tpink\n'],
            ['(id=3) is there, and was not read'],
        ),
        ([b'3\tpink\n', b'2\tblue\n', b'1\tred\n'], []),
    ],
)
def test_named(there: Lines, expected: list[str]) -> None:
    """A row that is missing, too many or another is named by its key."""
    assert (
        named(reading([b'1\tred\n', b'2\tblue\n', b'3\tpink\n']), having(there), TABLE) == expected
    )


def test_left_out() -> None:
    """Rows that are known to be left out are not named."""
    read = reading([b'1\tred\n', b'2\tblue\n'])
    assert named(read, having([]), TABLE, {'id=1'}) == ['(id=2) is not there']


def test_all_differ() -> None:
    """Where all rows differ, some are named."""
    read = reading([b'%d\tred\n' % number for number in range(100_000)])
    assert len(named(read, having([]), TABLE)) == NAMED
