"""What a run of tests tells at its end."""

from __future__ import annotations

import pytest

from tests.report import Fault, left_out, table

DISK = Fault('Disk full', 'warm', 1, 'passed', '')
KILL = Fault('Kill', 'warm', 60, 'failed', 'seed 7')


def test_lines() -> None:
    """Each fault has a line, and the head counts them."""
    text = table([DISK, KILL, Fault('Junk', '', 1, 'passed', '12 cases')])
    assert '| Disk full | warm | 1 | passed |' in text
    assert '| Kill | warm | 60 | failed; seed 7 |' in text
    assert '2 of 3 passed, 0 skipped; 62 rounds and 12 fuzz cases in all.' in text


def test_repeated_fault() -> None:
    """A fault that is run again by itself replaces its line, and no other."""
    again = Fault('Kill', 'warm', 60, 'passed', 'seed 8')
    assert table([again], table([DISK, KILL])) == table([DISK, again])


def test_left_out() -> None:
    """The end of a run tells how many tests did not run, and why."""
    skips = [skipped('nginx is not here'), skipped('nginx is not here'), skipped('it needs root')]
    assert left_out(skips, 3) == [
        '1 test, because it needs root',
        '2 tests, because nginx is not here',
        '3 tests, because they take long: `make faults`',
    ]
    assert left_out([], 0) == []


def skipped(reason: str) -> pytest.TestReport:
    where = ('test.py', 1, f'Skipped: {reason}')
    return pytest.TestReport('test.py::test', ('test.py', 1, 'test'), {}, 'skipped', where, 'setup')
