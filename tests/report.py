"""The table of faults, their rounds and their results."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import pytest

HEAD = """# Reliability

Written by `make faults` on {date}. Each line is a test in `tests/faults/` or `tests/fuzz/` with the
real engine behind a real gunicorn. *Passed* means: the answer was as told, and afterwards there was
no lock, no child process and no resource in the state, and the next request succeeded.

{passed} of {all} passed, {skipped} skipped; {rounds} rounds in all.

| Fault | Engine | Rounds | Result |
|---|---|---|---|
"""


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
    def of(cls, item: pytest.Function, report: pytest.TestReport) -> Fault:
        """Take it from a test: its docstring, its parameters, what it recorded."""
        properties = {name: str(value) for name, value in report.user_properties}
        name = (item.obj.__doc__ or item.name).strip().splitlines()[0]
        case = item.name.partition('[')[2].rstrip(']')
        rounds, notes = int(properties.get('rounds', '1')), properties.get('notes', '')
        return cls(name.rstrip('.'), case, rounds, report.outcome, notes)

    def row(self) -> str:
        """Return its line in the table."""
        result = f'{self.result}; {self.notes}' if self.notes else self.result
        return f'| {self.name} | {self.case} | {self.rounds} | {result} |'


def table(faults: list[Fault]) -> str:
    """Return the whole document."""
    head = HEAD.format(
        date=datetime.date.today().isoformat(),
        passed=sum(fault.result == 'passed' for fault in faults),
        skipped=sum(fault.result == 'skipped' for fault in faults),
        rounds=sum(fault.rounds for fault in faults),
        all=len(faults),
    )
    return head + '\n'.join(fault.row() for fault in faults) + '\n'
