"""The count of what was sent, which the closing report names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

SENT = pytest.StashKey[dict[str, int]]()

CountSent = Callable[[int], None]


@pytest.fixture
def count_sent(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> CountSent:
    """Add to the cases that this test sent: for the summary, and the table of faults."""

    def count(cases: int) -> None:
        sent = request.config.stash.setdefault(SENT, {})
        sent[request.node.nodeid] = sent.get(request.node.nodeid, 0) + cases
        record_property('notes', f'{sent[request.node.nodeid]} cases')

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if sent := terminalreporter.config.stash.get(SENT, {}):
        terminalreporter.write_line(f'fuzz: {sum(sent.values())} cases sent')
