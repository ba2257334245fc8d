"""What the fault tests share, and the table that they leave."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import engine
from tests.faults.report import Fault, table

Rounds = Callable[[int, int], int]
DONE = pytest.StashKey[list[Fault]]()


@pytest.fixture(autouse=True)
def engine_is_built(built_engine: engine.Engine) -> None:
    """No fault is tested against a missing engine."""


@pytest.fixture
def rounds(whole: bool, record_property: Callable[[str, object], None]) -> Rounds:
    """Return a function that takes the bounded and the whole number of rounds of a test."""

    def choose(bounded: int, all_of_them: int) -> int:
        chosen = all_of_them if whole else bounded
        record_property('rounds', chosen)
        return chosen

    return choose


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how each fault went, for the table."""
    report = yield
    if report.when == 'call' or report.skipped:
        done = item.config.stash.setdefault(DONE, [])
        done.append(Fault.of(item, report))
    return report


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Write the table of the whole run where the documentation has it."""
    if config.getoption('--whole') and DONE in config.stash:
        target = Path(config.rootpath) / 'docs' / 'reliability.md'
        target.parent.mkdir(exist_ok=True)
        target.write_text(table(config.stash[DONE]))
