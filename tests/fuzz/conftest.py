"""The service that the raw connections meet, and the count of what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import engine
from tests.faults.held import await_that
from tests.service import Service, serving

SLOTS, QUEUE_LIMIT = 1, 1
THREADS = SLOTS + QUEUE_LIMIT + 4  # see gunicorn.conf.py

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


@pytest.fixture(scope='module')
def running(
    tmp_path_factory: pytest.TempPathFactory, built_engine: engine.Engine
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp('raw')
    given = {'SLOTS': str(SLOTS), 'QUEUE_LIMIT': str(QUEUE_LIMIT)}
    with serving(folder, ENGINE='warm', **given) as service:
        assert_serves(service)
        yield service
        assert_serves(service)


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """Is free before and after, by one and the same worker, and logs no defect."""
    before = len(running.log())
    yield running
    assert running.get('/healthz').json() == {'status': 'ok'}
    await_that(lambda: is_free(running))
    log = running.log()
    assert 'Traceback' not in log[before:]
    assert log.count('Booting worker') == 1


def is_free(service: Service) -> bool:
    """Tell whether a request would have a slot at once."""
    figures = service.get('/metrics').text.splitlines()
    return {f'slots_free {float(SLOTS)}', 'queue_length 0.0'} <= set(figures)


def assert_serves(service: Service) -> None:
    assert service.get('/healthz').json() == {'status': 'ok'}
    assert service.get('/uuid').status_code == 200


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if sent := terminalreporter.config.stash.get(SENT, {}):
        terminalreporter.write_line(f'fuzz: {sum(sent.values())} cases sent')
