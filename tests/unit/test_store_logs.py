"""Logs in parts: any piece of one is what the whole has at that place."""

from __future__ import annotations

import random

import pytest

from stacks.moments import now
from stacks.store import logs, runs
from tests.records import Site, add_run, add_stack

LETTERS = 'ab\nä€🙂'


@pytest.fixture
def run(site: Site) -> str:
    with site.database.writing() as connection:
        return add_run(connection, add_stack(connection, 'one'))


def write(site: Site, run: str, parts: list[str], offset: int = 0) -> int:
    with site.database.writing() as connection:
        for part in parts:
            offset = logs.append(connection, run, offset, part)
    return offset


@pytest.mark.parametrize('seed', range(10))
def test_any_piece(site: Site, run: str, seed: int) -> None:
    """Whatever is read has the bytes of the whole log at that offset, over all parts."""
    chance = random.Random(seed)
    sizes = [chance.choice([1, 2, 9, 400]) for _ in range(20)]
    parts = [''.join(chance.choices(LETTERS, k=size)) for size in sizes]
    whole = ''.join(parts).encode()
    assert write(site, run, parts) == len(whole)
    with site.database.reading() as connection:
        for _ in range(40):
            offset, limit = chance.randrange(len(whole)), chance.choice([1, 5, 100, 10_000])
            piece = logs.read(connection, run, offset, limit)
            assert piece == whole[offset : offset + limit]


def test_edges(site: Site, run: str) -> None:
    """Nothing is there at the end of a log, and of a run that has none."""
    end = write(site, run, ['text\n'])
    with site.database.reading() as connection:
        assert logs.read(connection, run, end, 100) == b''
        assert logs.read(connection, 'run_other', 0, 100) == b''


@pytest.mark.parametrize('chunk', [1, 2, 3, 7, 8192])
def test_tried_again(site: Site, run: str, chunk: int) -> None:
    """What is added again at its place takes the place of what an attempt has left there."""
    end = write(site, run, ['first\n'])
    write(site, run, ['second\n', 'third\n'], end)
    text = 'second\nthird\nfourth\n'
    write(site, run, [text[at : at + chunk] for at in range(0, len(text), chunk)], end)
    with site.database.reading() as connection:
        assert logs.read(connection, run, 0, 1000).decode() == 'first\n' + text


def test_removed_with_its_run(site: Site, run: str) -> None:
    """A run that is removed takes its log along."""
    write(site, run, ['text\n'])
    site.change_run(run, state='succeeded', ended_at=now())
    site.change_stack('one', last_run=None)
    with site.database.writing() as connection:
        runs.remove_ended(connection, now())
        assert logs.read(connection, run, 0, 100) == b''


@pytest.mark.parametrize(
    ('data', 'is_last', 'expected'),
    [
        (b'one\ntwo\nthr', False, ('one\ntwo\n', 8)),
        (b'one\ntwo\nthr', True, ('one\ntwo\nthr', 11)),
        (b'no end', False, ('no end', 6)),
        (b'', False, ('', 0)),
        ('€'.encode()[:2], False, ('', 0)),
        ('a€'.encode()[:3], False, ('a', 1)),
        ('€a'.encode()[1:], False, ('a', 3)),
        ('🙂\nä'.encode()[1:], False, ('\n', 4)),
        ('🙂\nä'.encode()[3:], True, ('\nä', 4)),
        ('€'.encode()[1:], True, ('', 2)),
    ],
)
def test_whole_lines(data: bytes, is_last: bool, expected: tuple[str, int]) -> None:
    """A piece ends with a line where it has one; it neither begins nor ends within a letter."""
    assert logs.whole_lines(data, is_last) == expected
