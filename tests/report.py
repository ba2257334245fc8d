"""What a run of tests tells at its end: the table of faults, and what was left out."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

HEAD = """# Reliability

Written by `make faults` on {date}. Each line is a test, and says what it covers. Those in
`tests/faults/` and `tests/fuzz/` have the real engine behind a real gunicorn: *passed* means that
the answer was as told, that afterwards there was no lock, no child process and no resource in the
state, and that the next request succeeded. Those in `tests/warm/` hold the warm engine against the
stock CLI, and look for what is left when it ends. A fault that was run again by itself has the line
of its last run.

{passed} of {all} passed, {skipped} skipped; {rounds} rounds and {cases} fuzz cases in all.

| Fault | Engine | Rounds | Result |
|---|---|---|---|
"""
ROW = re.compile(r'^\| (.*) \| (.*) \| (\d+) \| (\w+)(?:; (.*))? \|$', re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """How one fault went.

    rounds: how often it was made to happen.
    notes: what the test has to say beside its result, such as a seed or figures.
    """

    name: str
    case: str
    rounds: int
    result: str
    notes: str

    @classmethod
    def of(cls, report: pytest.TestReport) -> Fault:
        """Take it from a test's report: its docstring, its parameters, what it recorded."""
        properties = {name: str(value) for name, value in report.user_properties}
        name = properties['behaviour'].strip().splitlines()[0]
        case = report.nodeid.partition('[')[2].rstrip(']')
        rounds = int(properties.get('rounds', '1'))
        notes = ', '.join(properties[each] for each in ('seed', 'notes') if each in properties)
        # A junk of a thousand bytes is known by its first ones.
        return cls(name.rstrip('.'), case[:60].strip(), rounds, report.outcome, notes)

    @property
    def cases(self) -> int:
        """How many fuzz cases were sent, as the notes say."""
        found = re.search(r'(\d+) cases$', self.notes)
        return int(found[1]) if found else 0

    def row(self) -> str:
        """Return its line in the table."""
        result = f'{self.result}; {self.notes}' if self.notes else self.result
        return f'| {self.name} | {self.case} | {self.rounds} | {result} |'


def table(faults: list[Fault], earlier: str = '') -> str:
    """Return the whole document.

    earlier: the document as it was; faults that were not run now keep their lines.
    """
    known = [
        Fault(name, case, int(rounds), result, notes)
        for name, case, rounds, result, notes in ROW.findall(earlier)
    ]
    lines = {(fault.name, fault.case): fault for fault in [*known, *faults]}
    head = HEAD.format(
        date=datetime.date.today().isoformat(),
        passed=sum(fault.result == 'passed' for fault in lines.values()),
        skipped=sum(fault.result == 'skipped' for fault in lines.values()),
        rounds=sum(fault.rounds for fault in lines.values()),
        cases=sum(fault.cases for fault in lines.values()),
        all=len(lines),
    )
    return head + '\n'.join(fault.row() for fault in lines.values()) + '\n'


def left_out(skipped: Sequence[pytest.TestReport], long: int) -> list[str]:
    """Return a line for each reason why tests did not run.

    skipped: the reports of those that something was missing for. long: how many only take long.
    """
    reasons = Counter(_reason(report) for report in skipped)
    lines = [f'{_tests(number)}, because {reason}' for reason, number in sorted(reasons.items())]
    return [*lines, f'{_tests(long)}, because they take long: `make faults`'] if long else lines


def _reason(report: pytest.TestReport) -> str:
    assert isinstance(report.longrepr, tuple)
    return report.longrepr[2].removeprefix('Skipped: ')


def _tests(number: int) -> str:
    return f'{number} {"test" if number == 1 else "tests"}'
