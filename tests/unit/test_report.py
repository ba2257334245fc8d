"""The table of faults."""

from __future__ import annotations

from tests.report import Fault, table

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
